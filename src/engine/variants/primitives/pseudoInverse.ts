/** Iterative pseudo-inverse of small softmax matrices, in one graph. */

import { GraphBuilder } from '../../onnx/builder';
import type { Executor, Value } from '../../onnx/graph';
import { floats, type FloatTensor } from '../../onnx/tensor';

/**
 * `a [H, m, m]` -> `[H, m, m]`: `Z <- Z (13 I - A Z (15 I - A Z (7 I - A Z))) / 4`, started for every head
 * at `Aᵀ / (largest row sum · largest column sum)` (Razavi et al. 2014, as in arXiv 2102.03902, equation 16).
 */
export async function pseudoInverse(
  executor: Executor,
  a: FloatTensor,
  iterations: number,
): Promise<FloatTensor> {
  const size = a.shape[1]!;
  const eye = floats([1, size, size]);
  for (let at = 0; at < size; at++) eye.data[at * size + at] = 1;
  const key = `pseudo-inverse/${iterations}`;
  const results = await executor.run(
    {
      key,
      build() {
        const g = new GraphBuilder(key);
        const A = g.input('a', 'float32', ['H', 'm', 'm']);
        const I = g.input('eye', 'float32', [1, 'm', 'm']);
        const largest = (axis: number): Value =>
          g.reduce('ReduceMax', g.reduce('ReduceSum', g.unary('Abs', A), axis, true), 3 - axis, true);
        let Z = g.div(g.transpose(A, 0, 2, 1), g.mul(largest(2), largest(1)));
        for (let step = 0; step < iterations; step++) {
          const AZ = g.matMul(A, Z);
          const inner = g.sub(g.mul(I, 7), AZ);
          const middle = g.sub(g.mul(I, 15), g.matMul(AZ, inner));
          const outer = g.sub(g.mul(I, 13), g.matMul(AZ, middle));
          Z = g.mul(g.matMul(Z, outer), 0.25);
        }
        g.output('z', Z);
        return g.build();
      },
    },
    { a, eye },
  );
  return floats(a.shape, results['z']!.data as Float32Array);
}
