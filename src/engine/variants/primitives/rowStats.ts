/** Statistics of one row of non-negative weights that was put together outside a graph. */

import { SINK_TOKENS, SPAN_MASS } from '../../../protocol/inspection';
import type { MixerRow } from './mixer';
import { symmetricSpan } from './symmetricSpan';

export interface RowStats {
  readonly entropy: number;
  readonly span: number;
  readonly sink: number;
  readonly peak: number;
}

/** A row of zeros has entropy 0 and span 0. */
export function rowStats({ keys, weights }: MixerRow, query: number): RowStats {
  let total = 0;
  let peak = 0;
  let sink = 0;
  weights.forEach((weight, at) => {
    total += weight;
    peak = Math.max(peak, weight);
    if (keys[at]! < SINK_TOKENS) sink += weight;
  });
  if (total <= 0) return { entropy: 0, span: 0, sink: 0, peak: 0 };
  let entropy = 0;
  for (const weight of weights) if (weight > 0) entropy -= (weight / total) * Math.log(weight / total);
  return { entropy, span: symmetricSpan(weights, keys, query, SPAN_MASS), sink, peak };
}

/** The sum of rows, over the union of their keys. */
export function sumOfRows(rows: readonly MixerRow[]): MixerRow {
  if (rows.length === 1) return rows[0]!;
  const sums = new Map<number, number>();
  for (const { keys, weights } of rows) {
    keys.forEach((key, at) => sums.set(key, (sums.get(key) ?? 0) + weights[at]!));
  }
  const keys = Int32Array.from(sums.keys()).sort();
  return { keys, weights: Float32Array.from(keys, key => sums.get(key)!) };
}
