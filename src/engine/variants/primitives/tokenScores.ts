/** Dot products of every token with a few vectors, some thousand tokens at a time. */

import type { Executor } from '../../onnx/graph';
import { paddedLength } from './mixer';
import { product } from './product';

/** Numbers of a score map. */
const MOST = 2 ** 20;

/**
 * Visits `x_i . w_c` for tokens `i` of `x [P, D]` and vectors `w [C, D]` (columns of `[D, C]`): each call
 * gets the scores of `count` tokens from `start` on, `[T, C]` with `T >= count`.
 */
export async function eachScores(
  executor: Executor,
  { x, tokens, columns, width }: TokenScores,
  visit: (start: number, count: number, scores: Float32Array) => void,
): Promise<void> {
  const many = columns.length / width;
  const length = Math.min(paddedLength(tokens), Math.max(64, Math.floor(MOST / many / 64) * 64));
  for (let start = 0; start < tokens; start += length) {
    const count = Math.min(length, tokens - start);
    const part = new Float32Array(length * width);
    part.set(x.subarray(start * width, (start + count) * width));
    visit(start, count, await product(executor, [length, width, many], part, columns));
  }
}

export interface TokenScores {
  /** `[P, D]` of one head. */
  readonly x: Float32Array;
  readonly tokens: number;
  /** `[D, C]` */
  readonly columns: Float32Array;
  /** `D` */
  readonly width: number;
}

/** `[C, D] -> [D, C]` */
export function asColumns(rows: Float32Array, width: number): Float32Array {
  const count = rows.length / width;
  const columns = new Float32Array(rows.length);
  for (let c = 0; c < count; c++)
    for (let d = 0; d < width; d++) columns[d * count + c] = rows[c * width + d]!;
  return columns;
}
