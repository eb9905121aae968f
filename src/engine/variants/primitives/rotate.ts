/** Rotates queries or keys by their positions, on pairs `(d, d + D/2)`. */

import type { Rotary } from '../../math/rotary';
import { floats, type FloatTensor } from '../../onnx/tensor';

/** `x [H, P, D]`, row `t` at position `first + t`. */
export function rotated(x: FloatTensor, { frequencies, gain }: Rotary, first = 0): FloatTensor {
  const [heads, length, width] = x.shape as [number, number, number];
  const half = width / 2;
  const turned = floats(x.shape);
  for (let t = 0; t < length; t++) {
    for (let d = 0; d < half; d++) {
      const angle = (first + t) * frequencies[d]!;
      const [cos, sin] = [gain * Math.cos(angle), gain * Math.sin(angle)];
      for (let head = 0; head < heads; head++) {
        const at = (head * length + t) * width + d;
        const [a, b] = [x.data[at]!, x.data[at + half]!];
        turned.data[at] = a * cos - b * sin;
        turned.data[at + half] = b * cos + a * sin;
      }
    }
  }
  return turned;
}
