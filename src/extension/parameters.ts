/** Values of variant parameters as people type them, checked against what the variant declares. */

import type { ParamSpec, ParamValue, VariantChoice, VariantInfo } from '../protocol/inspection';
import { Problem } from '../protocol/problem';

/** What a parameter takes, in words, such as `a whole number from 1 to 4096`. */
export function describeAllowed(spec: ParamSpec): string {
  switch (spec.type) {
    case 'integer':
      return `a whole number from ${spec.min} to ${spec.max}`;
    case 'number':
      return `a number from ${spec.min} to ${spec.max}`;
    case 'size':
      return `a whole number from ${spec.min} to ${spec.max} or one of ${spec.words.join(', ')}`;
    case 'boolean':
      return 'true or false';
    case 'choice':
      return `one of ${spec.choices.join(', ')}`;
  }
}

/** True when the parameter takes this value. */
export function isAllowed(spec: ParamSpec, value: unknown): value is ParamValue {
  switch (spec.type) {
    case 'integer':
      return Number.isInteger(value) && isWithin(spec, value);
    case 'size':
      return typeof value === 'string'
        ? spec.words.includes(value)
        : Number.isInteger(value) && isWithin(spec, value);
    case 'number':
      return isWithin(spec, value);
    case 'boolean':
      return typeof value === 'boolean';
    case 'choice':
      return typeof value === 'string' && spec.choices.includes(value);
  }
}

function isWithin(spec: { readonly min: number; readonly max: number }, value: unknown): boolean {
  return typeof value === 'number' && value >= spec.min && value <= spec.max;
}

/** Reads typed text; undefined when the parameter does not take it. */
export function parseParam(spec: ParamSpec, text: string): ParamValue | undefined {
  const typed = text.trim();
  const readings: readonly ParamValue[] = [
    ...(typed === '' || Number.isNaN(Number(typed)) ? [] : [Number(typed)]),
    ...(/^(true|false)$/i.test(typed) ? [typed.toLowerCase() === 'true'] : []),
    typed,
  ];
  return readings.find(reading => isAllowed(spec, reading));
}

/** The value in force: the chosen one, or the default. */
export function valueOf(choice: VariantChoice, name: string, spec: ParamSpec): ParamValue {
  return choice.params[name] ?? spec.default;
}

/** The same choice without the parameters that equal their defaults. */
export function withoutDefaults(
  variant: VariantInfo,
  params: Readonly<Record<string, ParamValue>>,
): VariantChoice {
  const kept = Object.entries(params).filter(([name, value]) => variant.params[name]?.default !== value);
  return { id: variant.id, params: Object.fromEntries(kept) };
}

/**
 * Finds the variant of a choice and checks its parameters.
 *
 * @throws {Problem} naming the variant, parameter or value that does not exist and what does.
 */
export function checkChoice(variants: readonly VariantInfo[], choice: VariantChoice): VariantInfo {
  const variant = variants.find(candidate => candidate.id === choice.id);
  if (variant === undefined) {
    const known = variants.map(candidate => candidate.id).join(', ');
    throw new Problem(`The variant "${choice.id}" does not exist; choose one of ${known}.`);
  }
  for (const [name, value] of Object.entries(choice.params)) {
    const spec = variant.params[name];
    if (spec === undefined) {
      const names = Object.keys(variant.params).join(', ');
      const known = names === '' ? 'it takes none' : `it takes ${names}`;
      throw new Problem(`The variant ${variant.id} has no parameter "${name}"; ${known}.`);
    }
    if (!isAllowed(spec, value)) {
      throw new Problem(
        `The parameter "${name}" of the variant ${variant.id} must be ${describeAllowed(spec)}; found ${JSON.stringify(value)}.`,
      );
    }
  }
  return variant;
}
