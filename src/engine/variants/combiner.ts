/**
 * Combiner, the fixed √N form: one softmax over the keys of the own segment and the summary keys of the
 * earlier segments. A summary's key is the pooled key; its value is `sum_j r_cj v_j`, where `r_c` is the
 * softmax of the segment's pooled query over its own keys:
 *
 *   M_ij = p_ij            for j in i's own segment
 *   M_ij = p_ic · r_cj     for j in an earlier segment c
 *
 * Ren et al. 2021, arXiv 2107.05768, sections 3 and 4.1. There pooling is by maximum, `pool=max` here.
 */

import type { FloatTensor } from '../onnx/tensor';
import { combinerReference } from './combiner.reference';
import { blockOutput } from './primitives/blockOutput';
import { cached } from './primitives/kept';
import {
  type Block,
  type Layer,
  type Mixer,
  type MixerRow,
  scaleOf,
  takeRows,
  variant,
} from './primitives/mixer';
import { choice, integer, MOST_TOKENS, type Params, scale } from './primitives/params';
import { joined } from './primitives/joined';
import { type Piece, pooledRowStats } from './primitives/pooledRow';
import { softmaxPooling } from './primitives/poolWeights';
import { meanPool, repeatHeads, segmentNodes, type Segments, segmentsOf } from './primitives/segments';
import { runsOf } from './primitives/shared';
import { segmentSlots } from './primitives/slots';
import { sharedAttend } from './primitives/sharedLists';

const params = {
  segment: integer(0, 0, MOST_TOKENS, 'Tokens a segment; 0 stands for the square root of the length.'),
  pool: choice('mean', ['mean', 'max'], 'How queries and keys of a segment are pooled.'),
  scale,
};

export type CombinerParams = Params<typeof params>;

export const combiner = variant({
  id: 'combiner',
  title: 'Combiner',
  summary: 'A token sees its own segment directly, and earlier segments through one summary each.',
  source: 'arXiv 2107.05768',
  trainingClass: 'TF',
  cost: 'N·√N',
  plan: ['segments'],
  params,
  examples: [{ params: {} }, { params: { segment: 10, pool: 'max' } }, { params: { segment: 500 } }],
  open,
  reference: combinerReference,
});

async function open(layer: Layer, { segment, pool, scale: given }: CombinerParams): Promise<Mixer> {
  const { tokens, q, k, v } = layer;
  const [heads, , width] = q.shape as [number, number, number];
  const valueWidth = v.shape[2]!;
  const factor = scaleOf(given, width);
  const size = segment === 0 ? Math.max(1, Math.ceil(Math.sqrt(tokens))) : segment;
  const segments = segmentsOf(size, tokens, undefined);
  const { of, starts } = segments;
  const pooled = pool === 'mean' ? meanPool : maxPool;
  const { weights, summaries } = await softmaxPooling(layer, segments, pooled(q, segments), factor);
  // Rows of the summaries, then rows of the tokens.
  const first = summaries.shape[1]!;
  const keys = joined(pooled(k, segments), k);
  const values = joined(summaries, repeatHeads(v, heads));

  async function attendRun({ start, end }: Block) {
    const own = of[start]!;
    const queries = Array.from({ length: end - start }, (_, b) => start + b);
    const list = [
      ...Array.from({ length: own }, (_, c) => c),
      ...Array.from({ length: end - starts[own]! }, (_, at) => first + starts[own]! + at),
    ];
    const result = await sharedAttend(
      {
        executor: layer.executor,
        q: takeRows(q, queries),
        k: keys,
        v: values,
        scale: factor,
        causal: true,
        queries: Float32Array.from(queries),
        lists: Array.from({ length: heads }, () => list),
        positionOf: entry => (entry < first ? starts[entry]! : entry - first),
      },
      true,
    );
    const entries = (head: number, query: number) => {
      const from = (head * queries.length + query - start) * result.length;
      return result.weights.subarray(from, from + own + query - starts[own]! + 1);
    };
    return { ...result, entries };
  }

  /** The row as masses on earlier segments and on single tokens. */
  function pieces(head: number, query: number, entries: Float32Array): Piece[] {
    const own = of[query]!;
    return Array.from(entries, (mass, at): Piece =>
      at < own
        ? {
            start: starts[at]!,
            end: starts[at + 1]!,
            mass,
            entropy: weights.entropy(head, at),
            peak: weights.peak(head, at),
            before: token => weights.before(head, token),
          }
        : { start: starts[own]! + at - own, end: starts[own]! + at - own + 1, mass, entropy: 0, peak: 1 },
    );
  }

  return {
    cost: ({ start, end }) => (end - start) * (of[start]! + size),
    kept() {
      const last = of[tokens - 1]!;
      // The own segment, one summary for each before it, and the mean query so far.
      const summary = k.shape[0]! * width + heads * valueWidth;
      return cached(layer, tokens - starts[last]!) + last * summary + heads * width;
    },

    async attend(block) {
      const output = blockOutput(block, heads, valueWidth);
      for (const run of runsOf(size, block)) {
        const { y, entries } = await attendRun(run);
        const length = run.end - run.start;
        const stats = pooledRowStats(heads * length, row => {
          const [head, query] = [Math.floor(row / length), run.start + (row % length)];
          return { query, pieces: pieces(head, query, entries(head, query)) };
        });
        output.put(run, { y, stats });
      }
      return output.result;
    },

    async row(head, query): Promise<MixerRow> {
      const { entries } = await attendRun({ start: query, end: query + 1 });
      const row = entries(head, query);
      const own = of[query]!;
      return {
        keys: Int32Array.from({ length: query + 1 }, (_, j) => j),
        weights: Float32Array.from({ length: query + 1 }, (_, j) =>
          of[j] === own ? row[own + j - starts[own]!]! : row[of[j]!]! * weights.weight(head, j),
        ),
      };
    },

    structure: () => segmentNodes(segments, 'segment'),

    memoryAt: (_, query) =>
      Promise.resolve({
        kind: 'slots',
        about:
          'Each earlier segment is one summary: a pooled key, and values weighed by the segment’s own pooled query.',
        slots: segmentSlots(segments, query, { name: 'segment' }),
      }),
  };
}

/** Largest entries over each segment, shaped as `meanPool` shapes its means. */
function maxPool(x: FloatTensor, segments: Segments): FloatTensor {
  const [heads, stride, width] = x.shape as [number, number, number];
  const { count, starts } = segments;
  const pooled = meanPool(x, segments);
  for (let head = 0; head < heads; head++) {
    for (let c = 0; c < count; c++) {
      const to = (head * pooled.shape[1]! + c) * width;
      pooled.data.fill(-Infinity, to, to + width);
      for (let j = starts[c]!; j < starts[c + 1]!; j++) {
        for (let d = 0; d < width; d++) {
          const item = x.data[(head * stride + j) * width + d]!;
          if (item > pooled.data[to + d]!) pooled.data[to + d] = item;
        }
      }
    }
  }
  return pooled;
}
