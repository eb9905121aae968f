/** Which keys a block of queries may touch: sorted disjoint ranges, laid out in whole tiles. */

import { roundedUp } from '../../onnx/rounding';
import { floats, type FloatTensor } from '../../onnx/tensor';
import { TILE } from './mixer';

/** The position that stands for "no key": later than every token. */
export const NOWHERE = 2 ** 30;

/** The score of a key that a query may not see; finite, so that products with weight 0 stay 0. */
export const HIDDEN = -1e30;

/** Flat half-open pairs: start, end, start, end … */
export type Ranges = readonly number[];

/** Cuts ranges to `0 … limit`, sorts them and joins those that touch. */
export function ranges(limit: number, ...pairs: readonly (readonly [number, number])[]): number[] {
  const cut = pairs
    .map(([start, end]): [number, number] => [Math.max(0, start), Math.min(limit, end)])
    .filter(([start, end]) => start < end)
    .sort((a, b) => a[0] - b[0]);
  const joined: number[] = [];
  for (const [start, end] of cut) {
    const last = joined.at(-1);
    if (last !== undefined && start <= last) joined[joined.length - 1] = Math.max(last, end);
    else joined.push(start, end);
  }
  return joined;
}

export function rangesLength(flat: Ranges): number {
  let total = 0;
  for (let at = 0; at < flat.length; at += 2) total += flat[at + 1]! - flat[at]!;
  return total;
}

/** Keys as a graph takes them. */
export interface KeyIndex {
  /** How many are real; the rest pad the last tile. */
  readonly count: number;
  /** `[K]` rows of the key array. */
  readonly rows: Int32Array;
  /** `[K]` positions as float32, exact up to 2^24; `NOWHERE` for padding. */
  readonly positions: Float32Array;
}

/** `K` for so many keys: whole tiles, and few lengths where the device wants few shapes. */
export function keyLength(count: number, wantsFewShapes: boolean): number {
  return wantsFewShapes ? roundedUp(count, TILE) : Math.max(TILE, Math.ceil(count / TILE) * TILE);
}

/** `K` is the number of keys rounded up to whole tiles. */
export function keyIndex(flat: Ranges): KeyIndex {
  const count = rangesLength(flat);
  const length = keyLength(count, false);
  const rows = new Int32Array(length);
  const positions = new Float32Array(length).fill(NOWHERE);
  let at = 0;
  for (let pair = 0; pair < flat.length; pair += 2) {
    for (let position = flat[pair]!; position < flat[pair + 1]!; position++) {
      rows[at] = position;
      positions[at] = position;
      at += 1;
    }
  }
  return { count, rows, positions };
}

/**
 * The keys' rows of `x [S, P, W]`, as `[S, K, W]`: over the same memory where they follow one another in a
 * single stream, copied run by run elsewhere. Padding holds whatever lies there.
 */
export function takeKeys(x: FloatTensor, { rows, count }: KeyIndex): FloatTensor {
  const [streams, stride, width] = x.shape as [number, number, number];
  const { data } = x;
  const length = rows.length;
  const first = rows[0]!;
  if (streams === 1 && first + length <= stride && runEnd(rows, 0, count) >= count) {
    return floats([1, length, width], data.subarray(first * width, (first + length) * width));
  }
  const taken = floats([streams, length, width]);
  for (let at = 0; at < count;) {
    const end = runEnd(rows, at, count);
    for (let stream = 0; stream < streams; stream++) {
      const from = (stream * stride + rows[at]!) * width;
      taken.data.set(data.subarray(from, from + (end - at) * width), (stream * length + at) * width);
    }
    at = end;
  }
  return taken;
}

/** Where the rows that follow one another from `at` on end. */
function runEnd(rows: Int32Array, at: number, count: number): number {
  let end = at + 1;
  while (end < count && rows[end] === rows[end - 1]! + 1) end += 1;
  return end;
}
