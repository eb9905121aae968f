/** Transformer-XL's relative positions as a position term of a layer. */

import { floats, type FloatTensor } from '../../onnx/tensor';
import type { Layer } from './mixer';
import { headTensor } from './ownTensor';

/** Those whose presence asks for these positions. */
export const XL_TENSORS = ['u', 'v_bias', 'r'] as const;

/**
 * The layer with `s_ij = ((q_i + u) . k_j + (q_i + v_bias) . r_{i-j}) * scale`, from the tensors `u`, `v_bias`
 * `[H, D]` and `r` `[H, N, D]` by distance, or `[H, 2N - 1, D]` without causality; sinusoids where `r` is
 * not given, 0 for the others.
 */
export function xlPositions(layer: Layer, causal: boolean): Layer {
  const { q, tokens, tensors } = layer;
  const [heads, stride, width] = q.shape as [number, number, number];
  const [u, v] = ['u', 'v_bias'].map(
    name => headTensor(tensors, name, heads, [width]) ?? floats([heads, width]),
  ) as [FloatTensor, FloatTensor];
  const count = causal ? tokens : 2 * tokens - 1;
  const r = headTensor(tensors, 'r', heads, [count, width]) ?? sinusoids(heads, count, width, tokens - count);
  // By offset `j - i`, which runs against the distance.
  const values = floats(r.shape);
  for (let row = 0; row < heads * count; row++) {
    const from = (row - (row % count) + count - 1 - (row % count)) * width;
    values.data.set(r.data.subarray(from, from + width), row * width);
  }
  const shifted = q.data.map((x, at) => {
    const head = Math.floor(at / (stride * width));
    return x + u.data[head * width + (at % width)]!;
  });
  const shift = floats(
    [heads, width],
    v.data.map((x, at) => x - u.data[at]!),
  );
  return {
    ...layer,
    q: floats(q.shape, shifted),
    position: { products: { first: 1 - tokens, values, shift } },
  };
}

/** `[H, count, D]` for distances from `first` on, the same for every head. */
function sinusoids(heads: number, count: number, width: number, first: number): FloatTensor {
  const half = Math.ceil(width / 2);
  const r = floats([heads, count, width]);
  for (let row = 0; row < heads * count; row++) {
    const distance = first + (row % count);
    for (let d = 0; d < width; d++) {
      const angle = distance * 10000 ** ((-2 * (d % half)) / width);
      r.data[row * width + d] = d < half ? Math.sin(angle) : Math.cos(angle);
    }
  }
  return r;
}
