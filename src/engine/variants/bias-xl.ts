/**
 * Transformer-XL's relative positions: `s_ij = ((q_i + u) . k_j + (q_i + v_bias) . r_{i-j}) * scale`.
 *
 * Dai et al. 2019, arXiv 1901.02860, section 3.3. `r [H, N, D]` by distance; without causality
 * `r [H, 2N - 1, D]` for distances `-(N - 1) … N - 1`. What is not given: `r` is the paper's sinusoids
 * before their projection (sines, then cosines), `u` and `v_bias` are 0.
 */

import { floats, type FloatTensor } from '../onnx/tensor';
import { modifier } from './modifier';
import type { Tensors } from './primitives/mixer';
import { ownTensor } from './primitives/ownTensor';
import { drawn } from './primitives/seeded';

export const biasXl = modifier({
  id: 'bias-xl',
  title: 'Transformer-XL positions',
  summary: 'Queries meet keys with one learned bias, and a vector for each distance with another.',
  source: 'arXiv 1901.02860',
  trainingClass: 'SP',
  plan: [],
  params: {},
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

  modified(layer, { causal }) {
    const { q, tokens, tensors } = layer;
    const [heads, stride, width] = q.shape as [number, number, number];
    const [u, v] = ['u', 'v_bias'].map(
      name => ownTensor(tensors, name, [heads, width]) ?? floats([heads, width]),
    ) as [FloatTensor, FloatTensor];
    const count = causal ? tokens : 2 * tokens - 1;
    const r =
      ownTensor(tensors, 'r', [heads, count, width]) ?? sinusoids(heads, count, width, tokens - count);
    // By offset `j - i`, which runs against the distance.
    const values = floats(r.shape);
    for (let row = 0; row < heads * count; row++) {
      const from = (row - (row % count) + count - 1 - (row % count)) * width;
      values.data.set(r.data.subarray(from, from + width), row * width);
    }
    const shifted = q.data.map((x, at) => {
      const head = Math.floor(at / (stride * width));
      return x + u.data[head * width + (at % width)]!;
    });
    const shift = floats(
      [heads, width],
      v.data.map((x, at) => x - u.data[at]!),
    );
    return {
      ...layer,
      q: floats(q.shape, shifted),
      position: { products: { first: 1 - tokens, values, shift } },
    };
  },

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

/** `[H, count, D]` for distances from `first` on, the same for every head. */
function sinusoids(heads: number, count: number, width: number, first: number): FloatTensor {
  const half = Math.ceil(width / 2);
  const r = floats([heads, count, width]);
  for (let row = 0; row < heads * count; row++) {
    const distance = first + (row % count);
    for (let d = 0; d < width; d++) {
      const angle = distance * 10000 ** ((-2 * (d % half)) / width);
      r.data[row * width + d] = d < half ? Math.sin(angle) : Math.cos(angle);
    }
  }
  return r;
}
