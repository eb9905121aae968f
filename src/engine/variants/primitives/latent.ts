/**
 * Attention through a few latent slots: queries attend to `C` slots, and every slot is a fixed mixture of
 * tokens. A block costs `B · C`, a row `N · C`.
 *
 * `M_ij = sum_c softmax(q_i . keys_c * scale)_c spread_cj`, with values `sum_j spread_cj v_j`.
 */

import { floats, type FloatTensor } from '../../onnx/tensor';
import { keyIndex } from './keys';
import { type Block, type Layer, type Mixer, type PlanNode, takeRows } from './mixer';
import { softmaxAttend, type SoftmaxCall, softmaxWeights } from './softmaxRows';

export interface LatentMixer {
  /** `C` */
  readonly slots: number;
  /** `[H, C, D]` */
  readonly keys: FloatTensor;
  /** `[H, C, E]` */
  readonly values: FloatTensor;
  readonly scale: number;
  /** `sum_c shares_c spread_cj` for every token: `[C] -> [N]`. */
  spread(head: number, shares: Float32Array): Promise<Float32Array> | Float32Array;
  structure(query: number | undefined): readonly PlanNode[];
}

export function latentMixer(
  layer: Layer,
  { slots, keys, values, scale, spread, structure }: LatentMixer,
): Mixer {
  const { q, tokens } = layer;
  const [heads, , width] = q.shape as [number, number, number];
  const everyToken = Int32Array.from({ length: tokens }, (_, j) => j);

  return {
    cost: ({ start, end }) => (end - start) * slots,
    structure,

    async attend({ start, end }: Block) {
      const length = end - start;
      const rows = takeRows(
        q,
        Array.from({ length }, (_, b) => start + b),
      );
      const call = slotCall(layer, floats([heads, 1, length, width], rows.data), keys, values, slots, scale);
      return { y: (await softmaxAttend(call)).y, stats: undefined };
    },

    async row(head, query) {
      const at = (head * q.shape[1]! + query) * width;
      const one = floats([1, 1, 1, width], q.data.subarray(at, at + width));
      const shares = await softmaxWeights(
        slotCall(layer, one, ofHead(keys, head), ofHead(values, head), slots, scale),
      );
      return { keys: everyToken, weights: await spread(head, shares.subarray(0, slots)) };
    },
  };
}

/** A softmax of `q [S, 1, B, D]` over the first `count` keys, whatever the positions. */
export function slotCall(
  { executor }: Pick<Layer, 'executor'>,
  q: FloatTensor,
  k: FloatTensor,
  v: FloatTensor,
  count: number,
  scale: number,
): SoftmaxCall {
  // Queries stand behind every key, so that causality hides nothing but padding.
  const queries = new Float32Array(q.shape[2]!).fill(count);
  return { executor, q, k, v, scale, causal: true, queries, keys: keyIndex([0, count]) };
}

/** One head of `[H, C, D]`, as `[1, C, D]` over the same memory. */
export function ofHead(x: FloatTensor, head: number): FloatTensor {
  const [, length, width] = x.shape as [number, number, number];
  return floats([1, length, width], x.data.subarray(head * length * width, (head + 1) * length * width));
}
