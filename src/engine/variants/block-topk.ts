/**
 * Blocks chosen by pooled scores: queries and keys are averaged over blocks (a partial block over its own
 * tokens), and every block of queries keeps the `keep` key blocks with the largest `q̄ . k̄ * scale`, none
 * later than itself. Forced blocks come first and count inside `keep`.
 *
 * The block estimate of MInference, Jiang et al. 2024, arXiv 2407.02490, section 3.2.
 */

import { floats } from '../onnx/tensor';
import { bestMatches } from './primitives/bestMatches';
import { headwiseReference, blockRanges, expand } from './primitives/blocks';
import { cached } from './primitives/kept';
import { type Layer, type Mixer, takeRows, variant } from './primitives/mixer';
import { causal, choice, integer, MOST_TOKENS, type Params, scale } from './primitives/params';
import { planNode } from './primitives/planNode';
import { meanPool, segmentNodes, segmentsOf } from './primitives/segments';
import { runsOf, sharedMixer } from './primitives/shared';

const params = {
  block: integer(64, 1, MOST_TOKENS, 'Tokens a block.'),
  keep: integer(16, 1, MOST_TOKENS, 'Key blocks that a block of queries sees, forced ones included.'),
  force: choice(
    'first,own',
    ['none', 'first', 'own', 'previous', 'first,own', 'first,previous', 'own,previous', 'first,own,previous'],
    'Blocks kept whatever their score, the first named before the others.',
  ),
  causal,
  scale,
};

export const blockTopk = variant({
  id: 'block-topk',
  title: 'Best blocks',
  summary: 'A block of queries sees the key blocks whose pooled score is best.',
  source: 'arXiv 2407.02490',
  trainingClass: 'TF',
  cost: 'N·keep·b + (N/b)²',
  plan: ['blocks'],
  params,
  examples: [
    { params: { block: 16, keep: 3 } },
    { params: { block: 10, keep: 4, force: 'first,own,previous' } },
    { params: { block: 8, keep: 2, force: 'none' } },
    { params: { block: 8, keep: 1, force: ['own', 'first'] } },
    { params: { block: 16, keep: 1 } },
    { params: { block: 12, keep: 3, causal: false } },
    { params: { block: 16, keep: 64 } },
  ],
  open,

  reference(inputs, { block, keep, force, causal }) {
    const { heads, tokens, width, q, k, scale } = inputs;
    const count = Math.ceil(tokens / block);
    const mean = (x: Float32Array, h: number, c: number, d: number) => {
      let sum = 0;
      const end = Math.min(tokens, (c + 1) * block);
      for (let i = c * block; i < end; i++) sum += x[(h * tokens + i) * width + d]!;
      return sum / (end - c * block);
    };
    const kept = Array.from({ length: heads * count }, (_, row) => {
      const [h, own] = [Math.floor(row / count), row % count];
      const visible = Array.from({ length: causal ? own + 1 : count }, (_, c) => c);
      const score = visible.map(c => {
        let sum = 0;
        for (let d = 0; d < width; d++) sum += mean(q, h, own, d) * mean(k, h, c, d);
        return sum * scale;
      });
      const forced = force.split(',').map(name => ({ first: 0, own, previous: own - 1 })[name] ?? -1);
      const rank = (c: number) => (forced.includes(c) ? 2e9 - forced.indexOf(c) * 1e8 : score[c]!);
      return new Set([...visible].sort((a, b) => rank(b) - rank(a) || a - b).slice(0, keep));
    });
    return headwiseReference(inputs, (h, i, j) => {
      const set = kept[h * count + Math.floor(i / block)]!;
      return (!causal || j <= i) && set.has(Math.floor(j / block));
    });
  },
});

/** Blocks of queries whose score map exists at once. */
const ROWS = 256;

async function open(
  layer: Layer,
  { block, keep, force, causal, scale: given }: Params<typeof params>,
): Promise<Mixer> {
  const { executor, tokens, q, k } = layer;
  const [heads, , width] = q.shape as [number, number, number];
  const groups = k.shape[0]!;
  const blocks = segmentsOf(block, tokens, undefined);
  const { count } = blocks;
  const queries = meanPool(q, blocks);
  const candidates = meanPool(k, blocks);
  const kept: Int32Array[] = [];

  function choose(own: number, ranked: Int32Array): Int32Array {
    const wanted = force.split(',').map(name => ({ first: 0, own, previous: own - 1 })[name] ?? -1);
    const forced = wanted.filter((c, at) => c >= 0 && wanted.indexOf(c) === at);
    const rest = Array.from(ranked).filter(c => !forced.includes(c));
    return Int32Array.from([...forced, ...rest].slice(0, keep)).sort();
  }

  for (const { start, end } of runsOf(ROWS, { start: 0, end: count })) {
    const own = Array.from({ length: end - start }, (_, row) => start + row);
    const perGroup = heads / groups;
    const matches = await bestMatches({
      executor,
      queries: floats([groups, perGroup * own.length, width], takeRows(queries, own).data),
      candidates,
      limits: Array.from({ length: perGroup }, () => own.map(c => (causal ? c + 1 : count))).flat(),
      count: Math.min(keep, count),
    });
    for (let head = 0; head < heads; head++) {
      for (const c of own) {
        const row = (head % perGroup) * own.length + c - start;
        kept[head * count + c] = choose(c, matches(Math.floor(head / perGroup), row));
      }
    }
  }

  const keysOf = (head: number, query: number) =>
    expand(kept[head * count + Math.floor(query / block)]!, block, tokens);
  const mixer = sharedMixer(layer, {
    scale: given,
    causal,
    runs: part => runsOf(block, part),
    keysOf: (head, run) => keysOf(head, run.start),
    structure(query) {
      if (query === undefined) return segmentNodes(blocks, 'block');
      return Array.from({ length: heads }, (_, head) =>
        planNode(
          'kept blocks',
          `head ${head}`,
          blockRanges(kept[head * count + Math.floor(query / block)]!, block, tokens),
        ),
      );
    },
  });
  return {
    ...mixer,
    // With the mean key of every block, and the mean query of the one that is not yet whole.
    kept: () => cached(layer, tokens) + groups * count * width + (causal ? heads * width : 0),
  };
}
