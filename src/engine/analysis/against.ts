/** What a variant loses against dense attention on the same queries, keys and values. */

import type { AgainstDense, Row } from '../../protocol/inspection';
import { floats, type FloatTensor } from '../onnx/tensor';
import type { MixerRow } from '../variants/primitives/mixer';
import { strongestKeys } from './row';
import { partOf, weighedBy } from './rowParts';

/** How many missed keys are listed. */
const MISSED = 8;

/**
 * `|y - y_dense| / |y_dense|` of every row of `E` numbers; 0 where both are zero, 1 where only the dense one is.
 *
 * @param width `E`
 */
export function outputErrors(y: Float32Array, dense: Float32Array, width: number): Float32Array {
  return Float32Array.from({ length: y.length / width }, (_, row) => {
    let off = 0;
    let size = 0;
    for (let at = row * width; at < (row + 1) * width; at++) {
      off += (y[at]! - dense[at]!) ** 2;
      size += dense[at]! ** 2;
    }
    if (off === 0) return 0;
    return size === 0 ? 1 : Math.sqrt(off / size);
  });
}

/** The share of the dense row's mass on keys that the row weighs; of its magnitudes, where it carries signs. */
export function recallOf(row: MixerRow, dense: MixerRow, memory: number): number {
  return recallOn(weighedBy(row, dense, memory), dense);
}

function recallOn(weighed: Uint8Array, { weights }: MixerRow): number {
  let kept = 0;
  let total = 0;
  for (let at = 0; at < weights.length; at++) {
    const size = Math.abs(weights[at]!);
    total += size;
    if (weighed[at] === 1) kept += size;
  }
  return kept / total;
}

/**
 * @param rows the variant's row and the dense one.
 * @param described the dense row as a person is told of it.
 * @param values `v [G, P, E]` that each weighs.
 * @param group which of `G` the head reads.
 * @param memory how many keys of a given memory stand before the document's in the variant's row.
 */
export function againstDense(
  { row, dense }: { readonly row: MixerRow; readonly dense: MixerRow },
  described: Row,
  values: { readonly row: FloatTensor; readonly dense: FloatTensor },
  group: number,
  memory: number,
): AgainstDense {
  const weighed = weighedBy(row, dense, memory);
  const outside = partOf(dense, weighed, 0);
  const output = (of: FloatTensor, { keys, weights }: MixerRow, shift: number) =>
    weightedSum(of, group, keys, weights, shift);
  const width = values.row.shape[2]!;
  return {
    recall: recallOn(weighed, dense),
    error: outputErrors(output(values.row, row, memory), output(values.dense, dense, 0), width)[0]!,
    entropy: described.entropy,
    span: described.span,
    sink: described.sink,
    missed: strongestKeys(outside.keys, outside.weights, MISSED).filter(({ weight }) => weight !== 0),
  };
}

/** `sum_j M_j v_j`, `[E]`, over the keys of the document. */
function weightedSum(
  { shape, data }: FloatTensor,
  group: number,
  keys: Int32Array,
  weights: Float32Array,
  shift: number,
): Float32Array {
  const [, stride, width] = shape as [number, number, number];
  const sum = floats([width]).data;
  for (let at = 0; at < keys.length; at++) {
    const key = keys[at]!;
    const weight = weights[at]!;
    if (key < shift) continue;
    const from = (group * stride + key - shift) * width;
    for (let e = 0; e < width; e++) sum[e]! += weight * data[from + e]!;
  }
  return sum;
}
