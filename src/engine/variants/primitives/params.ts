/** Parameters of variants: how a variant declares them, and how a choice of values is checked. */

import type { ParamSpec, ParamValue } from '../../../protocol/inspection';
import { Problem } from '../../../protocol/problem';

type Spec<T extends ParamSpec['type']> = Extract<ParamSpec, { type: T }>;
export type ParamSpecs = Readonly<Record<string, ParamSpec>>;

type ValueOf<S extends ParamSpec> = S extends { type: 'integer' | 'number' }
  ? number
  : S extends { type: 'boolean' }
    ? boolean
    : S extends { type: 'size' }
      ? number | string
      : string;

/** The values of a set of parameters, each of its spec's type. */
export type Params<S extends ParamSpecs> = { readonly [K in keyof S]: ValueOf<S[K]> };

/** The largest count any parameter may take: positions stay exact in float32. */
export const MOST_TOKENS = 2 ** 24;

export function integer(preset: number, min: number, max: number, help: string): Spec<'integer'> {
  return { type: 'integer', default: preset, min, max, help };
}

export function number(preset: number, min: number, max: number, help: string): Spec<'number'> {
  return { type: 'number', default: preset, min, max, help };
}

export function boolean(preset: boolean, help: string): Spec<'boolean'> {
  return { type: 'boolean', default: preset, help };
}

export function choice(preset: string, choices: readonly string[], help: string): Spec<'choice'> {
  return { type: 'choice', default: preset, choices, help };
}

export function size(preset: number | string, words: readonly string[], help: string): Spec<'size'> {
  return { type: 'size', default: preset, min: 1, max: MOST_TOKENS, words, help };
}

/** Of every softmax variant. */
export const causal = boolean(true, 'A token sees itself and earlier tokens only.');

/** Of every variant with scores `q.k`. */
export const scale = number(0, 0, 1e6, 'Factor on q.k; 0 stands for 1/sqrt(head width).');

/**
 * The values to run with: the given ones over the defaults.
 *
 * @throws Problem naming the parameter, what it takes and what was found.
 */
export function resolveParams<S extends ParamSpecs>(
  variant: string,
  specs: S,
  given: Readonly<Record<string, unknown>>,
): Params<S> {
  for (const [name, value] of Object.entries(given)) {
    if (Object.hasOwn(specs, name) || (name === 'causal' && value === true)) continue;
    if (name === 'causal' && value === false)
      throw new Problem(`The variant '${variant}' has no bidirectional form; leave out 'causal'.`);
    const known = Object.keys(specs).join(', ');
    throw new Problem(
      `The variant '${variant}' has no parameter '${name}'. It takes ${known === '' ? 'none' : known}.`,
    );
  }
  const values = Object.entries(specs).map(([name, spec]): [string, ParamValue] => {
    const value = Object.hasOwn(given, name) ? given[name] : undefined;
    return [name, value === undefined ? spec.default : checked(`'${name}' of '${variant}'`, spec, value)];
  });
  return Object.fromEntries(values) as Params<S>;
}

/** A value typed by a person, such as `window=128` on a command line. */
export function parseParam(spec: ParamSpec | undefined, text: string): ParamValue {
  if (spec?.type === 'boolean' && (text === 'true' || text === 'false')) return text === 'true';
  const wantsNumber = spec?.type === 'integer' || spec?.type === 'number' || spec?.type === 'size';
  return wantsNumber && text.trim() !== '' && Number.isFinite(Number(text)) ? Number(text) : text;
}

function checked(label: string, spec: ParamSpec, value: unknown): ParamValue {
  const wrong = (expected: string) =>
    new Problem(`The parameter ${label} takes ${expected}, but it is ${JSON.stringify(value)}.`);
  switch (spec.type) {
    case 'boolean':
      if (typeof value === 'boolean') return value;
      throw wrong('true or false');
    case 'choice':
      if (choiceOf(spec.choices, value) !== undefined) return choiceOf(spec.choices, value)!;
      throw wrong(`one of ${spec.choices.join(', ')}`);
    case 'size':
      if (typeof value === 'string' && spec.words.includes(value)) return value;
      if (isWithin(value, spec) && Number.isInteger(value)) return value;
      throw wrong(`a whole number from ${spec.min} to ${spec.max}, or ${spec.words.join(' or ')}`);
    case 'integer':
      if (isWithin(value, spec) && Number.isInteger(value)) return value;
      throw wrong(`a whole number from ${spec.min} to ${spec.max}`);
    case 'number':
      if (isWithin(value, spec)) return value;
      throw wrong(`a number from ${spec.min} to ${spec.max}`);
  }
}

/** The choice that a value names. A list of words keeps its order, and may be an array; an empty one is `none`. */
function choiceOf(choices: readonly string[], value: unknown): string | undefined {
  if (typeof value === 'string' && choices.includes(value)) return value;
  const words: unknown = typeof value === 'string' ? value.split(',').map(word => word.trim()) : value;
  if (!Array.isArray(words) || !words.every(word => typeof word === 'string')) return undefined;
  const listed = words.filter(Boolean);
  const key = (list: readonly string[]) => [...list].sort().join();
  const known = choices.some(choice => key(choice.split(',')) === (key(listed) || 'none'));
  return known ? listed.join() || 'none' : undefined;
}

function isWithin(value: unknown, { min, max }: { min: number; max: number }): value is number {
  return typeof value === 'number' && value >= min && value <= max;
}
