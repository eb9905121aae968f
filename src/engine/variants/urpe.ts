/**
 * Universal relative positional encoding: `M_ij = softmax(s)_ij · C[h, j - i + N - 1]`, with `C` Toeplitz.
 * Rows are not normalised again.
 *
 * Luo et al. 2022, arXiv 2205.13401, equation 5. Without `C` it is 1 everywhere, as its training starts.
 */

import { modifier } from './modifier';
import { headTensor } from './primitives/ownTensor';
import { planNode } from './primitives/planNode';
import { offsetNumbers } from './primitives/positionTerm';
import { drawn } from './primitives/seeded';

export const urpe = modifier({
  id: 'urpe',
  title: 'URPE',
  summary: 'After the softmax, each weight is multiplied by a learned number for its offset.',
  source: 'arXiv 2205.13401',
  trainingClass: 'SP',
  plan: ['strong offsets a head'],
  distribution: false,
  params: {},
  tensors: {
    C: { shape: '[H, 2N - 1]', origin: 'set', standIn: '1 at every distance, as its training starts' },
  },
  examples: [
    { params: {} },
    {
      params: {},
      tensors: ({ heads, tokens, normal }) => ({
        C: drawn([heads, 2 * tokens - 1], () => Math.exp(0.5 * normal())),
      }),
    },
    {
      params: { causal: false },
      tensors: ({ heads, tokens, normal }) => ({
        C: drawn([heads, 2 * tokens - 1], () => Math.exp(0.5 * normal())),
      }),
    },
    {
      params: { inner: 'strided', stride: 6 },
      tensors: ({ heads, tokens, normal }) => ({
        C: drawn([heads, 2 * tokens - 1], () => Math.exp(0.5 * normal())),
      }),
    },
  ],

  modified(layer) {
    const { tensors, tokens, q } = layer;
    const heads = q.shape[0]!;
    const C = headTensor(tensors, 'C', heads, [2 * tokens - 1]);
    const factor = C ? { first: 1 - tokens, values: C } : offsetNumbers(heads, 0, 0, () => 1);
    return { ...layer, position: { factor } };
  },

  factor:
    ({ tensors, tokens }) =>
    (h, i, j) =>
      tensors['C']?.data[h * (2 * tokens - 1) + j - i + tokens - 1] ?? 1,

  /** For each head, where `|C|` is at least half of its largest for this query. */
  structure({ tensors, tokens, q }, { causal }, query) {
    const C = tensors['C']?.data;
    if (query === undefined || C === undefined) return [];
    return Array.from({ length: q.shape[0]! }, (_, head) => {
      const from = head * (2 * tokens - 1) + tokens - 1 - query;
      const sizes = C.subarray(from, from + (causal ? query + 1 : tokens)).map(Math.abs);
      const half = sizes.reduce((most, size) => Math.max(most, size), 0) / 2;
      const strong = Array.from(sizes, (_, j) => j).filter(j => sizes[j]! >= half);
      const label = `head ${head}: factors of ${half.toPrecision(2)} and more`;
      return planNode(
        'strong offsets',
        label,
        strong.flatMap(j => [j, j + 1]),
      );
    });
  },
});
