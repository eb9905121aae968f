import { GraphBuilder } from '../../onnx/builder';
import type { Executor, Program } from '../../onnx/graph';
import { floats } from '../../onnx/tensor';

/** `a [R, T] · b [T, W]` -> `[R, W]`, in one graph whatever the sizes. */
export async function product(
  executor: Executor,
  [rows, inner, columns]: readonly [number, number, number],
  a: Float32Array,
  b: Float32Array,
): Promise<Float32Array> {
  const feeds = { a: floats([rows, inner], a), b: floats([inner, columns], b) };
  return (await executor.run(PRODUCT, feeds))['product']!.data as Float32Array;
}

const PRODUCT: Program = {
  key: 'product',
  build() {
    const g = new GraphBuilder('product');
    const a = g.input('a', 'float32', ['R', 'T']);
    const b = g.input('b', 'float32', ['T', 'W']);
    g.output('product', g.matMul(a, b));
    return g.build();
  },
};
