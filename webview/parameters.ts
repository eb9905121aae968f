/** Reads what a person typed for a variant's parameters. */

import type { ParamSpec, ParamValue } from '../src/protocol/inspection';
import { count } from './format';

export type Reading =
  { readonly ok: true; readonly value: ParamValue } | { readonly ok: false; readonly problem: string };

/** `1 to 65,536` for numbers; empty for the rest. */
export function bounds(spec: ParamSpec): string {
  if (spec.type === 'integer') return `${count(spec.min)} to ${count(spec.max)}`;
  if (spec.type === 'number') return `${spec.min} to ${spec.max}`;
  if (spec.type === 'size') return `${count(spec.min)} to ${count(spec.max)}, or ${spec.words.join(', ')}`;
  return '';
}

export function readParameter(name: string, spec: ParamSpec, text: string): Reading {
  if (spec.type === 'boolean') return { ok: true, value: text === 'true' };
  if (spec.type === 'choice') {
    return spec.choices.includes(text)
      ? { ok: true, value: text }
      : { ok: false, problem: `${name} is one of ${spec.choices.join(', ')}.` };
  }
  if (spec.type === 'size' && spec.words.includes(text.trim())) return { ok: true, value: text.trim() };
  const typed = text.trim().replaceAll(/[,_\s]/g, '');
  const value = typed === '' ? Number.NaN : Number(typed);
  const whole = spec.type === 'number' || Number.isInteger(value);
  if (Number.isFinite(value) && whole && value >= spec.min && value <= spec.max) return { ok: true, value };
  const noun = spec.type === 'number' ? 'a number' : 'a whole number';
  return { ok: false, problem: `${name} is ${noun} from ${bounds(spec)}.` };
}

/** The parameters that differ from their defaults. */
export function changed(
  params: Readonly<Record<string, ParamSpec>>,
  values: Readonly<Record<string, ParamValue>>,
): Readonly<Record<string, ParamValue>> {
  return Object.fromEntries(
    Object.entries(values).filter(
      ([name, value]) => params[name] !== undefined && params[name].default !== value,
    ),
  );
}
