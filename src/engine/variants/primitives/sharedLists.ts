/**
 * The gathered block: a run of queries shares a list of keys, every head its own. The keys of a list are
 * gathered once for the run, so that the scores are one product.
 *
 * Letters: `L` lists, `R` queries on each, `M` rows of the arrays that lists index, `K` the longest list
 * in whole tiles; `D` and `E` as in `mixer`.
 */

import { SPAN_MASS } from '../../../protocol/inspection';
import { GraphBuilder } from '../../onnx/builder';
import type { Executor, Program, Value } from '../../onnx/graph';
import { floats, type FloatTensor, integers } from '../../onnx/tensor';
import { HIDDEN, keyLength, NOWHERE } from './keys';
import { type PositionTerm, termFeeds, termKey, termValues } from './positionTerm';
import { outputStatistics } from './rowStatisticsGraph';
import type { SoftmaxResult } from './softmaxRows';
import { symmetricSpan } from './symmetricSpan';

export interface SharedCall {
  readonly executor: Executor;
  /** `[L, R, D]` */
  readonly q: FloatTensor;
  /** `[S, M, D]`, `L` a multiple of `S`. */
  readonly k: FloatTensor;
  /** `[S', M, E]`, `L` a multiple of `S'`. */
  readonly v: FloatTensor;
  readonly scale: number;
  readonly causal: boolean;
  /** `[R]` positions of the queries. */
  readonly queries: Float32Array;
  /** `[L]` lists of rows of k and v, in ascending order of position. */
  readonly lists: readonly ArrayLike<number>[];
  /** Position of an entry; the row itself unless given. Every query must see at least one. */
  readonly positionOf?: (entry: number) => number;
  /** What depends on offsets, for the heads `[L]` of the lists. */
  readonly position?: { readonly term: PositionTerm; readonly heads: readonly number[] } | undefined;
}

/** `weights` are `[L, R, K]`, aligned with the lists; empty unless asked for. */
export async function sharedAttend(
  call: SharedCall,
  withWeights = false,
): Promise<SoftmaxResult & { readonly length: number }> {
  const { executor, q, k, v, queries, lists, causal, positionOf = (entry: number) => entry } = call;
  const [count, rows] = q.shape as [number, number, number];
  const longest = lists.reduce((most, list) => Math.max(most, list.length), 1);
  const { wantsFewShapes } = executor;
  const length = keyLength(longest, wantsFewShapes);
  const positions = new Float32Array(count * length).fill(NOWHERE);
  const index = (x: FloatTensor) => {
    const [streams, stride] = x.shape as [number, number];
    const flat = new Int32Array(count * length);
    lists.forEach((list, l) => {
      const offset = Math.floor((l * streams) / count) * stride;
      for (let at = 0; at < list.length; at++) flat[l * length + at] = offset + list[at]!;
    });
    return integers([count, length], flat);
  };
  lists.forEach((list, l) => {
    for (let at = 0; at < list.length; at++) positions[l * length + at] = positionOf(list[at]!);
  });
  const seen = lists.flatMap(list => [positionOf(list[0]!), positionOf(list[list.length - 1]!)]);
  const wantsWeights = withWeights || !causal;
  const results = await executor.run(program(call, wantsWeights), {
    q,
    // Whole, so that a device that keeps them need not be given them again.
    k,
    v,
    scale: floats([], Float32Array.of(call.scale)),
    i: floats([rows], queries),
    keyRows: index(k),
    valueRows: index(v),
    positions: floats([count, length], positions),
    ...(call.position &&
      termFeeds(call.position.term, {
        heads: call.position.heads,
        streams: count,
        length: rows,
        lowest: Math.min(...seen) - queries[rows - 1]!,
        highest: Math.max(...seen) - queries[0]!,
        wantsFewShapes,
      })),
  });
  const array = (name: string) => results[name]!.data as Float32Array;
  const weights = wantsWeights ? array('weights') : new Float32Array(0);
  const span = causal
    ? array('spanStart').map((start, row) => queries[row % rows]! - start + 1)
    : Float32Array.from({ length: count * rows }, (_, row) => {
        const list = Math.floor(row / rows);
        const entries = weights.subarray(row * length, row * length + lists[list]!.length);
        const at = positions.subarray(list * length, (list + 1) * length);
        return symmetricSpan(entries, at, queries[row % rows]!, SPAN_MASS);
      });
  const stats = { entropy: array('entropy'), span, sink: array('sink'), peak: array('peak') };
  return { y: array('y'), stats, weights, logSum: array('logSum'), length };
}

function program({ q, k, v, causal, position }: SharedCall, wantsWeights: boolean): Program {
  const [count, , width] = q.shape as [number, number, number];
  const term = position?.term;
  const sizes = [count, width, k.shape[0], v.shape[0], v.shape[2]].join('/');
  const key = `shared/${sizes}/${causal}/${wantsWeights}/${termKey(term)}`;
  return {
    key,
    build() {
      const g = new GraphBuilder(key);
      const unscaled = g.input('q', 'float32', [count, 'R', width]);
      const scale = g.input('scale', 'float32', []);
      const q = g.mul(unscaled, scale);
      const i = g.unsqueeze(g.input('i', 'float32', ['R']), 1);
      const keys = g.gather(rowsOf(g, 'k', k), g.input('keyRows', 'int32', [count, 'K']), 0);
      const values = g.gather(rowsOf(g, 'v', v), g.input('valueRows', 'int32', [count, 'K']), 0);
      const positions = g.input('positions', 'float32', [count, 'K']);

      const j = g.unsqueeze(positions, 1);
      const seen = causal ? g.lessOrEqual(j, i) : g.less(j, NOWHERE);
      const content = g.matMul(q, g.transpose(keys, 0, 2, 1));
      const terms = { streams: count, group: 1, width, q: unscaled, content, scale, i, j };
      const { added, factor } = termValues(g, term, terms);
      const scores = added === undefined ? content : g.add(content, added);
      const masked = g.add(scores, g.where(seen, 0, HIDDEN));
      const softmax = g.softmax(masked);
      const weights = factor === undefined ? softmax : g.mul(softmax, factor);
      if (wantsWeights) g.output('weights', weights);
      g.output('y', g.matMul(weights, values));
      const spanMass = g.scalar(SPAN_MASS);
      const meanScore = g.reduce('ReduceSum', g.mul(weights, scores), 2);
      outputStatistics(g, { weights, masked, meanScore, positions, spanMass, factor, looksBack: causal });
      return g.build();
    },
  };
}

/** An input `[S, M, W]` as the rows of all its streams. */
function rowsOf(g: GraphBuilder, name: string, { shape }: FloatTensor): Value {
  const [streams, , width] = shape as [number, number, number];
  return g.reshape(g.input(name, 'float32', [streams, 'M', width]), ['S*M', width]);
}
