/**
 * A row of the hidden attention of a selective scan (arXiv 2403.01590): the weight of key `j` for one channel is
 * `sum_s C_is B_js exp(A_s T_j) Δ_j`, with `T_j` the sum of `Δ` over the tokens after `j` up to the query. Over several
 * channels a row is the mean of their magnitudes.
 *
 * Letters as in `selectiveScan.ts`; `K` keys of a call.
 */

import { GraphBuilder } from '../../onnx/builder';
import type { Executor, Program } from '../../onnx/graph';
import { floats } from '../../onnx/tensor';
import { powers, VANISHED } from './powers';

export interface HiddenRow {
  readonly executor: Executor;
  /** `i` */
  readonly query: number;
  /** `C_i [S]` */
  readonly asking: Float32Array;
  /** `A [X, S]` */
  readonly rates: Float32Array;
  /** `B_j [S]` */
  key(j: number): Float32Array;
  /** `Δ_j [X]` */
  steps(j: number): Float32Array;
}

/** Exponentials of a call, at most, unless a key alone takes more. */
const EXPONENTIALS = 2 ** 20;
const MOST_KEYS = 256;

/** `[i + 1]`, from the latest key back to where no channel lets anything through. */
export async function hiddenRow(row: HiddenRow): Promise<Float32Array> {
  const { executor, query, asking, rates } = row;
  const rows = asking.length;
  const channels = rates.length / rows;
  let count = MOST_KEYS;
  while (count > 1 && count * rates.length > EXPONENTIALS) count /= 2;
  const A = floats([1, rows, channels], columnsOf(rates, rows));
  const slowest = Float64Array.from({ length: channels }, (_, x) =>
    Math.max(...rates.subarray(x * rows, (x + 1) * rows)),
  );
  const weights = new Float32Array(query + 1);
  const since = new Float64Array(channels);
  for (let last = query; last >= 0; last -= count) {
    const products = floats([count, 1, rows]);
    const steps = floats([count, channels]);
    const waited = floats([count, channels]);
    const keys = Math.min(count, last + 1);
    for (let at = 0; at < keys; at++) {
      const key = row.key(last - at);
      for (let s = 0; s < rows; s++) products.data[at * rows + s] = asking[s]! * key[s]!;
      const own = row.steps(last - at);
      steps.data.set(own, at * channels);
      waited.data.set(since, at * channels);
      for (let x = 0; x < channels; x++) since[x]! += own[x]!;
    }
    const found = await executor.run(PROGRAM, { products, steps, waited, A });
    const signed = found['signed']!.data as Float32Array;
    const size = found['size']!.data as Float32Array;
    for (let at = 0; at < keys; at++) weights[last - at] = (channels === 1 ? signed : size)[at]!;
    if (slowest.every((rate, x) => rate * since[x]! < VANISHED)) break;
  }
  return weights;
}

const PROGRAM: Program = {
  key: 'hiddenRow',
  build() {
    const g = new GraphBuilder('hiddenRow');
    const products = g.input('products', 'float32', ['K', 1, 'S']);
    const waited = g.unsqueeze(g.input('waited', 'float32', ['K', 'X']), 1);
    const left = powers(g, g.mul(g.input('A', 'float32', [1, 'S', 'X']), waited));
    const reads = g.reshape(g.matMul(products, left), ['K', 'X']);
    const weights = g.mul(reads, g.input('steps', 'float32', ['K', 'X']));
    g.output('signed', g.reduce('ReduceMean', weights, 1));
    g.output('size', g.reduce('ReduceMean', g.unary('Abs', weights), 1));
    return g.build();
  },
};

/** `[X, S] -> [S, X]` */
function columnsOf(rates: Float32Array, rows: number): Float32Array {
  const channels = rates.length / rows;
  return Float32Array.from(rates, (_, at) => rates[(at % channels) * rows + Math.floor(at / channels)]!);
}
