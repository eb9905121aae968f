/**
 * Gated linear attention: `S_t = exp(g_t) S_{t-1} + k_t v_tᵀ`, so that
 * `M = tril(QKᵀ ∘ exp(G_i - G_j)) · scale` with `G` the running sum of the log decay `g`.
 *
 * Yang et al. 2023, arXiv 2312.06635, section 4. `g` is the tensor `[H, N]`, or `[H, N, D]` with a decay
 * for every feature; without it every head forgets half of a write in `half_life` tokens.
 */

import { decayReference } from './decay.reference';
import { type Decay, decayMixer, halfLives } from './primitives/decayMixer';
import { type ExampleSizes, type Layer, scaleOf, variant } from './primitives/mixer';
import { MOST_TOKENS, number, scale } from './primitives/params';
import { headTensor } from './primitives/ownTensor';

export const gla = variant({
  id: 'gla',
  title: 'Gated linear attention',
  summary: 'A token reads a state to which every earlier token was added, and which decays.',
  source: 'arXiv 2312.06635',
  trainingClass: 'SP',
  cost: 'N·D²',
  plan: ['half-lives'],
  distribution: false,
  params: {
    half_life: number(256, 1e-3, MOST_TOKENS, 'Tokens in which half of a write is lost, without a tensor g.'),
    scale,
  },
  tensors: {
    g: {
      shape: '[H, N] or [H, N, D]',
      origin: 'set',
      standIn: 'every head forgets half of a write in `half_life` tokens',
    },
  },
  prefixStable: () => true,
  examples: [
    { params: {}, tensors: sizes => ({ g: logDecays(sizes, [sizes.heads, sizes.tokens]) }) },
    { params: {}, tensors: sizes => ({ g: logDecays(sizes, [sizes.heads, sizes.tokens, sizes.width]) }) },
    { params: { half_life: 20, scale: 0.1 } },
  ],

  open(layer, params) {
    const [heads, , width] = layer.q.shape as [number, number, number];
    const decay = decayOf(layer, heads, width, params.half_life);
    return decayMixer(layer, decay, scaleOf(params.scale, width), query => halfLives(decay, heads, query));
  },

  reference(inputs, { half_life: halfLife }) {
    const g = inputs.tensors['g'];
    return decayReference(inputs, inputs.scale, (h, t, d) => {
      if (g === undefined) return -Math.log(2) / halfLife;
      const at = h * inputs.tokens + t;
      return g.data[g.shape.length === 2 ? at : at * inputs.width + d]!;
    });
  },
});

function decayOf(layer: Layer, heads: number, width: number, halfLife: number): Decay {
  const g = headTensor(layer.tensors, 'g', heads, [layer.tokens], [layer.tokens, width]);
  if (g === undefined) return { width: 1, at: () => -Math.LN2 / halfLife };
  const features = g.shape[2] ?? 1;
  return { width: features, at: (head, t, d) => g.data[(head * layer.tokens + t) * features + d]! };
}

/** From almost none to a write lost within a few tokens. */
function logDecays({ normal }: ExampleSizes, shape: readonly number[]) {
  const size = shape.reduce((product, length) => product * length, 1);
  const data = Float32Array.from({ length: size }, () => -0.05 * Math.exp(1.5 * normal()));
  return { type: 'float32' as const, shape, data };
}
