/**
 * Attention with linear biases: `s_ij - slope_h (i - j)`; without causality `s_ij - slope_h |i - j|`.
 *
 * Press et al. 2021, arXiv 2108.12409, section 3. Slopes are `2^(-8 (h + 1) / H)`; for a number of heads
 * that is no power of two, those of the power below, then every other one of the power above.
 */

import { modifier } from './modifier';
import type { Layer } from './primitives/mixer';
import { headTensor } from './primitives/ownTensor';
import { planNode } from './primitives/planNode';
import { offsetNumbers } from './primitives/positionTerm';
import { drawn } from './primitives/seeded';

export const biasAlibi = modifier({
  id: 'bias-alibi',
  title: 'ALiBi',
  summary: 'Scores fall linearly with distance, at a slope of each head.',
  source: 'arXiv 2108.12409',
  trainingClass: 'TF',
  plan: ['reach a head'],
  params: {},
  tensors: {
    slopes: { shape: '[H]', origin: 'set', standIn: "the paper's geometric slopes" },
  },
  examples: [
    { params: {} },
    { params: { causal: false } },
    {
      params: {},
      tensors: ({ heads, normal }) => ({
        slopes: drawn([heads], () => 0.02 * normal()),
      }),
    },
    { params: { inner: 'blockwise', block: 9, back: 2 } },
  ],

  modified(layer, { causal }) {
    const slopes = slopesOf(layer.tensors, layer.q.shape[0]!);
    const last = layer.tokens - 1;
    const at = (head: number, offset: number) => -slopes[head]! * Math.abs(offset);
    return { ...layer, position: { bias: offsetNumbers(slopes.length, -last, causal ? 0 : last, at) } };
  },

  score: ({ score, heads, tensors }) => {
    const given = tensors['slopes']?.data ?? tensors['slope']?.data;
    const power = 2 ** Math.floor(Math.log2(heads));
    const slope = (h: number) =>
      given?.[h] ?? (h < power ? 2 ** ((-8 * (h + 1)) / power) : 2 ** ((-4 * (2 * (h - power) + 1)) / power));
    return (h, i, j) => score(h, i, j) - slope(h) * Math.abs(i - j);
  },

  /** A head's reach: the tokens to which the bias costs one nat at most. */
  structure: ({ tensors, q, tokens }, { causal }, query) =>
    query === undefined
      ? []
      : Array.from(slopesOf(tensors, q.shape[0]!), (slope, head) => {
          const reach = slope > 0 ? Math.floor(1 / slope) : tokens;
          const end = causal ? query + 1 : Math.min(tokens, query + reach + 1);
          const label = `head ${head}: slope ${Number(slope.toPrecision(3))}, one nat in ${reach} tokens`;
          return planNode('reach', label, [Math.max(0, query - reach), end]);
        }),
});

/** `[H]` */
function slopesOf(tensors: Layer['tensors'], heads: number): Float32Array {
  const given = headTensor(tensors, 'slopes', heads, []) ?? headTensor(tensors, 'slope', heads, []);
  if (given) return given.data;
  const power = 2 ** Math.floor(Math.log2(heads));
  const series = (count: number) => Array.from({ length: count }, (_, h) => 2 ** ((-8 * (h + 1)) / count));
  const between = series(2 * power).filter((_, h) => h % 2 === 0);
  return Float32Array.from([...series(power), ...between].slice(0, heads));
}
