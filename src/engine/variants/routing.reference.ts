import type { RoutingParams } from './routing';
import { centroidsOf, windowOf } from './primitives/clusters';
import type { Reference } from './primitives/mixer';

/** `routing` by plain loops over clusters. */
export const routingReference: Reference<RoutingParams> = (inputs, params) => {
  const { heads, tokens, width, q, k, tensors, score } = inputs;
  const m = new Float64Array(heads * tokens * tokens);
  for (let h = 0; h < heads; h++) {
    const unit = (x: Float32Array) => {
      const result = x.slice(h * tokens * width, (h + 1) * tokens * width);
      for (let i = 0; i < tokens; i++) {
        let square = 0;
        for (let d = 0; d < width; d++) square += result[i * width + d]! ** 2;
        for (let d = 0; d < width; d++) result[i * width + d]! /= Math.sqrt(square);
      }
      return result;
    };
    const [asked, offered] = [unit(q), unit(k)];
    const centroids = centroidsOf(tensors['centroids'], h, asked, offered, tokens, width, params);
    const count = centroids.length / width;
    const window = windowOf(params, tokens, count);
    const best = (x: Float32Array, c: number) => {
      const scores = Array.from({ length: tokens }, (_, i) => {
        let sum = 0;
        for (let d = 0; d < width; d++) sum += x[i * width + d]! * centroids[c * width + d]!;
        return sum;
      });
      const order = scores.map((_, i) => i).sort((a, b) => scores[b]! - scores[a]! || a - b);
      return order.slice(0, window);
    };
    const clusters = Array.from({ length: count }, (_, c) => ({
      queries: best(asked, c),
      keys: best(offered, c),
    }));
    for (let i = 0; i < tokens; i++) {
      const own = clusters.filter(({ queries }) => queries.includes(i));
      for (const { keys } of own) {
        const seen = keys.filter(j => !params.causal || j <= i);
        const total = seen.reduce((sum, j) => sum + Math.exp(score(h, i, j)), 0);
        for (const j of seen)
          m[(h * tokens + i) * tokens + j]! += Math.exp(score(h, i, j)) / total / (own.length + 1e-5);
      }
    }
  }
  return m;
};
