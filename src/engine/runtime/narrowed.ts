/** Tensors of float32 as halves, IEEE's numbers of 16 bits with 11 significant ones. */

import { toHalf } from '../onnx/halfFloat';
import type { FloatTensor, Tensor } from '../onnx/tensor';

export interface Narrowed {
  readonly tensor: Tensor<'float16'>;
  /** What a half is multiplied with to be the number that it stands for. */
  readonly unit: number;
}

/**
 * Every number as the half nearest to it, ties to even, in units of a power of two: the largest is 1 to 2 of them, so
 * that none is beyond 65504, and those down to 2^-14 of it keep all 11 bits. Infinity and NaN stay.
 */
export function narrowed({ data, shape }: FloatTensor): Narrowed {
  let largest = 0;
  for (const value of data) {
    const size = Math.abs(value);
    if (size > largest && size !== Infinity) largest = size;
  }
  const unit = largest === 0 ? 1 : 2 ** Math.floor(Math.log2(largest));
  const halves = new Uint16Array(data.length);
  for (let at = 0; at < halves.length; at++) halves[at] = toHalf(data[at]! / unit);
  return { tensor: { type: 'float16', shape, data: halves }, unit };
}
