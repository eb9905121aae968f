/**
 * A sliding window with attention sinks: key `j` is seen from `i` when `i - window < j <= i`, or when
 * it is one of the first `sinks` tokens. Without causality the window is `|i - j| < window`.
 *
 * Window: Beltagy et al. 2020, arXiv 2004.05150, section 3.1. Sinks: Xiao et al. 2023, arXiv 2309.17453.
 */

import { ranges } from './primitives/keys';
import { causal, integer, MOST_TOKENS, scale } from './primitives/params';
import { selection } from './primitives/selection';

export const local = selection({
  id: 'local',
  title: 'Sliding window',
  summary: 'A token sees the last few tokens and, if asked for, the first ones of the document.',
  source: 'arXiv 2004.05150, 2309.17453',
  trainingClass: 'TF',
  cost: 'N·window',
  plan: ['window', 'sinks'],
  params: {
    window: integer(256, 1, MOST_TOKENS, 'Tokens seen back from the query, itself included.'),
    sinks: integer(0, 0, MOST_TOKENS, 'Tokens at the start of the document that every query sees.'),
    causal,
    scale,
  },
  prefixStable: ({ causal }) => causal,
  examples: [
    { params: { window: 9 } },
    { params: { window: 30, sinks: 5 } },
    { params: { window: 12, sinks: 3, causal: false } },
    { params: { window: 4096 } },
  ],

  keys: ({ window, sinks, causal }, tokens, { start, end }) =>
    ranges(tokens, [0, sinks], [start - window + 1, causal ? end : end - 1 + window]),

  admits(g, { window, sinks, causal }, { i, j }) {
    const back = g.sub(i, j);
    const near = g.less(causal ? back : g.unary('Abs', back), window);
    return g.or(near, g.less(j, sinks));
  },

  keptTokens: ({ window, sinks, causal }, tokens) => (causal ? Math.min(tokens, window + sinks) : tokens),

  rule: ({ window, sinks }, i, j) => Math.abs(i - j) < window || j < sinks,

  structure({ window, sinks, causal }, tokens, query) {
    const sinkNode = {
      parent: -1,
      kind: 'sinks',
      label: `first ${sinks} tokens`,
      ranges: Int32Array.from(ranges(tokens, [0, sinks])),
    };
    if (query === undefined) return sinks > 0 ? [sinkNode] : [];
    const reach = ranges(tokens, [query - window + 1, causal ? query + 1 : query + window]);
    const windowNode = {
      parent: -1,
      kind: 'window',
      label: `window of ${window}`,
      ranges: Int32Array.from(reach),
    };
    return sinks > 0 ? [sinkNode, windowNode] : [windowNode];
  },
});
