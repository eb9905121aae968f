/**
 * Blockwise attention: `i` sees `j <= i` when `0 <= floor(i/b) - floor(j/b) <= back`. Without causality
 * a token also sees the rest of its own block, and still no later block.
 *
 * Qiu et al. 2019, arXiv 1911.02972, section 3, with its identity permutation; `back` adds the blocks before.
 */

import { ranges } from './primitives/keys';
import { variant } from './primitives/mixer';
import { causal, integer, MOST_TOKENS, scale } from './primitives/params';
import { planNode } from './primitives/planNode';
import { softmaxMixer, softmaxReference } from './primitives/selection';
import type { Rule } from './primitives/softmaxRows';

const blocksBack = (back: number): Rule => ({
  key: `blocks-back/${back}`,
  admits(g, { label }) {
    const { i, j } = label('block');
    return g.and(g.lessOrEqual(j, i), g.lessOrEqual(g.sub(i, j), back));
  },
});

export const blockwise = variant({
  id: 'blockwise',
  title: 'Blocks',
  summary: 'A token sees its own block and, if asked for, a number of blocks before it.',
  source: 'arXiv 1911.02972',
  trainingClass: 'TF',
  cost: 'N·b',
  plan: ['blocks'],
  params: {
    block: integer(128, 1, MOST_TOKENS, 'Tokens of a block.'),
    back: integer(0, 0, MOST_TOKENS, 'Blocks before its own that a token sees.'),
    causal,
    scale,
  },
  prefixStable: ({ causal }) => causal,
  examples: [
    { params: { block: 16 } },
    { params: { block: 10, back: 2 } },
    { params: { block: 21, back: 1, causal: false } },
    { params: { block: 4096 } },
  ],

  open(layer, { block, back, causal, scale }) {
    const { tokens } = layer;
    const blockOf = Int32Array.from({ length: tokens }, (_, i) => Math.floor(i / block));
    const firstSeen = (c: number) => Math.max(0, c - back);
    return softmaxMixer(layer, {
      causal,
      scale,
      rule: blocksBack(back),
      labels: { block: blockOf },
      keys: ({ start, end }) =>
        ranges(tokens, [firstSeen(blockOf[start]!) * block, causal ? end : (blockOf[end - 1]! + 1) * block]),
      keptTokens: causal ? tokens - firstSeen(blockOf[tokens - 1]!) * block : tokens,
      admits: (i, j) =>
        (!causal || j <= i) && blockOf[j]! <= blockOf[i]! && blockOf[i]! - blockOf[j]! <= back,
      structure(query) {
        const count = blockOf[tokens - 1]! + 1;
        const [first, last] =
          query === undefined ? [0, count - 1] : [firstSeen(blockOf[query]!), blockOf[query]!];
        return Array.from({ length: last - first + 1 }, (_, at) => {
          const c = first + at;
          return planNode('block', `block ${c + 1}`, ranges(tokens, [c * block, (c + 1) * block]));
        });
      },
    });
  },

  reference: (inputs, { block, back, causal }) =>
    softmaxReference(inputs, (i, j) => {
      const distance = Math.floor(i / block) - Math.floor(j / block);
      return (!causal || j <= i) && distance >= 0 && distance <= back;
    }),
});
