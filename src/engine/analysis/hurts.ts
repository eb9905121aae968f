/** The tokens where a variant is furthest from dense attention. */

import type { HeadRef, Hurt } from '../../protocol/inspection';

/** The output errors of one head: `values` is `[N]`, NaN where there is none. */
export interface HeadErrors extends HeadRef {
  readonly values: Float32Array;
}

/**
 * The tokens with the greatest mean error over the given heads, greatest first, ties by position. Tokens
 * without any error are left out.
 */
export function worstTokens(heads: readonly HeadErrors[], limit: number): readonly Hurt[] {
  const tokens = heads[0]?.values.length ?? 0;
  const best: Hurt[] = [];
  for (let token = 0; token < tokens; token++) {
    const hurt = hurtAt(heads, token);
    if (hurt === undefined) continue;
    if (best.length === limit && hurt.error <= best[limit - 1]!.error) continue;
    let place = best.length;
    while (place > 0 && best[place - 1]!.error < hurt.error) place -= 1;
    best.splice(place, 0, hurt);
    if (best.length > limit) best.pop();
  }
  return best;
}

function hurtAt(heads: readonly HeadErrors[], token: number): Hurt | undefined {
  let sum = 0;
  let known = 0;
  let worst: HeadErrors | undefined;
  for (const head of heads) {
    const error = head.values[token]!;
    if (!Number.isFinite(error)) continue;
    sum += error;
    known += 1;
    if (worst === undefined || error > worst.values[token]!) worst = head;
  }
  if (worst === undefined || sum === 0) return undefined;
  return {
    layer: worst.layer,
    head: worst.head,
    token,
    error: sum / known,
    worst: worst.values[token]!,
  };
}
