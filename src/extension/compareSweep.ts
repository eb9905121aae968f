/** Budgets as people type them for a sweep. */

import type { ParamSpec, VariantInfo } from '../protocol/inspection';
import { describeAllowed, isAllowed } from './parameters';

/** Values of one sweep, at most: each is attended with in every layer. */
const MOST_VALUES = 16;

/** Parameters that are numbers, but no budget. */
const NO_BUDGETS: readonly string[] = ['seed', 'scale'];

/** The parameters of a variant that a sweep can look for the smallest value of. */
export function budgetsOf({ params }: VariantInfo): readonly (readonly [name: string, spec: ParamSpec])[] {
  return Object.entries(params).filter(
    ([name, { type }]) => ['integer', 'number', 'size'].includes(type) && !NO_BUDGETS.includes(name),
  );
}

/** Values to start from: doubling up to the document's length, or spread over a range that ends at one. */
export function suggestedBudgets(spec: ParamSpec, tokens: number): string {
  if (spec.type !== 'integer' && spec.type !== 'size' && spec.type !== 'number') return '';
  if (spec.type === 'number' && spec.max <= 1) return '0.5, 0.8, 0.9, 0.95, 0.99';
  const most = Math.min(spec.max, tokens);
  const values = [4, 16, 64, 256, 1024, 4096, 16_384].filter(value => value >= spec.min && value < most);
  return (values.length === 0 ? [Math.max(spec.min, Math.min(spec.max, 1))] : values).join(', ');
}

/** @returns the values, ascending and each once; or a sentence about what is wrong with them. */
export function readBudgets(spec: ParamSpec, text: string): readonly number[] | string {
  const words = text.split(/[\s,]+/).filter(word => word !== '');
  const values = words.map(Number);
  const wrong = words[values.findIndex(value => !Number.isFinite(value) || !isAllowed(spec, value))];
  if (wrong !== undefined) return `${wrong} is not ${describeAllowed(spec)}.`;
  const sorted = [...new Set(values)].sort((a, b) => a - b);
  if (sorted.length < 2) return 'Enter two values or more, such as 64, 256, 1024.';
  return sorted.length <= MOST_VALUES ? sorted : `Enter at most ${MOST_VALUES} values.`;
}

/** @returns a share above 0 and up to 1; or a sentence about what is wrong with it. */
export function readTarget(text: string): number | string {
  const value = Number(text.trim());
  return value > 0 && value <= 1 ? value : 'Enter a share above 0 and up to 1, such as 0.95.';
}
