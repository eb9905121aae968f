/**
 * Rows whose keys are split into parts, each part a softmax of its own, merged exactly by their largest
 * score, sum and output: with `l_c` the log-sum-exp of part `c`, its share of the row is
 * `exp(l_c - log sum_c exp(l_c))`, and the row is the parts in those shares.
 */

import { SPAN_MASS } from '../../../protocol/inspection';
import type { KeyIndex } from './keys';
import type { SoftmaxResult } from './softmaxRows';
import { symmetricSpan } from './symmetricSpan';

export interface Part {
  readonly keys: KeyIndex;
  /** With weights `[R, K]` and log-sums `[R]`, for the same rows `R` in every part. */
  readonly result: SoftmaxResult;
}

/** Parts hold ascending, disjoint runs of keys; row `r` is of position `queryOf(r)`. */
export interface MergeCall {
  readonly parts: readonly Part[];
  readonly causal: boolean;
  queryOf(row: number): number;
}

/** Share of part `c` in row `r`: `[R, C]`, each row with sum 1. */
export function partShares(parts: readonly Part[]): Float32Array {
  const rows = parts[0]!.result.stats.peak.length;
  const shares = new Float32Array(rows * parts.length);
  for (let row = 0; row < rows; row++) {
    const sums = parts.map(({ result }) => result.logSum![row]!);
    const largest = Math.max(...sums);
    const terms = sums.map(sum => Math.exp(sum - largest));
    const total = terms.reduce((sum, term) => sum + term, 0);
    terms.forEach((term, c) => (shares[row * parts.length + c] = term / total));
  }
  return shares;
}

/** Outputs and statistics of the whole rows. */
export function mergeParts(call: MergeCall): SoftmaxResult {
  const { parts } = call;
  const shares = partShares(parts);
  const rows = parts[0]!.result.stats.peak.length;
  const width = parts[0]!.result.y.length / rows;
  const y = new Float32Array(rows * width);
  const zeros = () => new Float32Array(rows);
  const stats = { entropy: zeros(), span: zeros(), sink: zeros(), peak: zeros() };
  const allKeys = call.causal ? undefined : wholeKeys(parts);
  for (let row = 0; row < rows; row++) {
    const own = shares.subarray(row * parts.length, (row + 1) * parts.length);
    parts.forEach(({ result }, c) => {
      const share = own[c]!;
      if (share === 0) return;
      for (let e = 0; e < width; e++) y[row * width + e]! += share * result.y[row * width + e]!;
      stats.entropy[row]! += share * (result.stats.entropy[row]! - Math.log(share));
      stats.sink[row]! += share * result.stats.sink[row]!;
      stats.peak[row] = Math.max(stats.peak[row]!, share * result.stats.peak[row]!);
    });
    const query = call.queryOf(row);
    stats.span[row] =
      allKeys === undefined
        ? query - spanStart(parts, own, row) + 1
        : symmetricSpan(wholeRow(parts, own, row), allKeys, query, SPAN_MASS);
  }
  return { y, stats, weights: new Float32Array(0) };
}

/** Position of the earliest key of the shortest end of the row that holds the span's mass. */
function spanStart(parts: readonly Part[], shares: Float32Array, row: number): number {
  let wanted = SPAN_MASS;
  for (let c = parts.length - 1; c >= 0; c--) {
    const { keys, result } = parts[c]!;
    if (shares[c]! < wanted && c > 0) {
      wanted -= shares[c]!;
      continue;
    }
    const from = row * keys.rows.length;
    for (let at = keys.count - 1; at >= 0; at--) {
      wanted -= shares[c]! * result.weights[from + at]!;
      if (wanted <= 0) return keys.rows[at]!;
    }
  }
  return parts[0]!.keys.rows[0]!;
}

/** The keys of all parts, ascending. */
export function wholeKeys(parts: readonly Part[]): Int32Array {
  return Int32Array.from(parts.flatMap(({ keys }) => Array.from(keys.rows.subarray(0, keys.count))));
}

/** Weights over `wholeKeys`. */
export function wholeRow(parts: readonly Part[], shares: Float32Array, row: number): Float32Array {
  return Float32Array.from(
    parts.flatMap(({ keys, result }, c) => {
      const from = row * keys.rows.length;
      return Array.from(result.weights.subarray(from, from + keys.count), weight => shares[c]! * weight);
    }),
  );
}
