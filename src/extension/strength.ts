/** How strongly a key is coloured. */

import { SINK_TOKENS, type RowKey } from '../protocol/inspection';

/** How many strengths of colour there are, weakest 1. */
export const STEPS = 6;

/**
 * The strength of every key, `1 … STEPS`. Keys are scaled to the strongest key outside the sink, which
 * otherwise outshines the rest, by the square root, so that weak keys can still be told apart.
 */
export function strengths(keys: readonly RowKey[]): number[] {
  const strongest = (from: readonly RowKey[]): number =>
    from.reduce((peak, key) => Math.max(peak, Math.abs(key.weight)), 0);
  const scale = strongest(keys.filter(key => key.index >= SINK_TOKENS)) || strongest(keys);
  return keys.map(key => {
    if (scale === 0) return 1;
    const share = Math.min(1, Math.abs(key.weight) / scale);
    return Math.max(1, Math.ceil(STEPS * Math.sqrt(share)));
  });
}
