/** Scores of every query with a few keys of its own, reduced in the graph to their largest and their sum. */

import { GraphBuilder } from '../../onnx/builder';
import type { Executor, Program } from '../../onnx/graph';
import { floats, type FloatTensor, integers } from '../../onnx/tensor';

export interface SampledScores {
  /** `[H, N]` of the unscaled `q.k`. */
  readonly largest: Float32Array;
  readonly sum: Float32Array;
}

/** Queries of a call. */
const TOGETHER = 256;

/** `q [H, P, D]`, `k [G, P, D]`, and `samples [N, U]` positions of keys, the same for every head. */
export async function sampledScores(
  executor: Executor,
  q: FloatTensor,
  k: FloatTensor,
  samples: Int32Array,
  tokens: number,
): Promise<SampledScores> {
  const [heads, stride, width] = q.shape as [number, number, number];
  const groups = k.shape[0]!;
  const group = heads / groups;
  const count = samples.length / tokens;
  const largest = new Float32Array(heads * tokens);
  const sum = new Float32Array(heads * tokens);
  for (let start = 0; start < tokens; start += TOGETHER) {
    const length = Math.min(TOGETHER, tokens - start);
    const rows = floats([groups, TOGETHER, group, width]);
    const index = new Int32Array(TOGETHER * count);
    index.set(samples.subarray(start * count, (start + length) * count));
    const place = (head: number, i: number) =>
      (Math.floor(head / group) * TOGETHER + i) * group + (head % group);
    for (let head = 0; head < heads; head++) {
      for (let i = 0; i < length; i++) {
        const from = (head * stride + start + i) * width;
        rows.data.set(q.data.subarray(from, from + width), place(head, i) * width);
      }
    }
    const results = await executor.run(program(groups, group, width), {
      q: rows,
      k,
      index: integers([TOGETHER, count], index),
    });
    for (const [name, into] of [
      ['largest', largest],
      ['sum', sum],
    ] as const) {
      const found = results[name]!.data as Float32Array;
      for (let head = 0; head < heads; head++) {
        for (let i = 0; i < length; i++) into[head * tokens + start + i] = found[place(head, i)]!;
      }
    }
  }
  return { largest, sum };
}

function program(groups: number, group: number, width: number): Program {
  const key = `sampled/${groups}/${group}/${width}`;
  return {
    key,
    build() {
      const g = new GraphBuilder(key);
      const q = g.input('q', 'float32', [groups, 'T', group, width]);
      const k = g.input('k', 'float32', [groups, 'P', width]);
      const index = g.input('index', 'int32', ['T', 'U']);
      const keys = g.gather(k, index, 1);
      const scores = g.matMul(q, g.transpose(keys, 0, 1, 3, 2));
      g.output('largest', g.reduce('ReduceMax', scores, 3));
      g.output('sum', g.reduce('ReduceSum', scores, 3));
      return g.build();
    },
  };
}
