/** Calls of the one softmax in few shapes: what is added is hidden from every query, or dropped from the results. */

import { resized, roundedRows } from '../../onnx/rounding';
import { floats } from '../../onnx/tensor';
import { keyLength, NOWHERE } from './keys';
import type { SoftmaxCall } from './softmaxCall';

/** The same call with more queries and more keys; the keys are nowhere. */
export function roundedCall(call: SoftmaxCall): SoftmaxCall {
  const { q, queries, keys, labels = {} } = call;
  const [streams, group, length, width] = q.shape as [number, number, number, number];
  const more = roundedRows(length);
  const entries = keyLength(keys.rows.length, true);
  const asQueries = (x: Float32Array) => lengthened(x, more, x[length - 1]!);
  return {
    ...call,
    q: floats([streams, group, more, width], resized(q.data, length * width, more * width)),
    queries: asQueries(queries),
    keys: {
      count: keys.count,
      rows: Int32Array.from({ length: entries }, (_, at) => keys.rows[at] ?? 0),
      positions: lengthened(keys.positions, entries, NOWHERE),
    },
    labels: Object.fromEntries(
      Object.entries(labels).map(([name, of]) => [
        name,
        { queries: asQueries(of.queries), keys: lengthened(of.keys, entries, 0) },
      ]),
    ),
  };
}

/** What is left of a rounded call's result `[A, B', W]` for the call itself; `W` is 1, `E`, or `K'` keys. */
export function cutResult(
  result: Float32Array,
  { q, keys }: SoftmaxCall,
  { q: moreQueries, keys: moreKeys }: SoftmaxCall,
  isOverKeys: boolean,
): Float32Array {
  const [streams, group, length] = q.shape as [number, number, number];
  const more = moreQueries.shape[2]!;
  const width = result.length / (streams * group * more);
  const rows = resized(result, more * width, length * width);
  return isOverKeys ? resized(rows, moreKeys.rows.length, keys.rows.length) : rows;
}

function lengthened(x: Float32Array, length: number, filling: number): Float32Array {
  const all = new Float32Array(length).fill(filling);
  all.set(x);
  return all;
}
