/**
 * Dense attention: `P = softmax(Q Kᵀ · scale)` over every key at or before the query.
 *
 * Vaswani et al. 2017, arXiv 1706.03762, equation 1.
 */

import { ranges } from './primitives/keys';
import { causal, scale } from './primitives/params';
import { selection } from './primitives/selection';

export const dense = selection({
  id: 'dense',
  title: 'Dense',
  summary: 'Every token sees every earlier token.',
  source: 'arXiv 1706.03762',
  trainingClass: 'TF',
  cost: 'N²',
  plan: [],
  params: { causal, scale },
  prefixStable: ({ causal }) => causal,
  examples: [{ params: {} }, { params: { causal: false } }, { params: { scale: 0.5 } }],

  keys: (params, tokens, block) => ranges(tokens, [0, params.causal ? block.end : tokens]),
  rule: () => true,
});
