/**
 * For every query, the candidates with the largest dot products: blocks, pages or keys. Of the score map no
 * more exists at a time than fits a fixed budget.
 *
 * Letters: `S` streams, `R` rows, `C` candidates, `F` features.
 */

import { GraphBuilder } from '../../onnx/builder';
import type { Executor, Program } from '../../onnx/graph';
import { floats, type FloatTensor } from '../../onnx/tensor';
import { type Block, type Layer, takeRows, TILE } from './mixer';

interface MatchCall {
  readonly executor: Executor;
  /** `[S, R, F]` */
  readonly queries: FloatTensor;
  /** `[S, C, F]` */
  readonly candidates: FloatTensor;
  /** `[R]`: a row chooses among the candidates before its limit. */
  readonly limits: ArrayLike<number>;
  readonly count: number;
}

/** The chosen candidates of row `row` of stream `stream`, best first unless all are chosen. */
export type Matches = (stream: number, row: number) => Int32Array;

/** Scores in memory at once. */
const MOST_SCORES = 2 ** 22;

/** Larger scores first, then lower indices; all candidates where there are no more than `count`. */
export async function bestMatches(call: MatchCall): Promise<Matches> {
  const { executor, queries, candidates, limits, count } = call;
  const [streams, rows, features] = queries.shape as [number, number, number];
  const furthest = Array.from(limits).reduce((most, limit) => Math.max(most, limit), 0);
  const everything = (row: number) => Int32Array.from({ length: limits[row]! }, (_, c) => c);
  if (furthest <= count || count === 0) {
    return (_, row) => (count === 0 ? new Int32Array(0) : everything(row));
  }
  const known = cut(candidates, Math.ceil(furthest / TILE) * TILE);
  const many = known.shape[1]!;
  const index = floats(
    [many],
    Float32Array.from({ length: many }, (_, c) => c),
  );
  const together = Math.min(rows, Math.max(1, Math.floor(MOST_SCORES / (streams * many))));
  const chosen: BigInt64Array[] = [];
  for (let first = 0; first < rows; first += together) {
    const part = Array.from({ length: Math.min(together, rows - first) }, (_, row) => first + row);
    const results = await executor.run(program(streams, features, count), {
      queries: part.length === rows ? queries : takeRows(queries, part),
      candidates: known,
      limits: floats(
        [part.length],
        Float32Array.from(part, row => limits[row]!),
      ),
      index,
    });
    chosen.push(results['chosen']!.data as BigInt64Array);
  }
  return (stream, row) => {
    const part = chosen[Math.floor(row / together)]!;
    const from = (stream * (part.length / streams / count) + (row % together)) * count;
    return Int32Array.from(part.subarray(from, from + Math.min(count, limits[row]!)), Number);
  };
}

export interface QueryMatches {
  /** `[G, C, F]` */
  readonly candidates: FloatTensor;
  /** What meets the candidates, `[H, B, F]`, of queries `[H, B, D]`; the queries themselves unless given. */
  features?(queries: FloatTensor): FloatTensor;
  /** A query chooses among the candidates before this one. */
  limit(query: number): number;
  readonly count: number;
}

/** The choices of every head and query of a block, best first unless all are chosen. */
export async function matchQueries(
  { executor, q, k }: Pick<Layer, 'executor' | 'q' | 'k'>,
  { start, end }: Block,
  { candidates, features, limit, count }: QueryMatches,
): Promise<(head: number, query: number) => Int32Array> {
  const positions = Array.from({ length: end - start }, (_, b) => start + b);
  const perGroup = q.shape[0]! / k.shape[0]!;
  const rows = takeRows(q, positions);
  const { data, shape } = features?.(rows) ?? rows;
  const matches = await bestMatches({
    executor,
    queries: floats([k.shape[0]!, perGroup * positions.length, shape[2]!], data),
    candidates,
    limits: Array.from({ length: perGroup }, () => positions.map(limit)).flat(),
    count,
  });
  return (head, query) =>
    matches(Math.floor(head / perGroup), (head % perGroup) * positions.length + query - start);
}

/** The choices of one head and query, without the device: for what a plan says of one token. */
export function matchOne(
  { q, k }: Pick<Layer, 'q' | 'k'>,
  head: number,
  query: number,
  { candidates, features, limit, count }: QueryMatches,
): number[] {
  const row = takeRows(q, [query]);
  const { data, shape } = features?.(row) ?? row;
  const width = shape[2]!;
  const from = Math.floor((head * k.shape[0]!) / q.shape[0]!) * candidates.shape[1]!;
  const scores = Float64Array.from({ length: limit(query) }, (_, c) => {
    let sum = 0;
    for (let f = 0; f < width; f++) sum += data[head * width + f]! * candidates.data[(from + c) * width + f]!;
    return sum;
  });
  return Array.from(scores, (_, c) => c)
    .sort((a, b) => scores[b]! - scores[a]! || a - b)
    .slice(0, count);
}

/** The first `length` candidates of each stream, padded with zeros. */
function cut(x: FloatTensor, length: number): FloatTensor {
  const [streams, stride, features] = x.shape as [number, number, number];
  if (stride === length) return x;
  const result = floats([streams, length, features]);
  for (let stream = 0; stream < streams; stream++) {
    const from = stream * stride * features;
    const part = x.data.subarray(from, from + Math.min(stride, length) * features);
    result.data.set(part, stream * length * features);
  }
  return result;
}

function program(streams: number, features: number, count: number): Program {
  const key = `matches/${streams}/${features}/${count}`;
  return {
    key,
    build() {
      const g = new GraphBuilder(key);
      const queries = g.input('queries', 'float32', [streams, 'R', features]);
      const candidates = g.input('candidates', 'float32', [streams, 'C', features]);
      const limits = g.unsqueeze(g.input('limits', 'float32', ['R']), 1);
      const index = g.unsqueeze(g.input('index', 'float32', ['C']), 0);
      const scores = g.matMul(queries, g.transpose(candidates, 0, 2, 1));
      const open = g.add(scores, g.where(g.less(index, limits), 0, -1e30));
      // Left as int64: WebGPU has no cast from it.
      g.output('chosen', g.topK(open, count).indices);
      return g.build();
    },
  };
}
