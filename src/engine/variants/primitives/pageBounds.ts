/** Pages of keys by their extremes, whose product with a query's signed parts bounds every `q . k` of the page. */

import { floats, type FloatTensor } from '../../onnx/tensor';
import { paddedLength } from './mixer';
import type { Segments } from './segments';

/** Largest and smallest keys of every page: `[G, P, D] -> [G, C', 2 D]`, `C'` pages in whole tiles. */
export function pageExtremes(k: FloatTensor, { count, starts }: Segments): FloatTensor {
  const [groups, stride, width] = k.shape as [number, number, number];
  const extremes = floats([groups, paddedLength(count), 2 * width]);
  for (let group = 0; group < groups; group++) {
    for (let c = 0; c < count; c++) {
      const to = (group * extremes.shape[1]! + c) * 2 * width;
      extremes.data.fill(-Infinity, to, to + width).fill(Infinity, to + width, to + 2 * width);
      for (let j = starts[c]!; j < starts[c + 1]!; j++) {
        for (let d = 0; d < width; d++) {
          const item = k.data[(group * stride + j) * width + d]!;
          extremes.data[to + d] = Math.max(extremes.data[to + d]!, item);
          extremes.data[to + width + d] = Math.min(extremes.data[to + width + d]!, item);
        }
      }
    }
  }
  return extremes;
}

/** `[q]₊` beside `[q]₋`, so that the product with a page's extremes is its bound: `[H, B, D] -> [H, B, 2 D]`. */
export function signedParts(q: FloatTensor): FloatTensor {
  const [heads, rows, width] = q.shape as [number, number, number];
  const parts = floats([heads, rows, 2 * width]);
  q.data.forEach((item, at) => {
    const to = Math.floor(at / width) * 2 * width + (at % width);
    parts.data[item > 0 ? to : to + width] = item;
  });
  return parts;
}
