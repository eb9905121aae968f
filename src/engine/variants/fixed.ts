/**
 * Fixed attention: `i` sees `j <= i` when both lie in the same block, `floor(i/b) = floor(j/b)`, or when
 * `j` is one of the last `c` tokens of any block, `j mod b >= b - c`.
 *
 * Child et al. 2019, Sparse Transformer, arXiv 1904.10509, section 4.3.
 */

import { ranges, rangesLength } from './primitives/keys';
import { variant } from './primitives/mixer';
import { causal, integer, MOST_TOKENS, scale } from './primitives/params';
import { planNode } from './primitives/planNode';
import { softmaxMixer, softmaxReference } from './primitives/selection';
import type { Rule } from './primitives/softmaxRows';

const RULE: Rule = {
  key: 'fixed',
  admits(g, { label }) {
    const block = label('block');
    return g.or(g.equal(block.i, block.j), g.less(0, label('summary').j));
  },
};

export const fixed = variant({
  id: 'fixed',
  title: 'Fixed blocks',
  summary: 'A token sees its own block, and the last few tokens of every earlier block.',
  source: 'arXiv 1904.10509',
  trainingClass: 'TF',
  cost: 'N·√N',
  plan: ['block', 'summaries'],
  params: {
    block: integer(128, 1, MOST_TOKENS, 'Tokens of a block.'),
    summary: integer(32, 0, MOST_TOKENS, 'Tokens at the end of a block that later blocks see.'),
    causal,
    scale,
  },
  prefixStable: ({ causal }) => causal,
  examples: [
    { params: { block: 16, summary: 3 } },
    { params: { block: 10, summary: 1 } },
    { params: { block: 21, summary: 4, causal: false } },
    { params: { block: 32, summary: 0 } },
    { params: {} },
  ],

  open(layer, { block, summary, causal, scale }) {
    const { tokens } = layer;
    const blockOf = Int32Array.from({ length: tokens }, (_, i) => Math.floor(i / block));
    const isSummary = Uint8Array.from({ length: tokens }, (_, j) => Number(j % block >= block - summary));
    const summaries = (until: number): [number, number][] =>
      Array.from({ length: Math.ceil(until / block) }, (_, c) => [
        Math.max(c * block, (c + 1) * block - summary),
        (c + 1) * block,
      ]);
    const own = (start: number, end: number): [number, number] => [
      blockOf[start]! * block,
      causal ? end : (blockOf[end - 1]! + 1) * block,
    ];
    return softmaxMixer(layer, {
      causal,
      scale,
      rule: RULE,
      labels: { block: blockOf, summary: isSummary },
      keys: ({ start, end }) => {
        const until = causal ? end : tokens;
        return ranges(until, ...summaries(until), own(start, end));
      },
      keptTokens: causal
        ? rangesLength(ranges(tokens, ...summaries(tokens), own(tokens - 1, tokens)))
        : tokens,
      admits: (i, j) => (!causal || j <= i) && (blockOf[i] === blockOf[j] || isSummary[j] === 1),
      structure(query) {
        const limit = query === undefined || !causal ? tokens : blockOf[query]! * block;
        const columns = planNode(
          'summaries',
          `last ${Math.min(summary, block)} tokens of each block`,
          ranges(limit, ...summaries(limit)),
        );
        const known = columns.ranges.length > 0 ? [columns] : [];
        if (query === undefined) return known;
        const near = ranges(tokens, own(query, query + 1));
        return [planNode('block', `block ${blockOf[query]! + 1}`, near), ...known];
      },
    });
  },

  reference: (inputs, { block, summary, causal }) =>
    softmaxReference(
      inputs,
      (i, j) =>
        (!causal || j <= i) &&
        (Math.floor(i / block) === Math.floor(j / block) || j % block >= block - summary),
    ),
});
