/**
 * State-space duality, the mixer of Mamba-2: `S_t = exp(A_h dt_t) S_{t-1} + dt_t B_t x_tᵀ`, read as `S_tᵀ C_t`:
 *
 *   M = (L ∘ C Bᵀ) diag(dt),   L_ij = exp(A_h · sum of dt_t over j < t <= i)
 *
 * Dao and Gu 2024, arXiv 2405.21060, section 6. Queries are `C`, keys `B` and values `x`; `dt` is the tensor
 * `[H, N]` and `A` `[H]`, below 0. Without them every step is `step` long and head `h` keeps `1 - 2^(-5-h)` of its
 * state in a step of 1. A tensor `D` `[H]` adds `D_h x_i` to the outputs and is no part of the rows.
 */

import { decayReference } from './decay.reference';
import { namedHeads } from './primitives/caseInputs';
import { type Decay, decayMixer, halfLives } from './primitives/decayMixer';
import { type ExampleSizes, variant } from './primitives/mixer';
import { headTensor } from './primitives/ownTensor';
import { number } from './primitives/params';
import { drawn } from './primitives/seeded';
import { skipOf } from './primitives/skip';

export const ssd = variant({
  id: 'ssd',
  title: 'State-space duality (Mamba-2)',
  summary:
    'A token reads a state to which every earlier token was added; each token’s step decides how strongly it writes and how much of the state fades.',
  source: 'arXiv 2405.21060',
  trainingClass: 'WM',
  cost: 'N·D²',
  plan: ['half-lives'],
  distribution: false,
  params: { step: number(1, 1e-6, 1e3, 'Length of every token’s step, without a tensor dt.') },
  tensors: {
    dt: { shape: '[H, N]', origin: 'set', standIn: 'every step is `step` long' },
    A: { shape: '[H]', origin: 'set', standIn: '`log(1 - 2^(-5-h))` for head h' },
  },
  prefixStable: () => true,
  readsApart: true,
  examples: [
    { params: { step: 0.1 } },
    { params: {}, tensors: sizes => ({ dt: steps(sizes, [sizes.heads, sizes.tokens]), A: rates(sizes) }) },
    { params: {}, tensors: sizes => ({ dt: steps(sizes, [1, sizes.tokens]) }) },
  ],

  inputs: tensors => namedHeads(tensors, { q: 'C', k: 'B', v: 'x' }),

  open(layer, { step }) {
    const heads = layer.q.shape[0]!;
    const dt = headTensor(layer.tensors, 'dt', heads, [layer.tokens]);
    const A = headTensor(layer.tensors, 'A', heads, []);
    const stepAt = (head: number, t: number) => dt?.data[head * layer.tokens + t] ?? step;
    const decay: Decay = {
      width: 1,
      at: (head, t) => (A?.data[head] ?? standIn(head)) * stepAt(head, t),
      strength: stepAt,
    };
    const mixer = decayMixer(layer, decay, 1, query => halfLives(decay, heads, query));
    const skip = skipOf(layer);
    return {
      ...mixer,
      async attend(block) {
        const { y, stats } = await mixer.attend(block);
        return { y: skip(block, y), stats };
      },
    };
  },

  reference(inputs, { step }) {
    const { tokens, tensors } = inputs;
    const { dt, A } = tensors;
    const perHead = dt === undefined || dt.shape[0] === 1 ? 0 : tokens;
    const stepAt = (head: number, t: number) => dt?.data[head * perHead + t] ?? step;
    const rate = (head: number) => A?.data[head] ?? Math.log(1 - 1 / 2 ** (5 + head));
    const m = decayReference(inputs, 1, (head, t) => rate(head) * stepAt(head, t));
    return m.map((weight, at) => weight * stepAt(Math.floor(at / tokens / tokens), at % tokens));
  },
});

function standIn(head: number): number {
  return Math.log1p(-(2 ** (-5 - head)));
}

/** From hardly any to a few. */
function steps({ normal }: ExampleSizes, shape: readonly number[]) {
  return drawn(shape, () => 0.04 * Math.exp(normal()));
}

function rates({ heads, normal }: ExampleSizes) {
  return drawn([heads], () => -Math.exp(0.5 * normal()));
}
