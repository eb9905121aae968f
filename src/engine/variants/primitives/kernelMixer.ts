/**
 * Linear attention with a feature map: `M_ij = φ(q_i).φ(k_j) / denominator_i`, over a state that sums
 * `φ(k_j) [v_j, 1]ᵀ`. Without causality every query reads the state of the whole document.
 *
 * Letters as in `scan.ts`; `F` is the number of features.
 */

import { GraphBuilder } from '../../onnx/builder';
import type { Feeds, Program, Value } from '../../onnx/graph';
import { floats, type FloatTensor } from '../../onnx/tensor';
import { type Block, headOf, type Layer, type Mixer, paddedLength, type PlanNode } from './mixer';
import { type Cell, copyQueries, pattern, scan, type StepTerms } from './scan';
import { stateMemory, vectorOf, write } from './stateMemory';

export interface FeatureMap {
  /** Names the map: equal keys mean equal graphs. */
  readonly key: string;
  /** `F` */
  readonly features: number;
  /** Tensors the map takes, the same for every chunk; a first axis of length `H` has one entry a head. */
  readonly tensors: Readonly<Record<string, FloatTensor>>;
  /** `[H, C, D] -> [H, C, F]` */
  ofQuery(g: GraphBuilder, x: Value, own: StepTerms['own']): Value;
  ofKey(g: GraphBuilder, x: Value, own: StepTerms['own']): Value;
  /** From `φq.(sum of φk) [H, C, 1]` and `φq [H, C, F]`. */
  denominator(g: GraphBuilder, total: Value, query: Value): Value;
  /** The features of one query or key `[D]` of a head by plain loops, `[F]`. */
  plainQuery(head: number, x: Float32Array): Float64Array;
  plainKey(head: number, x: Float32Array): Float64Array;
}

const CHUNK = 64;

export function kernelMixer(
  layer: Layer,
  map: FeatureMap,
  causal: boolean,
  structure: (query: number | undefined) => readonly PlanNode[] = () => [],
): Mixer & Required<Pick<Mixer, 'kept'>> {
  const { tokens, q, v } = layer;
  const heads = q.shape[0]!;
  const width = v.shape[2]!;
  const { features } = map;
  const shapes = Object.entries(map.tensors).map(([name, { shape }]) => [name, shape] as const);

  const present = (start: number): Feeds => ({
    ...map.tensors,
    present: floats(
      [heads, CHUNK, 1],
      Float32Array.from({ length: heads * CHUNK }, (_, at) => (start + (at % CHUNK) < tokens ? 1 : 0)),
    ),
  });
  const absent: Feeds = { ...map.tensors, present: floats([heads, CHUNK, 1]) };

  const cell: Cell = {
    key: `kernel/${map.key}/${features}`,
    chunk: CHUNK,
    stateShape: [heads, features, 'E+1'],
    stateSize: [heads, features, width + 1],
    inputs: { ...Object.fromEntries(shapes), present: [heads, CHUNK, 1] },
    feeds: present,
    step(g, { q, k, v, state, own }) {
      const query = map.ofQuery(g, q, own);
      const key = g.mul(map.ofKey(g, k, own), own('present'));
      const values = g.concat([v, own('present')], 2, 'E+1');
      const near = g.mul(
        g.matMul(query, g.transpose(key, 0, 2, 1)),
        pattern(g, CHUNK, (i, j) => j <= i),
      );
      const sums = g.add(g.matMul(query, state), g.matMul(near, values));
      const total = g.slice(sums, 2, -1, END, 1);
      const mixed = g.slice(sums, 2, 0, -1, 'E');
      const after = g.add(state, g.matMul(g.transpose(key, 0, 2, 1), values));
      return { y: g.div(mixed, map.denominator(g, total, query)), state: after };
    },
  };
  const states = scan(layer, cell);

  async function readWhole(block: Block): Promise<Float32Array> {
    const state = await states.stateAfter(states.chunks);
    const y = new Float32Array(heads * (block.end - block.start) * width);
    for (let start = Math.floor(block.start / CHUNK) * CHUNK; start < block.end; start += CHUNK) {
      copyQueries(await states.read(start / CHUNK, state, absent), y, block, start, heads, width);
    }
    return y;
  }

  return {
    cost: ({ start, end }) => (end - start) * 2 * features,
    // Heads that share keys and values share their sums.
    kept: () => v.shape[0]! * features * (width + 1),
    structure,
    attend: async block => ({
      y: await (causal ? states.attend(block) : readWhole(block)),
      stats: undefined,
    }),

    memoryAt: (head, query) =>
      Promise.resolve(
        stateMemory(layer, head, states, {
          about: causal
            ? 'Every token adds the features of its key times its value to one matrix a head; nothing is taken away.'
            : 'Every token of the document adds the features of its key times its value to one matrix a head, which all tokens read.',
          rows: features,
          tokens: causal ? query + 1 : tokens,
          query: map.plainQuery(head, vectorOf(q, layer, head, query)),
          key: token => map.plainKey(head, vectorOf(layer.k, layer, head, token)),
          advance: (state, _, key, value) => write(state, key, value),
        }),
      ),

    async row(head, query) {
      const last = causal ? query + 1 : tokens;
      const padded = paddedLength(last);
      const seen = floats([1, padded, 1]);
      seen.data.fill(1, 0, last);
      const own = Object.entries(map.tensors).map(
        ([name, tensor]) => [name, isByHead(tensor, heads) ? headOf(tensor, head) : tensor] as const,
      );
      const { row } = await layer.executor.run(rowProgram(map, heads, q.shape[2]!), {
        ...Object.fromEntries(own),
        q: rowOf(q, head, query),
        k: firstRows(headOf(layer.k, Math.floor((head * layer.k.shape[0]!) / heads)), padded),
        seen,
      });
      const weights = (row!.data as Float32Array).slice(0, last);
      return { keys: Int32Array.from(weights, (_, j) => j), weights };
    },
  };
}

/** One row from the definition: every key's feature product, over their sum. */
function rowProgram(map: FeatureMap, heads: number, width: number): Program {
  const key = `kernelRow/${map.key}/${map.features}/${heads}/${width}`;
  return {
    key,
    build() {
      const g = new GraphBuilder(key);
      const own = new Map(
        Object.entries(map.tensors).map(([name, tensor]) => {
          const shape = isByHead(tensor, heads) ? [1, ...tensor.shape.slice(1)] : tensor.shape;
          return [name, g.input(name, 'float32', shape)];
        }),
      );
      const take = (name: string) => own.get(name)!;
      const query = map.ofQuery(g, g.input('q', 'float32', [1, 1, width]), take);
      const keys = map.ofKey(g, g.input('k', 'float32', [1, 'P', width]), take);
      const products = g.mul(
        g.matMul(keys, g.transpose(query, 0, 2, 1)),
        g.input('seen', 'float32', [1, 'P', 1]),
      );
      const total = g.reduce('ReduceSum', products, 1, true);
      g.output('row', g.div(products, map.denominator(g, total, query)));
      return g.build();
    },
  };
}

function isByHead({ shape }: FloatTensor, heads: number): boolean {
  return shape.length === 3 && shape[0] === heads;
}

/** The first `rows` of `[1, P, D]`. */
function firstRows({ shape, data }: FloatTensor, rows: number): FloatTensor {
  const width = shape[2]!;
  return floats([1, rows, width], data.subarray(0, rows * width));
}

/** One row of `[H, P, D]`, as `[1, 1, D]`. */
export function rowOf(x: FloatTensor, head: number, row: number): FloatTensor {
  const [, stride, width] = x.shape as [number, number, number];
  const at = (head * stride + row) * width;
  return floats([1, 1, width], x.data.subarray(at, at + width));
}

/** Past the end of any axis. */
const END = 2 ** 31 - 1;
