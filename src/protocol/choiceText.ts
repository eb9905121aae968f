/** Choices of variants and layers in words, as every program shows and takes them. */

import type { Schedule, VariantChoice } from './inspection';

/** A variant with the parameters that differ from their defaults, such as `local (window 64)`. */
export function describeChoice({ id, params }: VariantChoice): string {
  const shown = Object.entries(params).map(([name, value]) => `${name} ${String(value)}`);
  return shown.length === 0 ? id : `${id} (${shown.join(', ')})`;
}

/** What follows a variant where it is not the only one, or runs in shadow, such as ` in layers 0-1, in shadow`. */
export function describeSchedule({ mode, layers, others }: Schedule): string {
  const where = layers.trim() === 'all' ? '' : ` in layers ${layers}`;
  const elsewhere = others.map(other => `, ${describeChoice(other.variant)} in ${other.layers}`);
  return [where, ...elsewhere, mode === 'shadow' ? ', in shadow' : ''].join('');
}

/** Whether words name layers, whatever their number; the engine knows how many there are. */
export function isLayerList(words: string): boolean {
  return /^\s*(all|\d+(\s*-\s*\d+)?(\s*,\s*\d+(\s*-\s*\d+)?)*)\s*$/.test(words);
}
