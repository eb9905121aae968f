/**
 * The delta rule: `S_t = S_{t-1} + β_t k_t (v_t - S_{t-1}ᵀ k_t)ᵀ`, read as `y_t = scale · S_tᵀ q_t`:
 *
 *   M = scale · tril(QKᵀ) (I + tril(diag(β) K Kᵀ, -1))⁻¹ diag(β)
 *
 * Schlag et al. 2021, arXiv 2102.11174; in chunks as in Yang et al. 2024, arXiv 2406.06484.
 * `β` is the tensor `beta` `[H, N]`; without it `β_t = strength / |k_t|²`, so that a write
 * replaces that share of what its key held.
 */

import type { GraphBuilder } from '../onnx/builder';
import type { Feeds, Value } from '../onnx/graph';
import { floats } from '../onnx/tensor';
import { deltaReference } from './delta.reference';
import { type Layer, type Mixer, type MixerRow, scaleOf, variant } from './primitives/mixer';
import { ownTensor } from './primitives/ownTensor';
import { number, type Params, scale } from './primitives/params';
import { type Cell, pattern, scan } from './primitives/scan';

const params = {
  strength: number(0.5, 0, 2, 'Share of what a key held that its write replaces, without a tensor beta.'),
  scale,
};
export type DeltaParams = Params<typeof params>;

export const delta = variant({
  id: 'delta',
  title: 'Delta rule',
  summary: 'A token reads a state in which every key’s write replaced part of what that key held.',
  source: 'arXiv 2102.11174, 2406.06484',
  trainingClass: 'SP',
  cost: 'N·D²',
  plan: [],
  distribution: false,
  params,
  examples: [
    { params: {} },
    { params: { strength: 1, scale: 1 } },
    {
      params: {},
      tensors: ({ heads, tokens, normal }) => ({
        beta: floats(
          [heads, tokens],
          Float32Array.from({ length: heads * tokens }, () => 0.02 / (1 + Math.exp(-normal()))),
        ),
      }),
    },
  ],
  open,
  reference: deltaReference,
});

const CHUNK = 64;

function open(layer: Layer, { strength, scale: given }: DeltaParams): Mixer {
  const { tokens, q, k, v } = layer;
  const [heads, , width] = q.shape as [number, number, number];
  const scale = scaleOf(given, width);
  const keyAt = (head: number, token: number) => {
    const at = (Math.floor((head * k.shape[0]!) / heads) * k.shape[1]! + token) * width;
    return k.data.subarray(at, at + width);
  };
  const beta = ownTensor(layer.tensors, 'beta', [heads, tokens]);
  const betaAt = (head: number, token: number) => {
    if (beta !== undefined) return beta.data[head * tokens + token]!;
    const key = keyAt(head, token);
    return strength / Math.max(dot(key, key), 1e-12);
  };

  const cell: Cell = {
    key: 'delta',
    chunk: CHUNK,
    stateShape: [heads, width, 'E'],
    stateSize: [heads, width, v.shape[2]!],
    inputs: { beta: [heads, CHUNK, 1], scale: [] },
    feeds(start): Feeds {
      const strengths = floats([heads, CHUNK, 1]);
      for (let at = 0; at < strengths.data.length; at++) {
        const token = start + (at % CHUNK);
        if (token < tokens) strengths.data[at] = betaAt(Math.floor(at / CHUNK), token);
      }
      return { beta: strengths, scale: floats([], Float32Array.of(scale)) };
    },
    step(g, { q, k, v, state, own }) {
      const query = g.mul(q, own('scale'));
      const keysT = g.transpose(k, 0, 2, 1);
      const weighted = g.mul(k, own('beta'));
      const erasing = g.mul(
        g.matMul(weighted, keysT),
        pattern(g, CHUNK, (i, j) => j < i),
      );
      const inverse = unitLowerInverse(g, erasing, CHUNK);
      // What each token adds to the state once its key's earlier content is taken off.
      const written = g.sub(
        g.matMul(inverse, g.mul(v, own('beta'))),
        g.matMul(g.matMul(inverse, weighted), state),
      );
      const near = g.mul(
        g.matMul(query, keysT),
        pattern(g, CHUNK, (i, j) => j <= i),
      );
      const y = g.add(g.matMul(query, state), g.matMul(near, written));
      return { y, state: g.add(state, g.matMul(keysT, written)) };
    },
  };
  const states = scan(layer, cell);

  return {
    cost: ({ start, end }) => (end - start) * (width + 4 * CHUNK),
    structure: () => [],
    attend: async block => ({ y: await states.attend(block), stats: undefined }),

    /** Backwards from the query: each key takes its share of what is left of it. */
    row(head, query): Promise<MixerRow> {
      const at = (head * q.shape[1]! + query) * width;
      const left = Float64Array.from(q.data.subarray(at, at + width));
      const weights = new Float32Array(query + 1);
      for (let j = query; j >= 0; j--) {
        const key = keyAt(head, j);
        const share = betaAt(head, j) * dot(key, left);
        weights[j] = scale * share;
        for (let d = 0; d < width; d++) left[d]! -= share * key[d]!;
      }
      return Promise.resolve({ keys: Int32Array.from(weights, (_, j) => j), weights });
    },
  };
}

/**
 * `(I + L)⁻¹` for strictly lower `L [H, C, C]`: inverses of the diagonal blocks of 1, 2, 4 … tokens, each
 * pair joined by what lies below it. Powers of `L` would be fewer products, but they overflow.
 */
function unitLowerInverse(g: GraphBuilder, lower: Value, size: number): Value {
  let inverse: Value = pattern(g, size, (i, j) => i === j);
  for (let block = 1; block < size; block *= 2) {
    const at = (i: number) => Math.floor(i / block);
    const below = pattern(g, size, (i, j) => at(i) % 2 === 1 && at(j) === at(i) - 1);
    inverse = g.sub(inverse, g.matMul(inverse, g.matMul(g.mul(lower, below), inverse)));
  }
  return inverse;
}

function dot(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0;
  for (let d = 0; d < a.length; d++) sum += a[d]! * b[d]!;
  return sum;
}
