/**
 * A layer with a memory before it: the tensors `mem_k` `[H, mem, D]` and `mem_v` `[H, mem, E]` and the
 * document's own keys and values as one sequence of `mem + N`, in which token `i` is position `mem + i`.
 */

import { Problem } from '../../../protocol/problem';
import { floats, type FloatTensor, showShape } from '../../onnx/tensor';
import { type Block, type ExampleSizes, type Layer, type Mixer, paddedLength, type PlanNode } from './mixer';
import { ownTensor } from './ownTensor';
import { planNode } from './planNode';
import { repeatHeads } from './segments';

export interface Remembered {
  /** How many keys the memory holds; 0 where there is none. */
  readonly memory: number;
  /** The sequence of both; the memory's own queries are 0. */
  readonly layer: Layer;
}

/** @throws Problem for a memory that does not fit the layer. */
export function remembered(layer: Layer): Remembered {
  const { q, k, v, tensors } = layer;
  const heads = q.shape[0]!;
  const shapes = (width: number) => [heads, k.shape[0]!].map(rows => [rows, 'mem', width]);
  const isEmpty = ['mem_k', 'mem_v'].every(name => tensors[name]?.data.length === 0);
  if (isEmpty) return { memory: 0, layer };
  const memoryKeys = ownTensor(tensors, 'mem_k', ...shapes(k.shape[2]!));
  const memoryValues = ownTensor(tensors, 'mem_v', ...shapes(v.shape[2]!));
  if (memoryKeys === undefined && memoryValues === undefined) return { memory: 0, layer };
  const same = [0, 1].every(axis => memoryKeys?.shape[axis] === memoryValues?.shape[axis]);
  if (memoryKeys === undefined || memoryValues === undefined || !same) {
    const shown = (x: FloatTensor | undefined) => (x === undefined ? 'missing' : showShape(x.shape));
    throw new Problem(
      `A memory has as many keys as values, but 'mem_k' is ${shown(memoryKeys)} and 'mem_v' is ${shown(memoryValues)}.`,
    );
  }
  const [rows, memory] = memoryKeys.shape as [number, number];
  const join = (before: FloatTensor | undefined, x: FloatTensor) =>
    joined(before, memory, x.shape[0] === rows ? x : repeatHeads(x, rows), layer.tokens);
  return {
    memory,
    layer: {
      ...layer,
      tokens: memory + layer.tokens,
      units: undefined,
      q: joined(undefined, memory, q, layer.tokens),
      k: join(memoryKeys, k),
      v: join(memoryValues, v),
    },
  };
}

/** `before [H, memory, D]`, or zeros, and then the tokens of `x [H, P, D]`. */
function joined(
  before: FloatTensor | undefined,
  memory: number,
  x: FloatTensor,
  tokens: number,
): FloatTensor {
  const [heads, stride, width] = x.shape as [number, number, number];
  const padded = paddedLength(memory + tokens);
  const result = floats([heads, padded, width]);
  for (let head = 0; head < heads; head++) {
    const to = head * padded * width;
    if (before !== undefined) {
      result.data.set(before.data.subarray(head * memory * width, (head + 1) * memory * width), to);
    }
    const from = head * stride * width;
    result.data.set(x.data.subarray(from, from + tokens * width), to + memory * width);
  }
  return result;
}

/** Tokens a segment where neither a parameter nor a memory says otherwise. */
const SEGMENT = 256;

/** Tokens a segment: as asked for; all of the document after a memory that is given; else the usual number. */
export function segmentLength(asked: number, memory: number, tokens: number): number {
  return asked || (memory > 0 ? tokens : SEGMENT);
}

/** The segments of a document in a sequence that a memory stands before, and what their plan shows. */
export interface RememberedSegments {
  /** Where the segment of a position starts. */
  startOf(position: number): number;
  /** Segments before the position's own, from 0. */
  indexOf(position: number): number;
  /** The given memory without a query; with one its own segment, after what it reads of the memory. */
  structure(query: number | undefined, read: (start: number) => PlanNode): readonly PlanNode[];
}

export function rememberedSegments({ layer, memory }: Remembered, length: number): RememberedSegments {
  const indexOf = (position: number) => Math.floor((position - memory) / length);
  const startOf = (position: number) => memory + indexOf(position) * length;
  return {
    indexOf,
    startOf,
    structure(query, read) {
      if (query === undefined)
        return memory === 0 ? [] : [planNode('memory', `${memory} given keys`, [0, memory])];
      const start = startOf(query);
      const end = Math.min(layer.tokens, start + length);
      return [read(start), planNode('segment', `segment ${indexOf(query) + 1}`, [start, end])];
    },
  };
}

/** The mixer of the document's tokens, from one of the whole sequence. */
export function afterMemory(mixer: Mixer, memory: number): Mixer {
  const shifted = ({ start, end }: Block) => ({ start: start + memory, end: end + memory });
  const { rows, memoryAt, kept } = mixer;
  return {
    memory,
    cost: block => mixer.cost(shifted(block)),
    attend: block => mixer.attend(shifted(block)),
    row: (head, query) => mixer.row(head, query + memory),
    ...(rows && {
      async rows(block) {
        const row = await rows(shifted(block));
        return (head, query) => row(head, query + memory);
      },
    }),
    ...(memoryAt && { memoryAt: (head, query) => memoryAt(head, query + memory) }),
    ...(kept && { kept }),
    structure: query => mixer.structure(query === undefined ? undefined : query + memory),
  };
}

/** A memory for examples. */
export function memoryTensors({ heads, width, normal }: ExampleSizes, memory: number) {
  const tensor = () =>
    floats(
      [heads, memory, width],
      Float32Array.from({ length: heads * memory * width }, () => 1.5 * normal()),
    );
  return { mem_k: tensor(), mem_v: tensor() };
}
