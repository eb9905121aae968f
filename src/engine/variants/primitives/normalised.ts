import { floats, type FloatTensor } from '../../onnx/tensor';

/** Every vector of the last axis divided by its Euclidean length; zeros stay. */
export function normalised(x: FloatTensor): FloatTensor {
  const result = floats(x.shape);
  const width = x.shape[x.shape.length - 1]!;
  for (let from = 0; from < x.data.length; from += width) {
    let square = 0;
    for (let d = 0; d < width; d++) square += x.data[from + d]! ** 2;
    const length = Math.max(Math.sqrt(square), 1e-12);
    for (let d = 0; d < width; d++) result.data[from + d] = x.data[from + d]! / length;
  }
  return result;
}
