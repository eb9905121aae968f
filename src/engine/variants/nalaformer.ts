/**
 * Norm-aware linear attention: keys are cubed, and directions of queries are sharpened by how long the query is,
 *
 *   φ(q) = [(relu(q) / |q|)^p, (relu(-q) / |q|)^p],  p = 3 (1/2 + tanh |q|)      φ(k) = [relu(k³), relu(-k³)]
 *   M_ij = φ(q_i).φ(k_j) / (sum_j φ(q_i).φ(k_j) + N · 1e-6)
 *
 * Meng et al. 2025, NaLaFormer, arXiv 2506.21137, section 3; no scale on q or k. It sees both ways.
 */

import type { GraphBuilder } from '../onnx/builder';
import type { Value } from '../onnx/graph';
import { type FeatureMap, kernelMixer } from './primitives/kernelMixer';
import { variant } from './primitives/mixer';
import { causal } from './primitives/params';

/** Per token of the document. */
const EPSILON = 1e-6;
const POWER = 3;
/** A query of length 0 has no direction. */
const SHORTEST = 1e-20;
const NOTHING = 1e-38;

function split(g: GraphBuilder, x: Value): Value {
  return g.concat([g.unary('Relu', x), g.unary('Relu', g.unary('Neg', x))], 2, '2D');
}

function queryFeatures(g: GraphBuilder, q: Value): Value {
  const length = g.unary('Sqrt', g.arithmetic('Max', g.reduce('ReduceSum', g.mul(q, q), 2, true), SHORTEST));
  const power = g.mul(g.add(g.unary('Tanh', length), 0.5), POWER);
  // Not Pow, which WebGPU lacks at some shapes; nothing to the power of 3/2 or more vanishes in float32.
  const logs = g.unary('Log', g.arithmetic('Max', split(g, g.div(q, length)), NOTHING));
  return g.unary('Exp', g.mul(logs, power));
}

function plainQuery(q: Float32Array): Float64Array {
  const length = Math.hypot(...q) || 1;
  const power = POWER * (0.5 + Math.tanh(length));
  const half = (sign: number) => Array.from(q, x => (Math.max(0, sign * x) / length) ** power);
  return Float64Array.from([...half(1), ...half(-1)]);
}

function plainKey(k: Float32Array): Float64Array {
  return Float64Array.from([1, -1].flatMap(sign => Array.from(k, x => Math.max(0, sign * x ** 3))));
}

export const nalaformer = variant({
  id: 'nalaformer',
  title: 'NaLaFormer',
  summary: 'A token sees every token through a sum of key features; long queries look more sharply.',
  source: 'arXiv 2506.21137',
  trainingClass: 'WM',
  cost: 'N·D²',
  plan: [],
  params: { causal: { ...causal, default: false } },
  prefixStable: () => false,
  examples: [{ params: {} }, { params: { causal: true } }],

  open(layer, { causal }) {
    const { tokens, q } = layer;
    const map: FeatureMap = {
      key: `nala/${tokens}`,
      features: 2 * q.shape[2]!,
      tensors: {},
      ofQuery: queryFeatures,
      ofKey: (g, k) => split(g, g.mul(k, g.mul(k, k))),
      denominator: (g, total) => g.add(total, tokens * EPSILON),
      plainQuery: (_, x) => plainQuery(x),
      plainKey: (_, x) => plainKey(x),
    };
    return kernelMixer(layer, map, causal);
  },

  reference({ heads, tokens, width, q, k }, { causal }) {
    const m = new Float64Array(heads * tokens * tokens);
    const features = (x: Float32Array, h: number, of: (x: Float32Array) => Float64Array) =>
      Array.from({ length: tokens }, (_, i) =>
        of(x.subarray((h * tokens + i) * width, (h * tokens + i + 1) * width)),
      );
    for (let h = 0; h < heads; h++) {
      const [queries, keys] = [features(q, h, plainQuery), features(k, h, plainKey)];
      for (let i = 0; i < tokens; i++) {
        const row = m.subarray((h * tokens + i) * tokens, (h * tokens + i + 1) * tokens);
        let sum = tokens * EPSILON;
        for (let j = 0; j < (causal ? i + 1 : tokens); j++) {
          for (let f = 0; f < 2 * width; f++) row[j]! += queries[i]![f]! * keys[j]![f]!;
          sum += row[j]!;
        }
        for (let j = 0; j < tokens; j++) row[j]! /= sum;
      }
    }
    return m;
  },
});
