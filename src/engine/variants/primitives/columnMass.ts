/** How much a few queries attend to every key: column sums of their dense rows. */

import { floats } from '../../onnx/tensor';
import { keyIndex } from './keys';
import { type Block, type Layer, scaleOf, takeRows } from './mixer';
import { withoutFactor } from './positionTerm';
import { softmaxWeights } from './softmaxRows';

/** Weights of a call. */
const MOST = 2 ** 22;

/** Sums over the causal softmax rows of `queries`, `[H, queries.end]`; `scale` 0 stands for `1/sqrt(D)`. */
export async function columnMass(
  { executor, q, k, v, position }: Layer,
  queries: Block,
  scale: number,
): Promise<Float64Array> {
  const [heads, , width] = q.shape as [number, number, number];
  const groups = k.shape[0]!;
  const keys = keyIndex([0, queries.end]);
  const stride = keys.rows.length;
  const sums = new Float64Array(heads * queries.end);
  const length = Math.max(1, Math.floor(MOST / (heads * stride)));
  for (let start = queries.start; start < queries.end; start += length) {
    const count = Math.min(length, queries.end - start);
    const rows = Array.from({ length: count }, (_, b) => start + b);
    const weights = await softmaxWeights({
      executor,
      q: floats([groups, heads / groups, count, width], takeRows(q, rows).data),
      k,
      v,
      scale: scaleOf(scale, width),
      causal: true,
      queries: Float32Array.from(rows),
      keys,
      position: position && {
        term: withoutFactor(position),
        heads: Array.from({ length: heads }, (_, head) => head),
      },
    });
    for (let row = 0; row < heads * count; row++) {
      const to = Math.floor(row / count) * queries.end;
      const from = row * stride;
      for (let j = 0; j < queries.end; j++) sums[to + j]! += weights[from + j]!;
    }
  }
  return sums;
}
