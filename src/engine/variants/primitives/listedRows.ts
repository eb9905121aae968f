/**
 * The gathered softmax: every query has a list of keys of its own. It costs what the lists hold, whatever
 * the document's length. The keys of a list are all admitted; rules are applied when it is made.
 *
 * Letters as in `softmaxRows`; `L` is the longest list, in whole tiles.
 */

import { SINK_TOKENS, SPAN_MASS } from '../../../protocol/inspection';
import { GraphBuilder } from '../../onnx/builder';
import type { Executor, Program } from '../../onnx/graph';
import { floats, type FloatTensor, integers } from '../../onnx/tensor';
import { NOWHERE } from './keys';
import { TILE } from './mixer';
import { rowStatistics } from './rowStatisticsGraph';
import type { SoftmaxResult } from './softmaxRows';
import { symmetricSpans } from './symmetricSpan';

/** Scores of padding. */
const HIDDEN = -1e30;

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
  const length = Math.ceil(longest / TILE) * TILE;
  const index = new Int32Array(lists.length * length);
  const positions = new Float32Array(lists.length * length).fill(NOWHERE);
  let looksAhead = false;
  lists.forEach((list, row) => {
    const offset = Math.floor(row / rows) * stride;
    for (let at = 0; at < list.length; at++) {
      index[row * length + at] = offset + list[at]!;
      positions[row * length + at] = list[at]!;
    }
    looksAhead ||= list[list.length - 1]! > queries[row % block]!;
  });
  const results = await executor.run(listedProgram(streams, width), {
    q: floats([streams, rows, width, 1], q.data),
    k: floats([streams * stride, width], k.data),
    v: floats([streams * stride, v.shape[2]!], v.data),
    scale: floats([], Float32Array.of(call.scale)),
    index: integers([streams, rows, length], index),
    positions: floats([streams, rows, length], positions),
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
  return { y: array('y'), stats, weights, length };
}

const SHARE = Float32Array.of(SPAN_MASS);

function listedProgram(streams: number, width: number): Program {
  const key = `listed/${streams}/${width}`;
  return {
    key,
    build() {
      const g = new GraphBuilder(key);
      const q = g.mul(g.input('q', 'float32', [streams, 'R', width, 1]), g.input('scale', 'float32', []));
      const k = g.input('k', 'float32', ['S*P', width]);
      const v = g.input('v', 'float32', ['S*P', 'E']);
      const index = g.input('index', 'int32', [streams, 'R', 'L']);
      const positions = g.input('positions', 'float32', [streams, 'R', 'L']);

      const keys = g.gather(k, index, 0);
      const values = g.gather(v, index, 0);
      const scores = g.reshape(g.matMul(keys, q), [streams, 'R', 'L']);
      const masked = g.add(scores, g.where(g.less(positions, NOWHERE), 0, HIDDEN));
      const weights = g.softmax(masked);
      g.output('weights', weights);
      const row = g.unsqueeze(weights, 2);
      g.output('y', g.matMul(row, values));
      const meanKey = g.matMul(row, keys);
      const stats = rowStatistics(g, {
        weights,
        masked,
        meanScore: g.reshape(g.matMul(meanKey, q), [streams, 'R']),
        positions,
        spanMass: g.scalar(SPAN_MASS),
        sinkTokens: SINK_TOKENS,
        tile: TILE,
      });
      g.output('entropy', stats.entropy);
      g.output('sink', stats.sink);
      g.output('peak', stats.peak);
      g.output('spanStart', stats.spanStart());
      return g.build();
    },
  };
}
