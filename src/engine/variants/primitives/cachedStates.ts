/**
 * States of linear memories, one a segment, and reading them through gates.
 *
 * Letters: `C` segments, `B` queries, `X` width of what the gates compare; others as in `mixer.ts`.
 */

import { GraphBuilder } from '../../onnx/builder';
import type { Executor, Program } from '../../onnx/graph';
import { floats, type FloatTensor, integers } from '../../onnx/tensor';
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
  /** At most so many gates of earlier segments are not 0; undefined where all may be open. */
  readonly open?: number | undefined;
}

/** `y [H, B, E]`; reads the states of open gates alone where those are few. */
export async function readCache(layer: Layer, states: FloatTensor, call: ReadCall): Promise<Float32Array> {
  const { open } = call;
  const isFew = open !== undefined && 2 * open < call.gates.shape[2]! - 1;
  return isFew ? readOpen(layer, states, { ...call, open }) : readAll(layer, states, call);
}

async function readOpen(
  { executor, q }: Layer,
  states: FloatTensor,
  { queries, gates, own, scale, open }: ReadCall & { readonly open: number },
): Promise<Float32Array> {
  const heads = q.shape[0]!;
  const [groups, count, width, valueWidth] = states.shape as [number, number, number, number];
  const columns = gates.shape[2]!;
  const rows = heads * queries.length;
  const narrow = floats([heads, queries.length, open + 1]);
  const index = integers([heads, queries.length, open], new Int32Array(rows * open));
  for (let row = 0; row < rows; row++) {
    const group = Math.floor((Math.floor(row / queries.length) * groups) / heads);
    let to = 0;
    for (let c = 0; c < columns - 1; c++) {
      const gate = gates.data[row * columns + c]!;
      if (gate === 0) continue;
      index.data[row * open + to] = group * count + c;
      narrow.data[row * (open + 1) + to++] = gate;
    }
    narrow.data[row * (open + 1) + open] = gates.data[(row + 1) * columns - 1]!;
  }
  const { y } = await executor.run(openProgram(heads, width, valueWidth, open), {
    q: takeRows(q, queries),
    gates: narrow,
    index,
    states: floats([groups * count, width * valueWidth], states.data),
    own: floats([heads, queries.length, valueWidth], own),
    scale: floats([], Float32Array.of(scale)),
  });
  return y!.data as Float32Array;
}

async function readAll(
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

function openProgram(heads: number, width: number, valueWidth: number, open: number): Program {
  const key = `cacheReadOpen/${heads}/${width}/${valueWidth}/${open}`;
  return {
    key,
    build() {
      const g = new GraphBuilder(key);
      const q = g.mul(g.input('q', 'float32', [heads, 'B', width]), g.input('scale', 'float32', []));
      const gates = g.input('gates', 'float32', [heads, 'B', open + 1]);
      const states = g.input('states', 'float32', ['G*C', width * valueWidth]);
      const index = g.input('index', 'int32', [heads, 'B', open]);
      const own = g.mul(
        g.input('own', 'float32', [heads, 'B', valueWidth]),
        g.slice(gates, 2, open, open + 1, 1),
      );
      const gated = g.mul(g.unsqueeze(g.slice(gates, 2, 0, open, open), 3), g.unsqueeze(q, 2));
      const read = g.reshape(g.gather(states, index), [heads, 'B', open * width, valueWidth]);
      const y = g.matMul(g.reshape(gated, [heads, 'B', 1, open * width]), read);
      g.output('y', g.add(g.reshape(y, [heads, 'B', valueWidth]), own));
      return g.build();
    },
  };
}

/** Past the end of any axis. */
const END = 2 ** 31 - 1;
