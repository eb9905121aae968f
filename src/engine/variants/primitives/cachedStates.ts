/**
 * States of linear memories, one a segment, and reading them through gates.
 *
 * Letters: `C` segments, `B` queries, `X` width of what the gates compare; others as in `mixer.ts`.
 */

import { GraphBuilder } from '../../onnx/builder';
import type { Executor, Program } from '../../onnx/graph';
import { floats, type FloatTensor } from '../../onnx/tensor';
import { type Layer, paddedLength, takeRows } from './mixer';
import { chunkOf } from './scan';
import type { Segments } from './segments';

/** `sum_j k_j v_jᵀ` over each segment: `[G, C, D, E]` */
export async function cacheStates(layer: Layer, { count, starts }: Segments): Promise<FloatTensor> {
  const { k, v, executor } = layer;
  const groups = k.shape[0]!;
  const [width, valueWidth] = [k.shape[2]!, v.shape[2]!];
  let longest = 1;
  for (let c = 0; c < count; c++) longest = Math.max(longest, starts[c + 1]! - starts[c]!);
  const length = paddedLength(longest);
  const states = floats([groups, count, width, valueWidth]);
  const size = width * valueWidth;
  for (let c = 0; c < count; c++) {
    const part = (x: FloatTensor) => chunkOf(x, groups, starts[c]!, starts[c + 1]!, length);
    const { state } = await executor.run(STATE, { k: part(k), v: part(v) });
    for (let group = 0; group < groups; group++) {
      const one = (state!.data as Float32Array).subarray(group * size, (group + 1) * size);
      states.data.set(one, (group * count + c) * size);
    }
  }
  return states;
}

const STATE: Program = {
  key: 'segmentState',
  build() {
    const g = new GraphBuilder('segmentState');
    const k = g.input('k', 'float32', ['G', 'L', 'D']);
    g.output('state', g.matMul(g.transpose(k, 0, 2, 1), g.input('v', 'float32', ['G', 'L', 'E'])));
    return g.build();
  },
};

interface GateCall {
  /** `[H, B, X]` */
  readonly asking: FloatTensor;
  /** `[H, C, X]`, of the cached segments. */
  readonly means: FloatTensor;
  /** `[H, B, X]`, of each query's own segment up to the query. */
  readonly own: FloatTensor;
  /** `[H, B, C]`: 1 where a query reads a cached segment. */
  readonly kept: FloatTensor;
}

/** `[H, B, C + 1]`, each row a distribution; the last entry is the own segment's. */
export async function gatesOf(executor: Executor, call: GateCall): Promise<FloatTensor> {
  const { gates } = await executor.run(GATES, { ...call });
  return gates as FloatTensor;
}

const GATES: Program = {
  key: 'segmentGates',
  build() {
    const g = new GraphBuilder('segmentGates');
    const asking = g.input('asking', 'float32', ['H', 'B', 'X']);
    const means = g.input('means', 'float32', ['H', 'C', 'X']);
    const hidden = g.mul(g.sub(1, g.input('kept', 'float32', ['H', 'B', 'C'])), -1e30);
    const cached = g.add(g.matMul(asking, g.transpose(means, 0, 2, 1)), hidden);
    const own = g.reduce('ReduceSum', g.mul(asking, g.input('own', 'float32', ['H', 'B', 'X'])), 2, true);
    g.output('gates', g.softmax(g.concat([cached, own], 2, 'C+1')));
    return g.build();
  },
};

interface ReadCall {
  readonly queries: readonly number[];
  /** `[H, B, C + 1]` */
  readonly gates: FloatTensor;
  /** `[H, B, E]`: what the own segment's state gives. */
  readonly own: Float32Array;
  readonly scale: number;
}

/** `y [H, B, E]` */
export async function readCache(
  { executor, q }: Layer,
  states: FloatTensor,
  { queries, gates, own, scale }: ReadCall,
): Promise<Float32Array> {
  const [heads, , width] = q.shape as [number, number, number];
  const [groups, count, , valueWidth] = states.shape as [number, number, number, number];
  const read = gates.shape[2]! - 1;
  const known = floats([groups, read * width, valueWidth]);
  const size = width * valueWidth;
  for (let group = 0; group < groups; group++) {
    const from = group * count * size;
    const part = states.data.subarray(from, from + Math.min(read, count) * size);
    known.data.set(part, group * read * size);
  }
  const { y } = await executor.run(readProgram(heads, groups, width), {
    q: takeRows(q, queries),
    gates,
    states: known,
    own: floats([heads, queries.length, valueWidth], own),
    scale: floats([], Float32Array.of(scale)),
  });
  return y!.data as Float32Array;
}

function readProgram(heads: number, groups: number, width: number): Program {
  const key = `cacheRead/${heads}/${groups}/${width}`;
  return {
    key,
    build() {
      const g = new GraphBuilder(key);
      const q = g.mul(g.input('q', 'float32', [heads, 'B', width]), g.input('scale', 'float32', []));
      const gates = g.input('gates', 'float32', [heads, 'B', 'C+1']);
      const states = g.input('states', 'float32', [groups, 'C*D', 'E']);
      const own = g.mul(g.input('own', 'float32', [heads, 'B', 'E']), g.slice(gates, 2, -1, END, 1));
      // A query stands once for every segment, times its gate: one product reads them all.
      const gated = g.mul(g.unsqueeze(g.slice(gates, 2, 0, -1, 'C'), 3), g.unsqueeze(q, 2));
      const rows = g.reshape(g.reshape(gated, [heads, 'B', 'C*D']), [groups, 'R', 'C*D']);
      const y = g.reshape(g.matMul(rows, states), [heads, 'B', 'E']);
      g.output('y', g.add(y, own));
      return g.build();
    },
  };
}

/** Past the end of any axis. */
const END = 2 ** 31 - 1;
