/**
 * Vertical and slash lines: attention of the last `probe` queries, a causal softmax `A`, says which columns
 * and which diagonals every query of the head sees: the `columns` largest column sums of `A`, the first
 * `sinks` tokens always among them, and the `slashes` largest diagonal sums, the last `window` offsets
 * always among them. A number too small for those that are always kept is raised to hold them. Without
 * causality columns are also seen from before; `A` and the diagonals stay causal.
 *
 * Jiang et al. 2024, MInference, arXiv 2407.02490, algorithm 2.
 */

import { Problem } from '../../protocol/problem';
import { cached, cachedByGroup } from './primitives/kept';
import { ranges } from './primitives/keys';
import { lineSums } from './primitives/lineSums';
import { listedMixer } from './primitives/listed';
import { type PlanNode, scaleOf, variant } from './primitives/mixer';
import { causal, integer, MOST_TOKENS, type Params, scale } from './primitives/params';
import { planNode } from './primitives/planNode';
import { topIndices } from './primitives/topIndices';
import { verticalSlashReference } from './vertical-slash.reference';

const params = {
  columns: integer(
    512,
    1,
    MOST_TOKENS,
    'Tokens that every later query of the head sees, the sinks included.',
  ),
  slashes: integer(512, 1, MOST_TOKENS, 'Distances at which every query sees a token, the window included.'),
  probe: integer(256, 1, MOST_TOKENS, 'Queries at the end whose attention chooses.'),
  sinks: integer(4, 0, MOST_TOKENS, 'Tokens at the start that are always kept.'),
  window: integer(64, 0, MOST_TOKENS, 'Distances from 0 on that are always kept.'),
  causal,
  scale,
};

export type VerticalSlashParams = Params<typeof params>;

export const verticalSlash = variant({
  id: 'vertical-slash',
  title: 'Vertical and slash lines',
  summary: 'A head sees the same few columns and diagonals everywhere, chosen by its last queries.',
  source: 'arXiv 2407.02490',
  trainingClass: 'TF',
  cost: 'N·(c+s)',
  plan: ['columns', 'slashes'],
  params,
  examples: [
    { params: { columns: 12, slashes: 10, probe: 20, sinks: 2, window: 4 } },
    { params: { columns: 30, slashes: 1, probe: 300, sinks: 0, window: 1, scale: 0.5 } },
    { params: { columns: 2, slashes: 20, probe: 7, sinks: 6, window: 30 } },
    { params: { columns: 9, slashes: 6, probe: 30, window: 2, causal: false } },
    { params: { columns: 7, slashes: 3, probe: 16, sinks: 1, window: 0 } },
    { params: {} },
  ],

  async open(layer, { columns, slashes, probe, sinks, window, causal, scale }) {
    const { tokens, q } = layer;
    if (sinks === 0 && window === 0)
      throw new Problem(
        "'vertical-slash' needs 'sinks' or a 'window' above 0: a query may see no token else.",
      );
    const rows = Math.min(probe, tokens);
    const sums = await lineSums(layer, probe, scaleOf(scale, q.shape[2]!));
    const chosen = sums.map(sum => ({
      columns: best(sum.columns, columns, sinks),
      slashes: best(sum.diagonals, slashes, window),
    }));

    function keysOf(head: number, query: number): number[] {
      const { columns, slashes } = chosen[head]!;
      const keys: number[] = [];
      let column = 0;
      for (let slash = slashes.length - 1; slash >= 0; slash--) {
        const key = query - slashes[slash]!;
        if (key < 0) continue;
        while (column < columns.length && columns[column]! < key) keys.push(columns[column++]!);
        if (columns[column] === key) column += 1;
        keys.push(key);
      }
      const end = causal ? query + 1 : tokens;
      while (column < columns.length && columns[column]! < end) keys.push(columns[column++]!);
      return keys;
    }

    const share = (sum: Float64Array, kept: Int32Array) =>
      Math.round((100 * kept.reduce((total, at) => total + sum[at]!, 0)) / rows);
    const mixer = listedMixer(layer, {
      scale,
      keysOf,
      structure: query =>
        chosen.flatMap(({ columns, slashes }, head): PlanNode[] => {
          const limit = query === undefined || !causal ? tokens : query + 1;
          const pairs = (positions: Int32Array) =>
            ranges(limit, ...Array.from(positions, (at): [number, number] => [at, at + 1]));
          const mass = (sum: Float64Array, kept: Int32Array) => `${share(sum, kept)} % of the probed mass`;
          const { columns: byColumn, diagonals } = sums[head]!;
          const verticals = planNode(
            'columns',
            `head ${head}: ${columns.length} columns, ${mass(byColumn, columns)}`,
            pairs(columns),
          );
          if (query === undefined) return [verticals];
          const label = `head ${head}: ${slashes.length} distances, ${mass(diagonals, slashes)}`;
          return [verticals, planNode('slashes', label, pairs(slashes.map(distance => query - distance)))];
        }),
    });

    /** Columns, and what the longest distance reaches from the last token, of a group of heads. */
    function reached(heads: readonly number[]): number {
      const furthest = Math.max(...heads.map(head => chosen[head]!.slashes.at(-1) ?? -1));
      const since = Math.max(0, tokens - 1 - furthest);
      const before = heads.flatMap(head => Array.from(chosen[head]!.columns)).filter(at => at < since);
      return new Set(before).size + tokens - since;
    }

    return {
      ...mixer,
      kept() {
        const lists = chosen.reduce((sum, { columns, slashes }) => sum + columns.length + slashes.length, 0);
        return (causal ? cachedByGroup(layer, reached) : cached(layer, tokens)) + lists;
      },
    };
  },

  reference: verticalSlashReference,
});

/** The places of the `count` largest sums, ascending, the first `always` places among them. */
function best(sums: Float64Array, count: number, always: number): Int32Array {
  const ranked = Float32Array.from(sums, (sum, at) => (at < always ? Infinity : sum));
  return topIndices(ranked, Math.max(count, always));
}
