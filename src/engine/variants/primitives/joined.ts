import { floats, type FloatTensor } from '../../onnx/tensor';

/** Rows of a, then rows of b, stream by stream: `[S, A, W]` and `[S, B, W] -> [S, A + B, W]`. */
export function joined(a: FloatTensor, b: FloatTensor): FloatTensor {
  const [streams, , width] = a.shape as [number, number, number];
  const [sizeA, sizeB] = [a.shape[1]! * width, b.shape[1]! * width];
  const both = floats([streams, a.shape[1]! + b.shape[1]!, width]);
  for (let s = 0; s < streams; s++) {
    both.data.set(a.data.subarray(s * sizeA, (s + 1) * sizeA), s * (sizeA + sizeB));
    both.data.set(b.data.subarray(s * sizeB, (s + 1) * sizeB), s * (sizeA + sizeB) + sizeA);
  }
  return both;
}
