/**
 * The chunked scan: a state `[H, F, E]` carried over the tokens a chunk at a time, each step one graph
 * of constant shape. Time is linear in the tokens; chunks can be read in any order and again, from
 * states kept at even distances.
 *
 * Letters: `C` tokens of a chunk, `F` rows of the state, `E` width of v; others as in `mixer.ts`.
 */

import { GraphBuilder } from '../../onnx/builder';
import type { Feeds, Program, Value } from '../../onnx/graph';
import { floats, type FloatTensor, type Shape, sizeOf } from '../../onnx/tensor';
import type { Block, Layer } from './mixer';
import { keptHeads } from './sharedHeads';

/** What a step is written over. */
export interface StepTerms {
  /** `[H, C, D]` */
  readonly q: Value;
  /** `[H, C, D]`, repeated for each query head, 0 past the last token. */
  readonly k: Value;
  /** `[H, C, E]`, likewise. */
  readonly v: Value;
  /** What the tokens before the chunk left behind. */
  readonly state: Value;
  own(name: string): Value;
}

export interface Cell {
  /** Names the step and its constants: equal keys mean equal graphs. */
  readonly key: string;
  readonly chunk: number;
  /** `[H, F, ...]` as a graph takes it. */
  readonly stateShape: Shape;
  /** The same in numbers. */
  readonly stateSize: readonly number[];
  /** Shapes of what a step takes besides. */
  readonly inputs: Readonly<Record<string, Shape>>;
  /** Those inputs for the chunk that starts at a token. */
  feeds(start: number): Feeds;
  /** `y [H, C, E]` and the state after the chunk. */
  step(g: GraphBuilder, terms: StepTerms): { readonly y: Value; readonly state: Value };
}

export interface Scan {
  /** `y [H, B, E]` of a block of queries. */
  attend(block: Block): Promise<Float32Array>;
  /** The state that the first `chunks` chunks leave behind. */
  stateAfter(chunks: number): Promise<FloatTensor>;
  /** The outputs of one chunk over a state of the caller's. */
  read(chunk: number, state: FloatTensor, feeds: Feeds): Promise<Float32Array>;
  /** How many chunks the document has. */
  readonly chunks: number;
  /** Tokens of a chunk. */
  readonly chunk: number;
  /** Tokens between kept states, whole chunks. */
  readonly apart: number;
}

/** Most states kept for one layer. */
const KEPT = 64;
/** Fewest tokens between kept states. */
const APART = 256;

export function scan(layer: Layer, cell: Cell): Scan {
  const { executor, tokens, q } = layer;
  const heads = q.shape[0]!;
  const { chunk } = cell;
  const chunks = Math.ceil(tokens / chunk);
  const apart = Math.ceil(Math.max(APART, tokens / KEPT) / chunk);
  const zero = floats(cell.stateSize);
  const kept = new Map([[0, zero]]);
  let latest = { index: 0, state: zero };

  async function run(index: number, state: FloatTensor, feeds: Feeds, want: 'state' | 'y' | 'both') {
    const start = index * chunk;
    const part = (x: FloatTensor) => chunkOf(x, heads, start, Math.min(tokens, start + chunk), chunk);
    const parts = { q: part(q), k: part(layer.k), v: part(layer.v), state };
    return executor.run(program(cell, layer, want), { ...parts, ...feeds });
  }

  function keep(index: number, state: FloatTensor): FloatTensor {
    latest = { index, state };
    if (index % apart === 0) kept.set(index, state);
    return state;
  }

  async function stateAfter(index: number): Promise<FloatTensor> {
    let from = Math.floor(index / apart) * apart;
    while (!kept.has(from)) from -= apart;
    let state = kept.get(from)!;
    if (latest.index <= index && latest.index > from) ({ index: from, state } = latest);
    for (; from < index; from++) {
      const after = await run(from, state, cell.feeds(from * chunk), 'state');
      state = keep(from + 1, after['after'] as FloatTensor);
    }
    return state;
  }

  return {
    chunks,
    chunk,
    apart: apart * chunk,
    stateAfter,

    async read(index, state, feeds) {
      return (await run(index, state, feeds, 'y'))['y']!.data as Float32Array;
    },

    async attend({ start, end }) {
      const width = layer.v.shape[2]!;
      const y = new Float32Array(heads * (end - start) * width);
      const first = Math.floor(start / chunk);
      let state = await stateAfter(first);
      for (let index = first; index * chunk < end; index++) {
        const result = await run(index, state, cell.feeds(index * chunk), 'both');
        copyQueries(result['y']!.data as Float32Array, y, { start, end }, index * chunk, heads, width);
        state = keep(index + 1, result['after'] as FloatTensor);
      }
      return y;
    },
  };
}

/** Copies the rows of a chunk `[H, C, E]` that lie in a block into the block's `[H, B, E]`. */
export function copyQueries(
  from: Float32Array,
  to: Float32Array,
  block: Block,
  start: number,
  heads: number,
  width: number,
): void {
  const chunk = from.length / heads / width;
  const first = Math.max(start, block.start);
  const last = Math.min(start + chunk, block.end);
  for (let head = 0; head < heads; head++) {
    const row = head * chunk - start;
    to.set(
      from.subarray((row + first) * width, (row + last) * width),
      (head * (block.end - block.start) + first - block.start) * width,
    );
  }
}

/** Tokens `start … end - 1` of each of `heads` heads: `[G, P, D] -> [heads, length, D]`, 0 past the end. */
export function chunkOf(
  x: FloatTensor,
  heads: number,
  start: number,
  end: number,
  length: number,
): FloatTensor {
  const { shape, data } = keptHeads(x);
  const [groups, stride, width] = shape as [number, number, number];
  const rows = floats([heads, length, width]);
  for (let head = 0; head < heads; head++) {
    const from = Math.floor((head * groups) / heads) * stride * width;
    rows.data.set(data.subarray(from + start * width, from + end * width), head * length * width);
  }
  return rows;
}

function program(cell: Cell, { q }: Layer, want: 'state' | 'y' | 'both'): Program {
  const [heads, , width] = q.shape as [number, number, number];
  const key = ['scan', cell.key, want, heads, width, cell.chunk].join('/');
  return {
    key,
    build() {
      const g = new GraphBuilder(key);
      const input = (name: string, shape: Shape) => g.input(name, 'float32', shape);
      const names = Object.entries(cell.inputs);
      const own = new Map(names.map(([name, shape]) => [name, input(name, shape)]));
      const terms: StepTerms = {
        q: input('q', [heads, cell.chunk, width]),
        k: input('k', [heads, cell.chunk, width]),
        v: input('v', [heads, cell.chunk, 'E']),
        state: input('state', cell.stateShape),
        own: name => own.get(name)!,
      };
      const { y, state } = cell.step(g, terms);
      if (want !== 'state') g.output('y', y);
      if (want !== 'y') g.output('after', state);
      return g.build();
    },
  };
}

/** Ones where `admits`, as a `[C, C]` constant: rows are queries, columns keys. */
export function pattern(g: GraphBuilder, chunk: number, admits: (i: number, j: number) => boolean): Value {
  const data = new Float32Array(chunk * chunk);
  for (let at = 0; at < sizeOf([chunk, chunk]); at++) {
    data[at] = admits(Math.floor(at / chunk), at % chunk) ? 1 : 0;
  }
  return g.constant(floats([chunk, chunk], data));
}
