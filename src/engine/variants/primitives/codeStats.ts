/** Statistics of causal rows that are known as shares of codes, before a block, and of tokens inside it. */

import { SINK_TOKENS, SPAN_MASS } from '../../../protocol/inspection';
import type { CodeSums } from './codeSums';
import { type Block, type BlockStats, TILE } from './mixer';

interface CodeRows {
  readonly heads: number;
  readonly block: Block;
  readonly codes: number;
  /** `[N]` a head. */
  readonly labels: readonly Int32Array[];
  readonly sums: CodeSums;
  /** `[H, B, K]`: shares of the codes, then of the block's own tokens, then padding. */
  readonly weights: Float32Array;
}

/** Exact, in `C log N` a row: the span is searched for by tiles, then by tokens. */
export function codeStats({ heads, block, codes, labels, sums, weights }: CodeRows): BlockStats {
  const { start, end } = block;
  const length = end - start;
  const stride = weights.length / (heads * length);
  const zeros = () => new Float32Array(heads * length);
  const stats = { entropy: zeros(), span: zeros(), sink: zeros(), peak: zeros() };
  for (let head = 0; head < heads; head++) {
    const of = labels[head]!;
    const counts = sums.counts(head, start);
    const tiles = Math.ceil(start / TILE);
    for (let b = 0; b < length; b++) {
      const at = head * length + b;
      const row = weights.subarray(at * stride, (at + 1) * stride);
      /** Weight of one token. */
      const weight = (j: number) => (j >= start ? row[codes + j - start]! : row[of[j]!]! / counts[of[j]!]!);
      for (let c = 0; c < codes; c++) {
        const share = row[c]!;
        if (share <= 0) continue;
        stats.entropy[at]! -= share * Math.log(share / counts[c]!);
        stats.peak[at] = Math.max(stats.peak[at]!, share / counts[c]!);
      }
      for (let j = start; j <= start + b; j++) {
        const share = weight(j);
        if (share > 0) stats.entropy[at]! -= share * Math.log(share);
        stats.peak[at] = Math.max(stats.peak[at]!, share);
      }
      for (let j = 0; j < Math.min(SINK_TOKENS, start + b + 1); j++) stats.sink[at]! += weight(j);

      /** Mass of the tokens from tile `t` up to the block. */
      const from = (t: number) => {
        if (t >= tiles) return 0;
        const before = sums.counts(head, t * TILE);
        let mass = 0;
        for (let c = 0; c < codes; c++) {
          if (counts[c]! > 0) mass += (row[c]! * (counts[c]! - before[c]!)) / counts[c]!;
        }
        return mass;
      };
      let mass = 0;
      let j = start + b + 1;
      while (j > start && mass < SPAN_MASS) mass += weight(--j);
      if (mass < SPAN_MASS && start > 0) {
        const own = mass;
        let low = 0;
        let high = tiles;
        while (high - low > 1) {
          const middle = (low + high) >> 1;
          if (own + from(middle) >= SPAN_MASS) low = middle;
          else high = middle;
        }
        j = Math.min(start, high * TILE);
        mass = own + from(high);
        while (j > 0 && mass < SPAN_MASS) mass += weight(--j);
      }
      stats.span[at] = start + b - j + 1;
    }
  }
  return stats;
}
