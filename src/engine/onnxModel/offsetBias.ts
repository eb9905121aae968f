/**
 * A bias on the scores that depends on the head and on how far a key is away, as ALiBi (arXiv 2108.12409) and T5
 * (arXiv 1910.10683) have: read off the graph's own weights, whose logarithms are the scores up to a constant a row.
 */

import type { Heads } from './heads';

export interface OffsetBias {
  /** The offset `key - query` of the first number. */
  readonly first: number;
  /** `[H, T]`, 0 at offset 0. */
  readonly values: Float32Array;
}

/** Smaller weights have lost their digits. */
const SMALLEST = 1e-30;

/** The number for an offset, or that of the nearest one. */
export function biasAt({ first, values }: OffsetBias, heads: number, head: number, offset: number): number {
  const count = values.length / heads;
  return values[head * count + Math.min(count - 1, Math.max(0, offset - first))]!;
}

/**
 * The bias that explains the rows, if one by offsets does: that is for the caller to check, on all of them.
 *
 * @param truth `[H, R, N]`, the graph's own weights.
 * @param rows `[R]` queries; the last one meets every offset back, the first one every offset ahead.
 * @param scores of a head and query over all keys, without a bias; -Infinity where it may not look.
 */
export function readBias(
  truth: Heads,
  rows: readonly number[],
  causal: boolean,
  scores: (head: number, query: number) => Float64Array,
): OffsetBias | undefined {
  const tokens = truth.width;
  const first = 1 - tokens;
  const count = causal ? tokens : 2 * tokens - 1;
  const values = new Float32Array(truth.heads * count).fill(NaN);
  for (let head = 0; head < truth.heads; head++) {
    for (const at of [...rows.keys()].reverse()) {
      const query = rows[at]!;
      const base = (head * rows.length + at) * tokens;
      const weight = (key: number) => truth.data[base + key]!;
      if (weight(query) < SMALLEST) continue;
      const plain = scores(head, query);
      const own = Math.log(weight(query)) - plain[query]!;
      for (let key = 0; key < tokens; key++) {
        const place = head * count + key - query - first;
        if (plain[key] === -Infinity || weight(key) < SMALLEST || !Number.isNaN(values[place])) continue;
        values[place] = Math.log(weight(key)) - plain[key]! - own;
      }
    }
    if (!fillGaps(values.subarray(head * count, (head + 1) * count), -first)) return undefined;
  }
  return { first, values };
}

/** Offsets whose weights vanish take the number of the next one towards the query. */
function fillGaps(values: Float32Array, centre: number): boolean {
  for (let at = centre - 1; at >= 0; at--) if (Number.isNaN(values[at])) values[at] = values[at + 1]!;
  for (let at = centre + 1; at < values.length; at++) {
    if (Number.isNaN(values[at])) values[at] = values[at - 1]!;
  }
  return !Number.isNaN(values[centre]);
}
