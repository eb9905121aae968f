/**
 * Retention: `M = tril(QKᵀ ∘ γ_h^(i-j)) · scale` with `γ_h = 1 - 2^(-5-h)` for head `h`: `gla` with a
 * decay that depends on the head alone.
 *
 * Sun et al. 2023, arXiv 2307.08621, equations 5 and 8, without rotation and group norm.
 */

import { decayReference } from './decay.reference';
import { type Decay, decayMixer, halfLives } from './primitives/decayMixer';
import { scaleOf, variant } from './primitives/mixer';
import { scale } from './primitives/params';

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
  examples: [{ params: {} }, { params: { scale: 0.1 } }],

  open(layer, params) {
    const [heads, , width] = layer.q.shape as [number, number, number];
    const decay: Decay = { width: 1, at: head => Math.log1p(-(2 ** (-5 - head))) };
    return decayMixer(layer, decay, scaleOf(params.scale, width), query => halfLives(decay, heads, query));
  },

  reference: inputs => decayReference(inputs, inputs.scale, head => Math.log(1 - 1 / 2 ** (5 + head))),
});
