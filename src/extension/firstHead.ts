/** Which head a new inspection shows first. */

import type { HeadRef, Overview } from '../protocol/inspection';

/**
 * The head with the most to see: strong weights that reach far and do not rest on the sink. Its score
 * is `peak * (1 - sink) * log2(1 + span)`, from the document's means.
 */
export function firstHead(overview: Overview): HeadRef {
  const { peak, sink, span } = overview.stats;
  let best = 0;
  let bestScore = -Infinity;
  for (let index = 0; index < overview.layers * overview.heads; index++) {
    const score = peak[index]! * (1 - sink[index]!) * Math.log2(1 + span[index]!);
    if (score > bestScore) [best, bestScore] = [index, score];
  }
  return { layer: Math.floor(best / overview.heads), head: best % overview.heads };
}
