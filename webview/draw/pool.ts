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
