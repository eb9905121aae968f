/** Pools long arrays to the pixels there are. */

import type { Range } from './axis';

/**
 * Mass of each of `columns` equal parts of `range`, from a profile of equal cells over `total` tokens.
 * A cell that a column cuts gives it its share, so that the mass over the whole document is kept.
 */
export function poolMass(profile: Float32Array, total: number, range: Range, columns: number): Float32Array {
  const out = new Float32Array(Math.max(0, columns));
  const cells = profile.length;
  if (cells === 0 || total <= 0 || columns <= 0) return out;
  const toCell = cells / total;
  const toColumn = columns / (range.end - range.start);
  const first = Math.max(0, Math.floor(range.start * toCell));
  const last = Math.min(cells - 1, Math.ceil(range.end * toCell) - 1);
  for (let cell = first; cell <= last; cell++) {
    const mass = profile[cell]!;
    if (mass === 0 || !Number.isFinite(mass)) continue;
    const from = (cell / toCell - range.start) * toColumn;
    const to = ((cell + 1) / toCell - range.start) * toColumn;
    const begin = Math.max(0, Math.floor(from));
    const stop = Math.min(columns - 1, Math.ceil(to) - 1);
    for (let column = begin; column <= stop; column++) {
      const overlap = Math.min(to, column + 1) - Math.max(from, column);
      if (overlap > 0) out[column]! += (mass * overlap) / (to - from);
    }
  }
  return out;
}

/** The least, greatest and mean value of each column; NaN where a column has no finite value. */
export interface Pooled {
  readonly low: Float32Array;
  readonly high: Float32Array;
  readonly mean: Float32Array;
}

export function poolSeries(values: Float32Array, range: Range, columns: number): Pooled {
  const low = new Float32Array(columns).fill(Number.NaN);
  const high = new Float32Array(columns).fill(Number.NaN);
  const mean = new Float32Array(columns).fill(Number.NaN);
  const step = (range.end - range.start) / Math.max(1, columns);
  for (let column = 0; column < columns; column++) {
    const begin = Math.max(0, Math.floor(range.start + column * step));
    const stop = Math.max(begin + 1, Math.ceil(range.start + (column + 1) * step));
    let sum = 0;
    let seen = 0;
    let least = Number.POSITIVE_INFINITY;
    let greatest = Number.NEGATIVE_INFINITY;
    for (let index = begin; index < stop && index < values.length; index++) {
      const value = values[index]!;
      if (!Number.isFinite(value)) continue;
      sum += value;
      seen += 1;
      if (value < least) least = value;
      if (value > greatest) greatest = value;
    }
    if (seen === 0) continue;
    low[column] = least;
    high[column] = greatest;
    mean[column] = sum / seen;
  }
  return { low, high, mean };
}

/** The least and greatest finite values; undefined when there is none. */
export function extent(values: Float32Array): readonly [number, number] | undefined {
  let least = Number.POSITIVE_INFINITY;
  let greatest = Number.NEGATIVE_INFINITY;
  for (const value of values) {
    if (!Number.isFinite(value)) continue;
    if (value < least) least = value;
    if (value > greatest) greatest = value;
  }
  return least > greatest ? undefined : [least, greatest];
}

/** Positions of the `limit` greatest finite values, greatest first; ties by position. */
export function greatest(values: Float32Array, limit: number): readonly number[] {
  const best: number[] = [];
  for (let index = 0; index < values.length; index++) {
    const value = values[index]!;
    if (!Number.isFinite(value)) continue;
    if (best.length === limit && value <= values[best[limit - 1]!]!) continue;
    let place = best.length;
    while (place > 0 && values[best[place - 1]!]! < value) place -= 1;
    best.splice(place, 0, index);
    if (best.length > limit) best.pop();
  }
  return best;
}
