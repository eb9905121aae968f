/** Statistics of rows that put their mass on runs of tokens, each run with weights of its own inside. */

import { SINK_TOKENS, SPAN_MASS } from '../../../protocol/inspection';
import type { BlockStats } from './mixer';

/** Tokens `start … end - 1`, with `mass` of the row. */
export interface Piece {
  readonly start: number;
  readonly end: number;
  readonly mass: number;
  /** Nats, of the weights inside; they sum to 1. */
  readonly entropy: number;
  /** The largest weight inside. */
  readonly peak: number;
  /** Sum of the weights inside before a token of the piece; 0 where the piece is a single token. */
  before?(token: number): number;
}

export interface PooledRow {
  readonly query: number;
  /** Ascending, disjoint, none after the query. */
  readonly pieces: readonly Piece[];
}

/** Each array `[rows]`. Shares of the row's total where that is not 1, as everywhere. */
export function pooledRowStats(rows: number, rowOf: (row: number) => PooledRow): BlockStats {
  const zeros = () => new Float32Array(rows);
  const stats = { entropy: zeros(), span: zeros(), sink: zeros(), peak: zeros() };
  for (let row = 0; row < rows; row++) {
    const { query, pieces } = rowOf(row);
    let [total, sink, peak, entropy] = [0, 0, 0, 0];
    for (const piece of pieces) total += piece.mass;
    for (const { start, end, mass, ...inside } of pieces) {
      peak = Math.max(peak, mass * inside.peak);
      if (start < SINK_TOKENS) sink += mass * (end <= SINK_TOKENS ? 1 : (inside.before?.(SINK_TOKENS) ?? 0));
      if (mass > 0) entropy += (mass / total) * (inside.entropy - Math.log(mass / total));
    }
    stats.entropy[row] = entropy;
    stats.sink[row] = sink;
    stats.peak[row] = peak;
    stats.span[row] = query - spanStart(pieces, SPAN_MASS * total) + 1;
  }
  return stats;
}

/** The latest token from which on the row holds `wanted`. */
function spanStart(pieces: readonly Piece[], wanted: number): number {
  let held = 0;
  for (let at = pieces.length - 1; at >= 0; at--) {
    const { start, end, mass, before } = pieces[at]!;
    if (held + mass < wanted && at > 0) {
      held += mass;
      continue;
    }
    let low = start;
    let high = end - 1;
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if (held + mass * (1 - (before?.(middle) ?? 0)) >= wanted) low = middle;
      else high = middle - 1;
    }
    return low;
  }
  return pieces[0]?.start ?? 0;
}
