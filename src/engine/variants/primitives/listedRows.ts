/**
 * The gathered softmax: every query has a list of keys of its own. It costs what the lists hold, whatever
 * the document's length. The keys of a list are all admitted; rules are applied when it is made.
 *
 * Letters as in `softmaxRows`; `L` is the longest list, in whole tiles.
 */

import { SPAN_MASS } from '../../../protocol/inspection';
import { GraphBuilder } from '../../onnx/builder';
import type { Executor, Program, Value } from '../../onnx/graph';
import { floats, type FloatTensor, integers } from '../../onnx/tensor';
import { HIDDEN, keyLength, NOWHERE } from './keys';
import { type PositionTerm, termFeeds, termKey, termValues } from './positionTerm';
import { outputStatistics } from './rowStatisticsGraph';
import type { SoftmaxResult } from './softmaxRows';
import { symmetricSpans } from './symmetricSpan';

export interface ListedCall {
  readonly executor: Executor;
  /** `[S, G, B, D]` */
  readonly q: FloatTensor;
  /** `[S, P, D]` */
  readonly k: FloatTensor;
  /** `[S, P, E]` */
  readonly v: FloatTensor;
  readonly scale: number;
  /** `[B]` positions of the queries. */
  readonly queries: Float32Array;
  /** Keys of stream `s`, head `g` of it, query `b`: ascending positions, at least one. */
  list(stream: number, group: number, query: number): ArrayLike<number>;
  /** Scores of the list's keys, aligned with it, in place of `q.k`. */
  scores?(stream: number, group: number, query: number): ArrayLike<number>;
  /** Added to the scores of the list's keys, aligned with it. */
  bias?(stream: number, group: number, query: number): ArrayLike<number>;
  /** What depends on offsets, for the heads `[S * G]` of the call. */
  readonly position?: { readonly term: PositionTerm; readonly heads: readonly number[] } | undefined;
}

/** `weights` are `[S * G, B, L]`, aligned with the lists. */
export async function listedAttend(call: ListedCall): Promise<SoftmaxResult & { readonly length: number }> {
  const { q, k, v, executor, queries } = call;
  const [streams, group, block, width] = q.shape as [number, number, number, number];
  const stride = k.shape[1]!;
  const rows = group * block;
  const lists = Array.from({ length: streams * rows }, (_, row) =>
    call.list(Math.floor(row / rows), Math.floor((row % rows) / block), row % block),
  );
  const longest = lists.reduce((most, list) => Math.max(most, list.length), 1);
  const { wantsFewShapes } = executor;
  const length = keyLength(longest, wantsFewShapes);
  const index = new Int32Array(lists.length * length);
  const positions = new Float32Array(lists.length * length).fill(NOWHERE);
  const given = call.scores && new Float32Array(index.length);
  const bias = call.bias && new Float32Array(index.length);
  let looksAhead = false as boolean;
  let lowest = 0;
  let highest = 0;
  lists.forEach((list, row) => {
    const offset = Math.floor(row / rows) * stride;
    for (let at = 0; at < list.length; at++) {
      index[row * length + at] = offset + list[at]!;
      positions[row * length + at] = list[at]!;
    }
    const query = queries[row % block]!;
    lowest = Math.min(lowest, list[0]! - query);
    highest = Math.max(highest, list[list.length - 1]! - query);
    looksAhead ||= list[list.length - 1]! > query;
    given?.set(
      call.scores!(Math.floor(row / rows), Math.floor((row % rows) / block), row % block),
      row * length,
    );
    bias?.set(
      call.bias!(Math.floor(row / rows), Math.floor((row % rows) / block), row % block),
      row * length,
    );
  });
  const results = await executor.run(listedProgram(call, given !== undefined, bias !== undefined), {
    q: floats([streams, rows, width, 1], q.data),
    // Whole, so that a device that keeps them need not be given them again.
    k,
    v,
    scale: floats([], Float32Array.of(call.scale)),
    index: integers([streams, rows, length], index),
    positions: floats([streams, rows, length], positions),
    ...(given && { given: floats([streams, rows, length], given) }),
    ...(bias && { bias: floats([streams, rows, length], bias) }),
    ...(call.position && {
      i: floats(
        [rows, 1],
        Float32Array.from({ length: rows }, (_, row) => queries[row % block]!),
      ),
      ...termFeeds(call.position.term, {
        heads: call.position.heads,
        streams,
        length: block,
        lowest,
        highest,
        wantsFewShapes,
      }),
    }),
  });
  const array = (name: string) => results[name]!.data as Float32Array;
  const weights = array('weights');
  const span = looksAhead
    ? Float32Array.from(lists, (list, row) => {
        const keys = {
          count: list.length,
          rows: index,
          positions: positions.subarray(row * length, (row + 1) * length),
        };
        const entries = weights.subarray(row * length, (row + 1) * length);
        return symmetricSpans(entries, queries.subarray(row % block, (row % block) + 1), keys, SHARE)[0]!;
      })
    : array('spanStart').map((start, row) => queries[row % block]! - start + 1);
  const stats = { entropy: array('entropy'), span, sink: array('sink'), peak: array('peak') };
  return { y: array('y'), stats, weights, logSum: array('logSum'), length };
}

const SHARE = Float32Array.of(SPAN_MASS);

function listedProgram({ q, v, position }: ListedCall, isGiven: boolean, isBiased: boolean): Program {
  const [streams, group, , width] = q.shape as [number, number, number, number];
  const valueWidth = v.shape[2]!;
  const term = position?.term;
  const key = `listed/${streams}/${group}/${width}/${valueWidth}/${isGiven}/${isBiased}/${termKey(term)}`;
  return {
    key,
    build() {
      const g = new GraphBuilder(key);
      const v = g.reshape(g.input('v', 'float32', [streams, 'P', valueWidth]), ['S*P', valueWidth]);
      const index = g.input('index', 'int32', [streams, 'R', 'L']);
      const positions = g.input('positions', 'float32', [streams, 'R', 'L']);
      const { scores: unbiased, factor } = isGiven
        ? { scores: g.input('given', 'float32', [streams, 'R', 'L']), factor: undefined }
        : products(g, index, positions);
      const scores = isBiased ? g.add(unbiased, g.input('bias', 'float32', [streams, 'R', 'L'])) : unbiased;
      const masked = g.add(scores, g.where(g.less(positions, NOWHERE), 0, HIDDEN));
      const softmax = g.softmax(masked);
      const weights = factor === undefined ? softmax : g.mul(softmax, factor);
      g.output('weights', weights);
      g.output('y', g.matMul(g.unsqueeze(weights, 2), g.gather(v, index, 0)));
      const spanMass = g.scalar(SPAN_MASS);
      const meanScore = g.reduce('ReduceSum', g.mul(weights, scores), 2);
      // Meant for lists that look back; those that do not take their spans from the weights.
      outputStatistics(g, { weights, masked, meanScore, positions, spanMass, factor, looksBack: true });
      return g.build();
    },
  };

  function products(g: GraphBuilder, index: Value, positions: Value) {
    const unscaled = g.input('q', 'float32', [streams, 'R', width, 1]);
    const scale = g.input('scale', 'float32', []);
    const k = g.reshape(g.input('k', 'float32', [streams, 'P', width]), ['S*P', width]);
    const keys = g.gather(k, index, 0);
    const content = g.reshape(g.matMul(keys, g.mul(unscaled, scale)), [streams, 'R', 'L']);
    if (term === undefined) return { scores: content, factor: undefined };
    const { added, factor } = termValues(g, term, {
      streams,
      group,
      width,
      q: g.reshape(unscaled, [streams, 'R', width]),
      content,
      scale,
      i: g.input('i', 'float32', ['R', 1]),
      j: positions,
    });
    return { scores: added === undefined ? content : g.add(content, added), factor };
  }
}
