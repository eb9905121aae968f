/** Consecutive segments of a document and what is pooled over them. */

import { Problem } from '../../../protocol/problem';
import { floats, type FloatTensor } from '../../onnx/tensor';
import { type Layer, paddedLength, type PlanNode, type TextUnit } from './mixer';

export interface Segments {
  /** `C` */
  readonly count: number;
  /** `[C + 1]`; segment `c` holds tokens `starts[c] … starts[c + 1] - 1`. */
  readonly starts: Int32Array;
  /** `[N]` segment of every token. */
  readonly of: Int32Array;
}

/**
 * Segments of `size` tokens, or the sentences or paragraphs of the text.
 *
 * @throws Problem when a unit of text is asked for and there is no text.
 */
export function segmentsOf(size: number | string, tokens: number, units: Layer['units']): Segments {
  if (typeof size === 'number')
    return fromLabels(Int32Array.from({ length: tokens }, (_, i) => Math.floor(i / size)));
  if (units === undefined) {
    throw new Problem(
      `Segments by ${size} need a text, and a tensor file has none. Give a number of tokens.`,
    );
  }
  return fromLabels(units(size as TextUnit));
}

function fromLabels(of: Int32Array): Segments {
  const starts: number[] = [];
  of.forEach((label, i) => {
    if (i === 0 || label !== of[i - 1]) starts.push(i);
  });
  const renumbered = new Int32Array(of.length);
  starts.forEach((start, c) => renumbered.fill(c, start, starts[c + 1] ?? of.length));
  return { count: starts.length, starts: Int32Array.from([...starts, of.length]), of: renumbered };
}

/** Means over each segment: `[H, P, D] -> [H, C', D]`, `C'` = `C` rounded up to whole tiles. */
export function meanPool(x: FloatTensor, { count, starts }: Segments): FloatTensor {
  const [heads, stride, width] = x.shape as [number, number, number];
  const pooled = floats([heads, paddedLength(count), width]);
  for (let head = 0; head < heads; head++) {
    for (let c = 0; c < count; c++) {
      const to = (head * pooled.shape[1]! + c) * width;
      const share = 1 / (starts[c + 1]! - starts[c]!);
      for (let j = starts[c]!; j < starts[c + 1]!; j++) {
        const from = (head * stride + j) * width;
        for (let d = 0; d < width; d++) pooled.data[to + d]! += share * x.data[from + d]!;
      }
    }
  }
  return pooled;
}

/** Repeats each key-value head for its query heads: `[G, P, D] -> [heads, P, D]`. */
export function repeatHeads(x: FloatTensor, heads: number): FloatTensor {
  const [groups, stride, width] = x.shape as [number, number, number];
  const repeated = floats([heads, stride, width]);
  for (let head = 0; head < heads; head++) {
    const from = Math.floor((head * groups) / heads) * stride * width;
    repeated.data.set(x.data.subarray(from, from + stride * width), head * stride * width);
  }
  return repeated;
}

export function segmentNodes({ count, starts }: Segments, kind: string): PlanNode[] {
  return Array.from({ length: count }, (_, c) => ({
    parent: -1,
    kind,
    label: `${kind} ${c + 1}`,
    ranges: starts.slice(c, c + 2),
  }));
}
