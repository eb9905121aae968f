/** What the last queries of a document attend to, summed over columns and diagonals. */

import { floats } from '../../onnx/tensor';
import { keyIndex } from './keys';
import { type Layer, takeRows } from './mixer';
import { withoutFactor } from './positionTerm';
import { softmaxWeights } from './softmaxRows';

/** Sums of causal attention rows, of one head. */
export interface LineSums {
  /** `[N]` by key. */
  readonly columns: Float64Array;
  /** `[N]` by distance `i - j`. */
  readonly diagonals: Float64Array;
}

/** Weights held at a time. */
const WEIGHTS = 2 ** 22;

/** Of the last `probe` queries of every head; takes memory of a few rows, and time of `probe * N`. */
export async function lineSums(layer: Layer, probe: number, scale: number): Promise<LineSums[]> {
  const { executor, q, k, v, tokens, position } = layer;
  const [heads, , width] = q.shape as [number, number, number];
  const groups = k.shape[0]!;
  const sums = Array.from({ length: heads }, () => ({
    columns: new Float64Array(tokens),
    diagonals: new Float64Array(tokens),
  }));
  const everyHead = Array.from({ length: heads }, (_, head) => head);
  const keys = keyIndex([0, tokens]);
  const rows = Math.max(1, Math.min(64, 2 ** Math.floor(Math.log2(WEIGHTS / (heads * tokens)))));
  for (let first = Math.max(0, tokens - probe); first < tokens; first += rows) {
    const queries = Array.from({ length: Math.min(rows, tokens - first) }, (_, b) => first + b);
    const weights = await softmaxWeights({
      executor,
      q: floats([groups, heads / groups, queries.length, width], takeRows(q, queries).data),
      k,
      v,
      scale,
      causal: true,
      queries: Float32Array.from(queries),
      keys,
      position: position && { term: withoutFactor(position), heads: everyHead },
    });
    sums.forEach(({ columns, diagonals }, head) => {
      queries.forEach((query, b) => {
        const from = (head * queries.length + b) * keys.rows.length;
        for (let j = 0; j <= query; j++) {
          const weight = weights[from + j]!;
          columns[j]! += weight;
          diagonals[query - j]! += weight;
        }
      });
    });
  }
  return sums;
}
