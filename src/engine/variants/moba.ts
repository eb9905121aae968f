/**
 * Mixture of block attention: a query sees its own block, and the `keep` earlier blocks with the largest
 * gate `q_i . mean(k_block)`, unscaled. Without causality it chooses among all other blocks.
 *
 * Lu et al. 2025, MoBA, arXiv 2502.13189, equations 4 to 7; the paper's top-k counts the own block, so it
 * is `keep + 1`.
 */

import { matchOne, matchQueries, type QueryMatches } from './primitives/bestMatches';
import { blockRanges, expand, headwiseReference } from './primitives/blocks';
import { cached } from './primitives/kept';
import { listedMixer } from './primitives/listed';
import { type Layer, type Mixer, variant } from './primitives/mixer';
import { causal, integer, MOST_TOKENS, type Params, scale } from './primitives/params';
import { planNode } from './primitives/planNode';
import { meanPool, segmentNodes, segmentsOf } from './primitives/segments';

const params = {
  block: integer(64, 1, MOST_TOKENS, 'Tokens a block.'),
  keep: integer(8, 0, MOST_TOKENS, 'Blocks a query sees beside its own.'),
  causal,
  scale,
};

export const moba = variant({
  id: 'moba',
  title: 'Mixture of blocks',
  summary: 'A token sees its own block, and the earlier blocks whose mean key suits its query best.',
  source: 'arXiv 2502.13189',
  trainingClass: 'TF',
  cost: 'N·keep·b',
  plan: ['blocks', 'gates'],
  params,
  prefixStable: ({ causal }) => causal,
  examples: [
    { params: { block: 16, keep: 2 } },
    { params: { block: 10, keep: 0 } },
    { params: { block: 7, keep: 5, causal: false } },
    { params: { block: 16, keep: 64 } },
  ],
  open,

  reference(inputs, { block, keep, causal }) {
    const { heads, tokens, width, q, k } = inputs;
    const chosen = Array.from({ length: heads * tokens }, (_, row) => {
      const h = Math.floor(row / tokens);
      const own = Math.floor((row % tokens) / block);
      const gates: [number, number][] = [];
      for (let c = 0; c * block < tokens; c++) {
        if (c === own || (causal && c > own)) continue;
        const end = Math.min(tokens, (c + 1) * block);
        let gate = 0;
        for (let j = c * block; j < end; j++) {
          for (let d = 0; d < width; d++) gate += q[row * width + d]! * k[(h * tokens + j) * width + d]!;
        }
        gates.push([gate / (end - c * block), c]);
      }
      gates.sort((a, b) => b[0] - a[0] || a[1] - b[1]);
      return new Set([own, ...gates.slice(0, keep).map(([, c]) => c)]);
    });
    return headwiseReference(
      inputs,
      (h, i, j) => (!causal || j <= i) && chosen[h * tokens + i]!.has(Math.floor(j / block)),
    );
  },
});

function open(layer: Layer, { block, keep, causal, scale }: Params<typeof params>): Mixer {
  const { tokens } = layer;
  const blocks = segmentsOf(block, tokens, undefined);
  const { of, count } = blocks;
  const seen = (query: number) => (causal ? query + 1 : tokens);
  const gates: QueryMatches = {
    candidates: meanPool(layer.k, blocks),
    limit: query => (causal ? of[query]! : count),
    // Among all blocks the own one may take a place, which is given back below.
    count: causal ? keep : keep + 1,
  };
  const withOwn = (query: number, ranked: ArrayLike<number>) => {
    const own = of[query]!;
    const others = Array.from(ranked).filter(c => c !== own);
    return Int32Array.of(own, ...others.slice(0, keep)).sort();
  };

  const mixer = listedMixer(layer, {
    scale,
    length: query => Math.min(seen(query), (keep + 1) * block),
    async lists(part) {
      const chosen = await matchQueries(layer, part, gates);
      return { keys: (head, query) => expand(withOwn(query, chosen(head, query)), block, seen(query)) };
    },
    structure(query) {
      if (query === undefined) return segmentNodes(blocks, 'block');
      return Array.from({ length: layer.q.shape[0]! }, (_, head) => {
        const chosen = withOwn(query, matchOne(layer, head, query, gates));
        return planNode('gates', `head ${head}`, blockRanges(chosen, block, seen(query)));
      });
    },
  });
  const [groups, , width] = layer.k.shape as [number, number, number];
  return { ...mixer, kept: () => cached(layer, tokens) + groups * count * width };
}
