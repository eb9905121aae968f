/** Weighted sums over the tokens of a document, some thousand tokens at a time. */

import type { Executor } from '../../onnx/graph';
import { floats, type FloatTensor } from '../../onnx/tensor';
import { paddedLength } from './mixer';
import { product } from './product';

/** Tokens of a product. */
const CHUNK = 4096;

/**
 * `sum_j weights[h, r, j] x[g(h), j]`: weights `[H, R, N]` or `[1, R, N]`, x `[G, P, W]` -> `[S, R, W]`,
 * where `S` is the larger of their head counts and a multiple of the other.
 */
export async function tokenSums(
  executor: Executor,
  weights: FloatTensor,
  x: FloatTensor,
): Promise<FloatTensor> {
  const [heads, rows, tokens] = weights.shape as [number, number, number];
  const [groups, stride, width] = x.shape as [number, number, number];
  const streams = Math.max(heads, groups);
  const length = Math.min(CHUNK, paddedLength(tokens));
  const sums = floats([streams, rows, width]);
  for (let stream = 0; stream < streams; stream++) {
    const w = Math.floor((stream * heads) / streams) * rows;
    const from = Math.floor((stream * groups) / streams) * stride;
    for (let start = 0; start < tokens; start += length) {
      const count = Math.min(length, tokens - start);
      const left = new Float32Array(rows * length);
      for (let r = 0; r < rows; r++) {
        const at = (w + r) * tokens + start;
        left.set(weights.data.subarray(at, at + count), r * length);
      }
      const right = new Float32Array(length * width);
      right.set(x.data.subarray((from + start) * width, (from + start + count) * width));
      const part = await product(executor, [rows, length, width], left, right);
      const to = stream * rows * width;
      for (let i = 0; i < part.length; i++) sums.data[to + i]! += part[i]!;
    }
  }
  return sums;
}
