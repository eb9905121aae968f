/**
 * Transformer-XL's relative positions: `s_ij = ((q_i + u) . k_j + (q_i + v_bias) . r_{i-j}) * scale`.
 *
 * Dai et al. 2019, arXiv 1901.02860, section 3.3. `r [H, N, D]` by distance; without causality
 * `r [H, 2N - 1, D]` for distances `-(N - 1) … N - 1`. What is not given: `r` is the paper's sinusoids
 * before their projection (sines, then cosines), `u` and `v_bias` are 0.
 */

import { modifier } from './modifier';
import type { Tensors } from './primitives/mixer';
import { drawn } from './primitives/seeded';
import { xlPositions } from './primitives/xlPositions';

export const biasXl = modifier({
  id: 'bias-xl',
  title: 'Transformer-XL positions',
  summary: 'Queries meet keys with one learned bias, and a vector for each distance with another.',
  source: 'arXiv 1901.02860',
  trainingClass: 'SP',
  plan: [],
  params: {},
  tensors: {
    u: { shape: '[H, D]', origin: 'set', standIn: 'zero' },
    v_bias: { shape: '[H, D]', origin: 'set', standIn: 'zero' },
    r: { shape: '[H, N, D]', origin: 'set', standIn: 'sinusoids before their projection' },
  },
  examples: [
    { params: {} },
    { params: { causal: false } },
    {
      params: {},
      tensors: ({ heads, tokens, width, normal }) => ({
        u: drawn([heads, width], normal),
        v_bias: drawn([heads, width], normal),
        r: drawn([heads, tokens, width], normal),
      }),
    },
    { params: { inner: 'strided', stride: 7, causal: false } },
  ],

  modified: (layer, { causal }) => xlPositions(layer, causal),

  score({ q, k, tokens, width, scale, tensors }, { causal }) {
    const count = causal ? tokens : 2 * tokens - 1;
    const of = (name: keyof Tensors, h: number, d: number) => tensors[name]?.data[h * width + d] ?? 0;
    const half = Math.ceil(width / 2);
    const vector = (h: number, distance: number, d: number) => {
      const given = tensors['r']?.data[(h * count + distance + count - tokens) * width + d];
      const angle = distance / 10000 ** ((2 * (d % half)) / width);
      return given ?? (d < half ? Math.sin(angle) : Math.cos(angle));
    };
    return (h, i, j) => {
      if (causal && j > i) return 0;
      let sum = 0;
      for (let d = 0; d < width; d++) {
        const query = q[(h * tokens + i) * width + d]!;
        sum += (query + of('u', h, d)) * k[(h * tokens + j) * width + d]!;
        sum += (query + of('v_bias', h, d)) * vector(h, i - j, d);
      }
      return sum * scale;
    };
  },
});
