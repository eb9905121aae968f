import type { PerformerParams } from './performer';
import type { Reference } from './primitives/mixer';
import { projectionOf } from './primitives/orthogonalRows';

const FLOOR = 1e-4;
const EPSILON = 1e-6;

/** `performer` by plain loops, over the same projection. */
export const performerReference: Reference<PerformerParams> = (inputs, params) => {
  const { heads, tokens, width, q, k } = inputs;
  const { data, shape } = projectionOf(inputs.tensors, width, params);
  const count = shape[0]!;
  const m = new Float64Array(heads * tokens * tokens);
  const project = (x: Float32Array, row: number) =>
    Array.from({ length: count }, (_, f) => {
      let sum = 0;
      for (let d = 0; d < width; d++) sum += data[f * width + d]! * x[row * width + d]!;
      return sum / Math.sqrt(Math.sqrt(width));
    });
  const phi = (x: Float32Array, row: number, projected: readonly number[], largest: number) => {
    let square = 0;
    for (let d = 0; d < width; d++) square += x[row * width + d]! ** 2;
    const half = square / 2 / Math.sqrt(width);
    return projected.map(p => (Math.exp(p - half - largest) + FLOOR) / Math.sqrt(count));
  };
  for (let h = 0; h < heads; h++) {
    const rows = Array.from({ length: tokens }, (_, t) => h * tokens + t);
    const projected = rows.map(row => project(k, row));
    const largest = Math.max(...projected.map(p => Math.max(...p)));
    const keys = rows.map((row, t) => phi(k, row, projected[t]!, largest));
    for (const [i, row] of rows.entries()) {
      const own = project(q, row);
      const query = phi(q, row, own, Math.max(...own));
      const seen = keys.slice(0, params.causal ? i + 1 : tokens);
      const products = seen.map(key => key.reduce((sum, x, f) => sum + x * query[f]!, 0));
      let total = products.reduce((sum, x) => sum + x, 0);
      if (params.causal) total += EPSILON * query.reduce((sum, x) => sum + x, 0);
      products.forEach((x, j) => (m[row * tokens + j] = x / total));
    }
  }
  return m;
};
