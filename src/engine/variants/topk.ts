/**
 * The `k` keys with the largest scores of every row: an oracle, since it looks at every score to find
 * them. No method that keeps `k` keys a row holds more of the dense mass.
 *
 * Gupta et al. 2021, arXiv 2106.06899.
 */

import { matchQueries } from './primitives/bestMatches';
import { listedMixer } from './primitives/listed';
import { variant } from './primitives/mixer';
import { causal, integer, MOST_TOKENS, scale } from './primitives/params';

export const topk = variant({
  id: 'topk',
  title: 'Top k',
  summary: 'A token sees the few tokens with the largest scores: the most that so small a budget can hold.',
  source: 'arXiv 2106.06899',
  trainingClass: 'TF',
  cost: 'N²',
  plan: [],
  params: { k: integer(32, 1, MOST_TOKENS, 'Keys a row.'), causal, scale },
  prefixStable: ({ causal }) => causal,
  examples: [
    { params: { k: 8 } },
    { params: { k: 3 } },
    { params: { k: 20, causal: false } },
    { params: { k: 1000 } },
  ],

  open(layer, { k, causal, scale }) {
    const { tokens } = layer;
    const seen = (query: number) => (causal ? query + 1 : tokens);
    return listedMixer(layer, {
      scale,
      length: query => seen(query),
      async lists(block) {
        const chosen = await matchQueries(layer, block, { candidates: layer.k, limit: seen, count: k });
        return { keys: (head, query) => chosen(head, query).sort() };
      },
      structure: () => [],
    });
  },

  reference({ heads, tokens, score }, { k, causal }) {
    const m = new Float64Array(heads * tokens * tokens);
    for (let row = 0; row < heads * tokens; row++) {
      const [h, i] = [Math.floor(row / tokens), row % tokens];
      const scores = Array.from({ length: causal ? i + 1 : tokens }, (_, j) => score(h, i, j));
      const order = scores.map((_, j) => j).sort((a, b) => scores[b]! - scores[a]! || a - b);
      const kept = order.slice(0, k);
      const sum = kept.reduce((total, j) => total + Math.exp(scores[j]! - scores[kept[0]!]!), 0);
      for (const j of kept) m[row * tokens + j] = Math.exp(scores[j]! - scores[kept[0]!]!) / sum;
    }
    return m;
  },
});
