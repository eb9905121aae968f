/**
 * Memory caching over a linear memory: each segment fills a state of its own, `S_c = sum_j k_j v_jᵀ`; a
 * query reads the states of the earlier segments and what its own holds so far, weighed by a gate:
 *
 *   y_i = scale · sum_c γ_ic S_cᵀ q_i        M_ij = scale · γ_i,c(j) · q_i.k_j
 *   γ_i = softmax over c of u_i . mean(x in segment c)
 *
 * Behrouz et al. 2026, arXiv 2602.24281: gated residual memory; with `k` its sparse selective caching, in
 * which the `k` earlier segments with the best gates are read and the query's own always is. States start
 * from nothing at each segment, and the own segment's mean runs up to the query. The tensor `x`
 * `[N, X]` or `[H, N, X]` gives what is pooled, `u = x W_u` with the tensor `W_u` `[X, X]`; without `x`
 * keys are pooled and queries ask.
 */

import { memoryCachingReference } from './memory-caching.reference';
import { decayMixer } from './primitives/decayMixer';
import { bestMatches } from './primitives/bestMatches';
import { cacheStates, gatesOf, readCache } from './primitives/cachedStates';
import { type Block, type Layer, type Mixer, takeRows, scaleOf, variant } from './primitives/mixer';
import { gateInputs } from './primitives/gateInputs';
import { integer, MOST_TOKENS, number, type Params, size } from './primitives/params';
import { meanPool, repeatHeads, segmentNodes, segmentsOf } from './primitives/segments';
import { segmentSlots } from './primitives/slots';
import { floats } from '../onnx/tensor';

const params = {
  segment: size(256, ['sentence', 'paragraph'], 'Tokens a segment, or the unit of text that makes one.'),
  k: integer(0, 0, MOST_TOKENS, 'Earlier segments that a query reads; 0 stands for all.'),
  scale: number(1, 0, 1e6, 'Factor on q.k; 0 stands for 1/sqrt(head width).'),
};
export type MemoryCachingParams = Params<typeof params>;

export const memoryCaching = variant({
  id: 'memory-caching',
  title: 'Memory caching',
  summary: 'A token reads its own segment’s state and the cached states of earlier segments, through a gate.',
  source: 'arXiv 2602.24281',
  trainingClass: 'SP',
  cost: 'N·(N/b)·D²',
  plan: ['segments'],
  distribution: false,
  params,
  tensors: {
    x: { shape: '[N, X] or [H, N, X]', origin: 'set', standIn: 'keys are pooled and queries ask' },
    W_u: { shape: '[X, X]', origin: 'set', standIn: 'the identity' },
    u: { shape: '[H, N, X]', origin: 'set', standIn: '`x W_u`, or the queries without `x`' },
  },
  examples: [
    { params: { segment: 20, scale: 0 } },
    { params: { segment: 13, k: 2, scale: 0.1 } },
    { params: { segment: 'paragraph', scale: 0 } },
    { params: { scale: 0 } },
    {
      params: { segment: 30, k: 1, scale: 0 },
      tensors: ({ tokens, normal }) => ({
        x: floats([tokens, 12], Float32Array.from({ length: tokens * 12 }, normal)),
        W_u: floats([12, 12], Float32Array.from({ length: 144 }, normal)),
      }),
    },
  ],
  open,
  reference: memoryCachingReference,
});

/** Queries read at once: their queries stand once for every segment. */
const PART = 64;

async function open(layer: Layer, { segment, k, scale: given }: MemoryCachingParams): Promise<Mixer> {
  const { executor, tokens, q } = layer;
  const [heads, , width] = q.shape as [number, number, number];
  const valueWidth = layer.v.shape[2]!;
  const scale = scaleOf(given, width);
  const segments = segmentsOf(segment, tokens, layer.units);
  const { starts, of } = segments;
  const { asking, pooled } = gateInputs(layer);
  const means = repeatHeads(meanPool(pooled, segments), heads);
  const cache = await cacheStates(layer, segments);

  // A decay to nothing at each segment's first token starts its state anew.
  const atStart = (t: number) => t > 0 && of[t] !== of[t - 1];
  const within = decayMixer(layer, { width: 1, at: (_, t) => (atStart(t) ? -Infinity : 0) }, scale, () => []);
  const products = decayMixer(layer, { width: 1, at: () => 0 }, scale, () => []);

  /** The mean of what is pooled from the segment's start up to each query. */
  function runningMeans(queries: readonly number[]) {
    const [rows, stride, size] = pooled.shape as [number, number, number];
    const means = floats([heads, queries.length, size]);
    for (let head = 0; head < heads; head++) {
      const from = Math.floor((head * rows) / heads) * stride;
      const sum = new Float64Array(size);
      let next = starts[of[queries[0]!]!]!;
      queries.forEach((query, row) => {
        const start = starts[of[query]!]!;
        if (next <= start) {
          sum.fill(0);
          next = start;
        }
        for (; next <= query; next++) {
          for (let d = 0; d < size; d++) sum[d]! += pooled.data[(from + next) * size + d]!;
        }
        for (let d = 0; d < size; d++)
          means.data[(head * queries.length + row) * size + d] = sum[d]! / (query - start + 1);
      });
    }
    return means;
  }

  /** `[H, B, C + 1]`: the gates of the earlier segments, then of the query's own. */
  async function gates(queries: readonly number[]) {
    const limits = queries.map(query => of[query]!);
    const count = Math.max(8, Math.ceil(limits.at(-1)! / 8) * 8);
    const rows = takeRows(asking, queries);
    const kept = floats([heads, queries.length, count]);
    const chosen =
      k === 0
        ? undefined
        : await bestMatches({ executor, queries: rows, candidates: means, limits, count: k });
    for (let head = 0; head < heads; head++) {
      for (const [row, limit] of limits.entries()) {
        const at = (head * queries.length + row) * count;
        if (chosen === undefined) kept.data.fill(1, at, at + limit);
        else for (const c of chosen(head, row)) kept.data[at + c] = 1;
      }
    }
    const known = takeRows(
      means,
      Array.from({ length: count }, (_, c) => Math.min(c, means.shape[1]! - 1)),
    );
    return gatesOf(executor, { asking: rows, means: known, own: runningMeans(queries), kept });
  }

  return {
    cost: ({ start, end }) =>
      (end - start) * width * (1 + (k === 0 ? of[end - 1]! : Math.min(k, of[end - 1]!))),
    structure: () => segmentNodes(segments, typeof segment === 'number' ? 'segment' : segment),

    kept() {
      const state = layer.v.shape[0]! * width * valueWidth;
      const mean = pooled.shape[0]! * pooled.shape[2]!;
      return segments.count * (state + mean);
    },

    async attend({ start, end }: Block) {
      const length = end - start;
      const y = new Float32Array(heads * length * valueWidth);
      for (let first = start; first < end; first += PART) {
        const part = { start: first, end: Math.min(end, first + PART) };
        const queries = Array.from({ length: part.end - first }, (_, b) => first + b);
        const own = await within.attend(part);
        const read = await readCache(layer, cache, {
          queries,
          gates: await gates(queries),
          own: own.y,
          scale,
          open: k === 0 ? undefined : k,
        });
        const size = queries.length * valueWidth;
        for (let head = 0; head < heads; head++)
          y.set(read.subarray(head * size, (head + 1) * size), (head * length + first - start) * valueWidth);
      }
      return { y, stats: undefined };
    },

    async memoryAt(head, query) {
      const { data, shape } = await gates([query]);
      const count = shape[2]!;
      const gate = (c: number) => data[head * count + (c === of[query] ? count - 1 : c)]!;
      const name = typeof segment === 'number' ? 'segment' : segment;
      return {
        kind: 'slots',
        about:
          'Each segment leaves the sum of its keys times values behind; a gate says how much of it the token reads.',
        strength: { title: 'Gate γ', help: 'Weight of the segment’s state in what the token reads' },
        slots: segmentSlots(segments, query, { name, strength: gate }),
      };
    },

    async row(head, query) {
      const { keys, weights } = await products.row(head, query);
      const { data, shape } = await gates([query]);
      const count = shape[2]!;
      const gate = (c: number) => data[head * count + (c === of[query] ? count - 1 : c)]!;
      return { keys, weights: weights.map((weight, j) => weight * gate(of[j]!)) };
    },
  };
}
