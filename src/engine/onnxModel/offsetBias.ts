/**
 * A bias on the scores that depends on the head and on how far a key is away, as ALiBi (arXiv 2108.12409) and T5
 * (arXiv 1910.10683) have: read off the graph's own weights, whose logarithms are the scores up to a constant a row, or off
 * the mask that a node of attention takes.
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

/** What is added to the scores of the query `rows[at]` over all keys, up to a constant; NaN where it is not told. */
type RowBias = (head: number, at: number) => Float64Array;

/**
 * What the graph's own weights tell.
 *
 * @param truth `[H, R, N]`
 * @param scores of a head and query over all keys, without a bias; -Infinity where it may not look.
 */
export function biasInWeights(
  { tokens: count, width, data }: Heads,
  rows: readonly number[],
  scores: (head: number, query: number) => Float64Array,
): RowBias {
  return (head, at) => {
    const base = (head * count + at) * width;
    return scores(head, rows[at]!).map((score, key) => {
      const weight = data[base + key]!;
      return score === -Infinity || weight < SMALLEST ? NaN : Math.log(weight) - score;
    });
  };
}

/**
 * What a mask tells that is added to the scores.
 *
 * @param mask `[H, R, N]`, or `[1, R, N]` for all heads.
 * @param hidden numbers below it hide a key.
 */
export function biasInMask({ heads, tokens: count, width, data }: Heads, hidden: number): RowBias {
  return (head, at) => {
    const base = ((head % heads) * count + at) * width;
    return Float64Array.from(data.subarray(base, base + width), value => (value > hidden ? value : NaN));
  };
}

/**
 * The bias that explains the rows, if one by offsets does: that is for the caller to check, on all of them.
 *
 * @param shape of the scores: heads and tokens.
 * @param rows `[R]` queries; the last one meets every offset back, the first one every offset ahead.
 */
export function readBias(
  { heads, tokens }: Pick<Heads, 'heads' | 'tokens'>,
  rows: readonly number[],
  causal: boolean,
  told: RowBias,
): OffsetBias | undefined {
  const first = 1 - tokens;
  const count = causal ? tokens : 2 * tokens - 1;
  const values = new Float32Array(heads * count).fill(NaN);
  for (let head = 0; head < heads; head++) {
    for (const at of [...rows.keys()].reverse()) {
      const query = rows[at]!;
      const row = told(head, at);
      const own = row[query] ?? NaN;
      if (Number.isNaN(own)) continue;
      for (let key = 0; key < (causal ? query + 1 : tokens); key++) {
        const place = head * count + key - query - first;
        if (!Number.isNaN(row[key]) && Number.isNaN(values[place])) values[place] = row[key]! - own;
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
