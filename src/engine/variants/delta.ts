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
import type { MixerMemory } from './primitives/memory';
import { type Layer, type Mixer, type MixerRow, scaleOf, variant } from './primitives/mixer';
import { headTensor } from './primitives/ownTensor';
import { number, type Params, scale } from './primitives/params';
import { type Cell, pattern, scan } from './primitives/scan';
import { dot, length, stateMemory, vectorOf, write } from './primitives/stateMemory';

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
  tensors: {
    beta: { shape: '[H, N]', origin: 'set', standIn: '`strength` / |k|² at every token' },
  },
  prefixStable: () => true,
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
  const keyAt = (head: number, token: number) => vectorOf(k, layer, head, token);
  const beta = headTensor(layer.tensors, 'beta', heads, [tokens]);
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

  /** Takes each key's part off `left`, from `last` back to the first token. */
  function backwards(
    head: number,
    last: number,
    left: Float64Array,
    visit: (j: number, share: number) => void,
  ) {
    for (let j = last; j >= 0; j--) {
      const key = keyAt(head, j);
      const share = betaAt(head, j) * dot(key, left);
      visit(j, share);
      for (let d = 0; d < width; d++) left[d]! -= share * key[d]!;
    }
  }

  /** The write of `j` is `β_j k_j v_jᵀ` when new, and later keys' parts are off it by the time of `token`. */
  function sharesOf(head: number, token: number): Float64Array {
    const key = keyAt(head, token);
    const shares = new Float64Array(token);
    const taken = betaAt(head, token) * length(key);
    backwards(head, token - 1, Float64Array.from(key), (j, share) => {
      const fresh = Math.abs(betaAt(head, j)) * length(keyAt(head, j));
      shares[j] = fresh === 0 ? 0 : Math.abs(taken * share) / fresh;
    });
    return shares;
  }

  function memoryAt(head: number, query: number): MixerMemory {
    const removed = new Float64Array(query + 1);
    return stateMemory(layer, head, states, {
      about:
        'One matrix a head: every token first takes out what its key holds, in part, and then writes its value there.',
      rows: width,
      tokens: query + 1,
      query: vectorOf(q, layer, head, query),
      key: token => keyAt(head, token),
      beta: token => betaAt(head, token),
      erasing: { removed, sharesOf: token => sharesOf(head, token) },
      advance(state, token, key, value) {
        const columns = value.length;
        const held = new Float64Array(columns);
        for (let f = 0, at = 0; f < width; f++) {
          const factor = key[f]!;
          for (let e = 0; e < columns; e++, at++) held[e]! += factor * state[at]!;
        }
        const beta = betaAt(head, token);
        removed[token] = Math.abs(beta) * length(key) * length(held);
        for (let e = 0; e < columns; e++) held[e] = beta * (value[e]! - held[e]!);
        write(state, key, held);
      },
    });
  }

  return {
    cost: ({ start, end }) => (end - start) * (width + 4 * CHUNK),
    kept: () => heads * width * v.shape[2]!,
    structure: () => [],
    attend: async block => ({ y: await states.attend(block), stats: undefined }),

    memoryAt: (head, query) => Promise.resolve(memoryAt(head, query)),

    /** Backwards from the query: each key takes its share of what is left of it. */
    row(head, query): Promise<MixerRow> {
      const at = (head * q.shape[1]! + query) * width;
      const left = Float64Array.from(q.data.subarray(at, at + width));
      const weights = new Float32Array(query + 1);
      backwards(head, query, left, (j, share) => (weights[j] = scale * share));
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
