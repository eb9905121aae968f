/** Spans of rows that look both ways: the smallest `|i - j|` window that holds the mass. */

import type { KeyIndex } from './keys';

/**
 * `weights [R, B, K]` flat, rows of one query position `queries[b]` each; returns `[R * B]` window
 * lengths in tokens to one side, the token itself included. `shares [B]` of the mass.
 */
export function symmetricSpans(
  weights: Float32Array,
  queries: Float32Array,
  keys: KeyIndex,
  shares: Float32Array,
): Float32Array {
  const stride = keys.positions.length;
  return Float32Array.from({ length: weights.length / stride }, (_, row) => {
    const from = row * stride;
    const entries = weights.subarray(from, from + keys.count);
    return symmetricSpan(
      entries,
      keys.positions,
      queries[row % queries.length]!,
      shares[row % queries.length]!,
    );
  });
}

/** Positions ascend; `entries` are their weights. */
export function symmetricSpan(
  entries: ArrayLike<number>,
  positions: ArrayLike<number>,
  query: number,
  share: number,
): number {
  let total = 0;
  for (let at = 0; at < entries.length; at++) total += Math.abs(entries[at]!);
  let right = 0;
  while (right < entries.length && positions[right]! < query) right += 1;
  let left = right - 1;
  let mass = 0;
  let distance = 0;
  while (mass < share * total && (left >= 0 || right < entries.length)) {
    const before = left >= 0 ? query - positions[left]! : Infinity;
    const after = right < entries.length ? positions[right]! - query : Infinity;
    distance = Math.min(before, after);
    if (before === distance) mass += Math.abs(entries[left--]!);
    if (after === distance) mass += Math.abs(entries[right++]!);
  }
  return distance + 1;
}
