/**
 * Linear attention: `M_ij = φ(q_i).φ(k_j) / (sum_j φ(q_i).φ(k_j) + 1e-6)` with `φ(x) = elu(x) + 1`.
 *
 * Katharopoulos et al. 2020, arXiv 2006.16236, equations 7 to 9; no scale on q or k.
 */

import type { GraphBuilder } from '../onnx/builder';
import type { Value } from '../onnx/graph';
import { type FeatureMap, kernelMixer } from './primitives/kernelMixer';
import { variant } from './primitives/mixer';
import { causal } from './primitives/params';

const EPSILON = 1e-6;

/** `elu(x) + 1` is `x + 1` above 0 and `exp(x)` below. */
function feature(g: GraphBuilder, x: Value): Value {
  return g.add(g.unary('Relu', x), g.unary('Exp', g.arithmetic('Min', x, 0)));
}

function plainFeatures(x: Float32Array): Float64Array {
  const features = new Float64Array(x.length);
  for (let d = 0; d < x.length; d++) features[d] = phi(x[d]!);
  return features;
}

function phi(x: number): number {
  return x > 0 ? x + 1 : Math.exp(x);
}

export const linear = variant({
  id: 'linear',
  title: 'Linear',
  summary: 'A token sees every earlier token through a running sum of key features times values.',
  source: 'arXiv 2006.16236',
  trainingClass: 'TF',
  cost: 'N·D²',
  plan: [],
  params: { causal },
  prefixStable: ({ causal }) => causal,
  examples: [{ params: {} }, { params: { causal: false } }],

  open(layer, { causal }) {
    const map: FeatureMap = {
      key: 'elu',
      features: layer.q.shape[2]!,
      tensors: {},
      ofQuery: feature,
      ofKey: feature,
      denominator: (g, total) => g.add(total, EPSILON),
      plainQuery: (_, x) => plainFeatures(x),
      plainKey: (_, x) => plainFeatures(x),
    };
    return kernelMixer(layer, map, causal);
  },

  reference({ heads, tokens, width, q, k }, { causal }) {
    const m = new Float64Array(heads * tokens * tokens);
    for (let h = 0; h < heads; h++) {
      for (let i = 0; i < tokens; i++) {
        const row = m.subarray((h * tokens + i) * tokens, (h * tokens + i + 1) * tokens);
        let sum = EPSILON;
        for (let j = 0; j < (causal ? i + 1 : tokens); j++) {
          for (let d = 0; d < width; d++) {
            row[j]! += phi(q[(h * tokens + i) * width + d]!) * phi(k[(h * tokens + j) * width + d]!);
          }
          sum += row[j]!;
        }
        for (let j = 0; j < tokens; j++) row[j]! /= sum;
      }
    }
    return m;
  },
});
