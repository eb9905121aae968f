/**
 * FAVOR+: softmax attention estimated by positive random features,
 * `φ(x) = m^-½ (exp(W x · D^-¼ - |x|² / (2√D) - max) + 1e-4)`; `max` of `W x · D^-¼` is taken a row for
 * queries, and over all rows and features of a head for keys.
 *
 *   M_ij = φ(q_i).φ(k_j) / (φ(q_i).(sum of φ(k_j) + 1e-6))
 *
 * Choromanski et al. 2020, arXiv 2009.14794, section 2. Without causality the denominator has no 1e-6,
 * as in published code. `W` is the tensor `projection` `[m, D]`, or drawn from `seed`.
 */

import { GraphBuilder } from '../onnx/builder';
import type { Program, Value } from '../onnx/graph';
import { floats, type FloatTensor } from '../onnx/tensor';
import { performerReference } from './performer.reference';
import { type FeatureMap, kernelMixer } from './primitives/kernelMixer';
import { type Layer, variant } from './primitives/mixer';
import { projectionOf } from './primitives/orthogonalRows';
import { causal, integer, type Params } from './primitives/params';
import { chunkOf } from './primitives/scan';
import { seed } from './primitives/seeded';

const FLOOR = 1e-4;
const EPSILON = 1e-6;

const params = {
  features: integer(0, 0, 65536, 'Random features m, without a tensor projection; 0 stands for D ln D.'),
  seed,
  causal,
};
export type PerformerParams = Params<typeof params>;

export const performer = variant({
  id: 'performer',
  title: 'Performer',
  summary: 'A token sees every earlier token, by random features whose products estimate softmax weights.',
  source: 'arXiv 2009.14794',
  trainingClass: 'TF',
  cost: 'N·m·D',
  plan: ['projection'],
  params,
  tensors: {
    projection: { shape: '[m, D]', origin: 'random', standIn: 'orthogonal rows drawn from `seed`' },
  },
  examples: [
    { params: {} },
    { params: { features: 40, seed: 7 } },
    { params: { causal: false } },
    {
      params: {},
      tensors: ({ width, normal }) => ({
        projection: floats([24, width], Float32Array.from({ length: 24 * width }, normal)),
      }),
    },
  ],

  async open(layer, params) {
    const projection = projectionOf(layer.tensors, layer.q.shape[2]!, params);
    const keyMax = await keyMaxima(layer, projection);
    const map: FeatureMap = {
      key: `favor/${params.causal}`,
      features: projection.shape[0]!,
      tensors: { projection, keyMax },
      ofQuery(g, x, own) {
        const projected = project(g, x, own('projection'));
        return features(g, x, projected, g.reduce('ReduceMax', projected, 2, true));
      },
      ofKey: (g, x, own) => features(g, x, project(g, x, own('projection')), own('keyMax')),
      denominator: (g, total, query) =>
        params.causal ? g.add(total, g.mul(g.reduce('ReduceSum', query, 2, true), EPSILON)) : total,
      plainQuery: (_, x) => plainFeatures(x, projection),
      plainKey: (head, x) => plainFeatures(x, projection, keyMax.data[head]),
    };
    const mixer = kernelMixer(layer, map, params.causal);
    // With the largest projection of a head's keys.
    return { ...mixer, kept: () => mixer.kept() + layer.k.shape[0]! };
  },

  reference: performerReference,
});

/** `x [H, C, D] -> W x · D^-¼ [H, C, m]` */
function project(g: GraphBuilder, x: Value, projection: Value): Value {
  const width = projection.shape[1] as number;
  return g.matMul(g.mul(x, width ** -0.25), g.transpose(projection, 1, 0));
}

function features(g: GraphBuilder, x: Value, projected: Value, largest: Value): Value {
  const [count, width] = [projected.shape[2] as number, x.shape[2] as number];
  const half = g.mul(g.reduce('ReduceSum', g.mul(x, x), 2, true), 0.5 / Math.sqrt(width));
  const estimate = g.unary('Exp', g.sub(g.sub(projected, half), largest));
  return g.mul(g.add(estimate, FLOOR), 1 / Math.sqrt(count));
}

/** The features of one vector by plain loops; `largest` is its own largest projection unless given. */
function plainFeatures(x: Float32Array, { shape, data }: FloatTensor, largest?: number): Float64Array {
  const [count, width] = shape as [number, number];
  const half = x.reduce((sum, item) => sum + item * item, 0) / (2 * Math.sqrt(width));
  const projected = new Float64Array(count);
  for (let row = 0, at = 0; row < count; row++) {
    let sum = 0;
    for (let d = 0; d < width; d++, at++) sum += data[at]! * x[d]!;
    projected[row] = sum * width ** -0.25;
  }
  const most = largest ?? projected.reduce((max, item) => Math.max(max, item), -Infinity);
  return projected.map(item => (Math.exp(item - half - most) + FLOOR) / Math.sqrt(count));
}

/** Tokens projected at once. */
const PART = 1024;

/** The largest projection of each head's keys, `[H, 1, 1]`. */
async function keyMaxima({ executor, tokens, q, k }: Layer, projection: FloatTensor): Promise<FloatTensor> {
  const heads = q.shape[0]!;
  const groups = k.shape[0]!;
  const largest = new Float32Array(groups).fill(-Infinity);
  const length = Math.min(PART, k.shape[1]!);
  for (let start = 0; start < tokens; start += length) {
    // The last part overlaps the one before it, so that none holds padding where a whole part is left.
    const from = Math.max(0, Math.min(start, tokens - length));
    const end = Math.min(tokens, from + length);
    const part = chunkOf(k, groups, from, end, length);
    for (let row = end - from; row < length; row++) repeatFirst(part, row);
    const result = await executor.run(maximaProgram(k.shape[2]!), { k: part, projection });
    (result['largest']!.data as Float32Array).forEach((value, group) => {
      largest[group] = Math.max(largest[group]!, value);
    });
  }
  const byHead = Float32Array.from({ length: heads }, (_, h) => largest[Math.floor((h * groups) / heads)]!);
  return floats([heads, 1, 1], byHead);
}

/** Copies each head's first row to `row`, which leaves the maximum as it is. */
function repeatFirst({ data, shape }: FloatTensor, row: number): void {
  const [heads, length, width] = shape as [number, number, number];
  for (let head = 0; head < heads; head++) {
    const from = head * length * width;
    data.copyWithin(from + row * width, from, from + width);
  }
}

function maximaProgram(width: number): Program {
  const key = `favorMaxima/${width}`;
  return {
    key,
    build() {
      const g = new GraphBuilder(key);
      const projection = g.input('projection', 'float32', ['m', width]);
      const projected = project(g, g.input('k', 'float32', ['G', 'C', width]), projection);
      g.output('largest', g.reduce('ReduceMax', g.reduce('ReduceMax', projected, 2), 1));
      return g.build();
    },
  };
}
