/** How strongly a key is coloured. */

import { SINK_TOKENS, type RowKey } from '../protocol/inspection';

/** How many strengths of colour there are. */
export const STEPS = 6;

/**
 * The strength of every key, `1 … STEPS`, or 0 for one too weak to be coloured. Keys are scaled to the strongest key outside the sink, which
 * otherwise outshines the rest, by the square root, so that weak keys can still be told apart.
 */
export function strengths(keys: readonly RowKey[]): number[] {
  const strongest = (from: readonly RowKey[]): number =>
    from.reduce((peak, key) => Math.max(peak, Math.abs(key.weight)), 0);
  const scale = strongest(keys.filter(key => key.index >= SINK_TOKENS)) || strongest(keys);
  return keys.map(key => {
    if (scale === 0) return 0;
    const share = Math.min(1, Math.abs(key.weight) / scale);
    return Math.round(STEPS * Math.sqrt(share));
  });
}
