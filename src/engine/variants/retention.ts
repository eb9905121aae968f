/**
 * Retention: `M = tril(QKᵀ ∘ γ_h^(i-j)) · scale` with `γ_h = 1 - 2^(-5-h)` for head `h`: `gla` with a
 * decay that depends on the head alone.
 *
 * Sun et al. 2023, arXiv 2307.08621, equations 5 and 8, without rotation and group norm. Heads with decays
 * of their own give `log γ` as the tensor `g`.
 */

import { decayReference } from './decay.reference';
import { type Decay, decayMixer, halfLives } from './primitives/decayMixer';
import { scaleOf, variant } from './primitives/mixer';
import { headTensor } from './primitives/ownTensor';
import { scale } from './primitives/params';
import { drawn } from './primitives/seeded';

export const retention = variant({
  id: 'retention',
  title: 'Retention',
  summary:
    'A token reads a state to which every earlier token was added, and which decays at the head’s own rate.',
  source: 'arXiv 2307.08621',
  trainingClass: 'TF',
  cost: 'N·D²',
  plan: ['half-lives'],
  distribution: false,
  params: { scale },
  tensors: { g: { shape: '[H] or [H, N]', origin: 'set', standIn: '`log(1 - 2^(-5-h))` for head h' } },
  prefixStable: () => true,
  examples: [
    { params: {} },
    { params: { scale: 0.1 } },
    { params: {}, tensors: ({ heads, normal }) => ({ g: drawn([heads], () => -0.2 * Math.abs(normal())) }) },
  ],

  open(layer, params) {
    const [heads, , width] = layer.q.shape as [number, number, number];
    const g = headTensor(layer.tensors, 'g', heads, [], [layer.tokens]);
    const count = g?.shape[1] ?? 1;
    const own = (head: number, t: number) => g?.data[head * count + (count === 1 ? 0 : t)];
    const decay: Decay = { width: 1, at: (head, t) => own(head, t) ?? Math.log1p(-(2 ** (-5 - head))) };
    return decayMixer(layer, decay, scaleOf(params.scale, width), query => halfLives(decay, heads, query));
  },

  reference(inputs) {
    const g = inputs.tensors['g'];
    return decayReference(inputs, inputs.scale, (head, t) => {
      if (g === undefined) return Math.log(1 - 1 / 2 ** (5 + head));
      return g.data[g.shape.length === 1 ? head : head * inputs.tokens + t]!;
    });
  },
});
