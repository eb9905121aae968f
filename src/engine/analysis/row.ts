/** What a person is told of one row of `M`, from its exact entries. */

import {
  type DistanceHistogram,
  type Row,
  type RowKey,
  type RowRef,
  SINK_TOKENS,
  SPAN_MASS,
} from '../../protocol/inspection';
import type { MixerRow } from '../variants/primitives/mixer';
import { symmetricSpan } from '../variants/primitives/symmetricSpan';

interface RowOptions extends RowRef {
  /** `N` */
  readonly tokens: number;
  /** How many of the strongest keys to list. */
  readonly top: number;
  /** Cells of the pooled profile; 0 for none. */
  readonly profile: number;
  readonly distribution: boolean;
}

/** Shares, entropy and span count `|weight|`, so that signed rows have them too. */
export function describeRow({ keys, weights }: MixerRow, options: RowOptions): Row {
  const { layer, head, token, tokens, top, distribution } = options;
  let total = 0;
  let sink = 0;
  let peak = 0;
  for (let at = 0; at < keys.length; at++) {
    const size = Math.abs(weights[at]!);
    total += size;
    if (keys[at]! < SINK_TOKENS) sink += size;
    if (size > peak) peak = size;
  }
  // By index, here and below: iterators over a hundred thousand keys take several times as long.
  let entropy = 0;
  for (let at = 0; at < weights.length; at++) {
    const share = Math.abs(weights[at]!) / (total || 1);
    if (share > 0) entropy -= share * Math.log(share);
  }
  const strongest = strongestKeys(keys, weights, top);
  const listed = strongest.reduce((sum, { weight }) => sum + Math.abs(weight), 0);
  return {
    layer,
    head,
    token,
    entropy,
    span: spanOf(keys, weights, token, total),
    sink,
    peak,
    mass: total === 0 ? 0 : listed / total,
    keys: strongest,
    admitted: keys.length,
    distribution,
    histogram: histogram(keys, weights, token),
    profile: profile(keys, weights, tokens, options.profile),
    against: undefined,
  };
}

/** Strongest first; of equal weights, the earlier key first. */
export function strongestKeys(keys: Int32Array, weights: Float32Array, top: number): RowKey[] {
  const best: RowKey[] = [];
  if (top === 0) return best;
  let weakest = 0;
  for (let at = 0; at < keys.length; at++) {
    const weight = weights[at]!;
    const size = Math.abs(weight);
    if (best.length === top && size <= weakest) continue;
    let low = 0;
    let high = best.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (Math.abs(best[middle]!.weight) >= size) low = middle + 1;
      else high = middle;
    }
    best.splice(low, 0, { index: keys[at]!, weight });
    if (best.length > top) best.pop();
    if (best.length > 0) weakest = Math.abs(best.at(-1)!.weight);
  }
  return best;
}

function spanOf(keys: Int32Array, weights: Float32Array, token: number, total: number): number {
  if (keys.length > 0 && keys.at(-1)! > token) return symmetricSpan(weights, keys, token, SPAN_MASS);
  let mass = 0;
  for (let at = keys.length - 1; at >= 0; at--) {
    mass += Math.abs(weights[at]!);
    if (mass >= SPAN_MASS * total) return token - keys[at]! + 1;
  }
  return 0;
}

/** Keys ascend. */
function histogram(keys: Int32Array, weights: Float32Array, token: number): DistanceHistogram {
  const binOf = (key: number) => (key === token ? 0 : 32 - Math.clz32(Math.abs(token - key)));
  const bins = 1 + Math.max(binOf(keys[0] ?? token), binOf(keys.at(-1) ?? token));
  const mass = new Float32Array(bins);
  for (let at = 0; at < keys.length; at++) mass[binOf(keys[at]!)]! += Math.abs(weights[at]!);
  const edges = Int32Array.from({ length: bins + 1 }, (_, bin) => (bin === 0 ? 0 : 2 ** (bin - 1)));
  return { edges, mass };
}

/** Keys ascend. */
function profile(keys: Int32Array, weights: Float32Array, tokens: number, cells: number): Float32Array {
  const pooled = new Float32Array(Math.min(cells, tokens));
  if (pooled.length === 0) return pooled;
  let cell = 0;
  for (let at = 0; at < keys.length; at++) {
    while ((cell + 1) * tokens <= keys[at]! * pooled.length) cell += 1;
    pooled[cell]! += Math.abs(weights[at]!);
  }
  return pooled;
}
