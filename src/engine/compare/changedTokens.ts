/** The tokens that a candidate changes most. */

import type { TokenChange } from '../../protocol/comparison';

/** Listed at most. */
const MOST = 16;

/**
 * By rise in loss where it is known, else by output error; greatest first. Tokens that lose nothing are left out.
 *
 * @param errors `[N]`
 * @param lossChange `[N]` nats; NaN where not known.
 */
export function changedTokens(errors: Float32Array, lossChange?: Float32Array): readonly TokenChange[] {
  const loss = lossChange ?? errors;
  const worst: number[] = [];
  for (let token = 0; token < loss.length; token++) {
    const value = loss[token]!;
    if (!(value > 0) || (worst.length === MOST && value <= loss[worst.at(-1)!]!)) continue;
    const place = worst.findIndex(other => loss[other]! < value);
    worst.splice(place < 0 ? worst.length : place, 0, token);
    if (worst.length > MOST) worst.pop();
  }
  return worst.map(token => ({
    token,
    error: errors[token]!,
    lossChange: lossChange?.[token],
  }));
}
