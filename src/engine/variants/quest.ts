/**
 * Pages of keys chosen by a bound: a query keeps its own page and, of the pages before it, the `pages`
 * with the largest `sum_d max(q_d min_d, q_d max_d)`, `min` and `max` over the keys of the page. The bound
 * is unscaled, and no `q . k` of the page exceeds it.
 *
 * Tang et al. 2024, Quest, arXiv 2406.10774, section 3.3. There the last page competes; here it is kept.
 */

import { matchOne, matchQueries, type QueryMatches } from './primitives/bestMatches';
import { blockRanges, expand, headwiseReference } from './primitives/blocks';
import { cached } from './primitives/kept';
import { listedMixer } from './primitives/listed';
import { type Layer, type Mixer, variant } from './primitives/mixer';
import { pageExtremes, signedParts } from './primitives/pageBounds';
import { integer, MOST_TOKENS, type Params, scale } from './primitives/params';
import { planNode } from './primitives/planNode';
import { segmentNodes, segmentsOf } from './primitives/segments';

const params = {
  page: integer(16, 1, MOST_TOKENS, 'Tokens a page.'),
  pages: integer(64, 0, MOST_TOKENS, 'Earlier pages that a query sees beside its own.'),
  scale,
};

export const quest = variant({
  id: 'quest',
  title: 'Pages by bound',
  summary: 'A token sees its own page, and the earlier pages whose keys could score highest.',
  source: 'arXiv 2406.10774',
  trainingClass: 'TF',
  cost: 'N·(N/page + pages·page)',
  plan: ['pages', 'bounds'],
  params,
  prefixStable: () => true,
  examples: [
    { params: { page: 8, pages: 3 } },
    { params: { page: 5, pages: 1 } },
    { params: { page: 16, pages: 0 } },
    { params: {} },
  ],
  open,

  reference(inputs, { page, pages }) {
    const { heads, tokens, width, q, k } = inputs;
    const chosen = Array.from({ length: heads * tokens }, (_, row) => {
      const h = Math.floor(row / tokens);
      const own = Math.floor((row % tokens) / page);
      const bounds = Array.from({ length: own }, (_, c) => {
        let bound = 0;
        for (let d = 0; d < width; d++) {
          const keys = Array.from({ length: page }, (_, t) => k[(h * tokens + c * page + t) * width + d]!);
          const item = q[row * width + d]!;
          bound += Math.max(item * Math.min(...keys), item * Math.max(...keys));
        }
        return bound;
      });
      const order = bounds.map((_, c) => c).sort((a, b) => bounds[b]! - bounds[a]! || a - b);
      return new Set([own, ...order.slice(0, pages)]);
    });
    return headwiseReference(
      inputs,
      (h, i, j) => j <= i && chosen[h * tokens + i]!.has(Math.floor(j / page)),
    );
  },
});

function open(layer: Layer, { page, pages: count, scale }: Params<typeof params>): Mixer {
  const { tokens } = layer;
  const pages = segmentsOf(page, tokens, undefined);
  const { of } = pages;
  const bounds: QueryMatches = {
    candidates: pageExtremes(layer.k, pages),
    features: signedParts,
    limit: query => of[query]!,
    count,
  };
  const withOwn = (query: number, ranked: ArrayLike<number>) =>
    Int32Array.of(...Array.from(ranked), of[query]!).sort();

  const mixer = listedMixer(layer, {
    scale,
    length: query => Math.min(query + 1, (count + 1) * page),
    async lists(block) {
      const chosen = await matchQueries(layer, block, bounds);
      return { keys: (head, query) => expand(withOwn(query, chosen(head, query)), page, query + 1) };
    },
    structure(query) {
      if (query === undefined) return segmentNodes(pages, 'page');
      return Array.from({ length: layer.q.shape[0]! }, (_, head) => {
        const chosen = withOwn(query, matchOne(layer, head, query, bounds));
        return planNode('kept pages', `head ${head}`, blockRanges(chosen, page, query + 1));
      });
    },
  });
  const [groups, , width] = layer.k.shape as [number, number, number];
  return { ...mixer, kept: () => cached(layer, tokens) + groups * pages.count * 2 * width };
}
