/** What a variant loses against dense attention on the same queries, keys and values. */

import type { AgainstDense, Row } from '../../protocol/inspection';
import { floats, type FloatTensor } from '../onnx/tensor';
import type { MixerRow } from '../variants/primitives/mixer';
import { strongestKeys } from './row';

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
  const weighed = weighedKeys(row, memory);
  return total(positionsOf(dense, key => weighed.has(key))) / total(dense);
}

function weighedKeys({ keys, weights }: MixerRow, memory: number): ReadonlySet<number> {
  const weighed = new Set<number>();
  keys.forEach((key, at) => {
    if (weights[at] !== 0) weighed.add(key - memory);
  });
  return weighed;
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
  const weighed = weighedKeys(row, memory);
  const outside = positionsOf(dense, key => !weighed.has(key));
  const output = (of: FloatTensor, { keys, weights }: MixerRow, shift: number) =>
    weightedSum(of, group, keys, weights, shift);
  const width = values.row.shape[2]!;
  return {
    recall: recallOf(row, dense, memory),
    error: outputErrors(output(values.row, row, memory), output(values.dense, dense, 0), width)[0]!,
    entropy: described.entropy,
    span: described.span,
    sink: described.sink,
    missed: strongestKeys(outside.keys, outside.weights, MISSED).filter(({ weight }) => weight !== 0),
  };
}

function positionsOf({ keys, weights }: MixerRow, wanted: (key: number) => boolean): MixerRow {
  const kept: number[] = [];
  keys.forEach((key, at) => {
    if (wanted(key)) kept.push(at);
  });
  return {
    keys: Int32Array.from(kept, at => keys[at]!),
    weights: Float32Array.from(kept, at => weights[at]!),
  };
}

function total({ weights }: MixerRow): number {
  return weights.reduce((sum, weight) => sum + Math.abs(weight), 0);
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
  keys.forEach((key, at) => {
    if (key < shift) return;
    const from = (group * stride + key - shift) * width;
    for (let e = 0; e < width; e++) sum[e]! += weights[at]! * data[from + e]!;
  });
  return sum;
}
