/**
 * Strided attention: `i` sees `j <= i` when `i - j < stride`, or when `i - j` is a multiple of `stride`.
 *
 * Child et al. 2019, Sparse Transformer, arXiv 1904.10509, section 4.3.
 */

import { listedMixer } from './primitives/listed';
import { variant } from './primitives/mixer';
import { causal, integer, MOST_TOKENS, scale } from './primitives/params';
import { softmaxReference } from './primitives/selection';

export const strided = variant({
  id: 'strided',
  title: 'Strided',
  summary: 'A token sees the last few tokens, and every stride-th token before them.',
  source: 'arXiv 1904.10509',
  trainingClass: 'TF',
  cost: 'N·√N',
  plan: ['window', 'columns'],
  params: {
    stride: integer(128, 1, MOST_TOKENS, 'Tokens of the window, and the distance between columns.'),
    causal,
    scale,
  },
  prefixStable: ({ causal }) => causal,
  examples: [
    { params: { stride: 8 } },
    { params: { stride: 13, causal: false } },
    { params: { stride: 500 } },
  ],

  open(layer, { stride, causal, scale }) {
    const last = layer.tokens - 1;
    const keysOf = (query: number) => {
      const keys: number[] = [];
      for (let j = query % stride; j <= query - stride; j += stride) keys.push(j);
      const near = Math.max(0, query - stride + 1);
      const until = causal ? query : Math.min(last, query + stride - 1);
      for (let j = near; j <= until; j++) keys.push(j);
      if (!causal) for (let j = query + stride; j <= last; j += stride) keys.push(j);
      return keys;
    };
    return listedMixer(layer, {
      scale,
      keysOf: (_, query) => keysOf(query),
      structure(query) {
        if (query === undefined) return [];
        const ranges = (admits: (distance: number) => boolean) =>
          Int32Array.from(
            keysOf(query)
              .filter(j => admits(Math.abs(query - j)))
              .flatMap(j => [j, j + 1]),
          );
        return [
          {
            parent: -1,
            kind: 'window',
            label: `window of ${stride}`,
            ranges: ranges(distance => distance < stride),
          },
          {
            parent: -1,
            kind: 'columns',
            label: `every ${stride}th token`,
            ranges: ranges(distance => distance >= stride),
          },
        ];
      },
    });
  },

  reference: (inputs, { stride, causal }) =>
    softmaxReference(
      inputs,
      (i, j) => (!causal || j <= i) && (Math.abs(i - j) < stride || (i - j) % stride === 0),
    ),
});
