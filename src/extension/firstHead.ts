/** Which head a new inspection shows first. */

import type { HeadRef, Overview } from '../protocol/inspection';

/**
 * The head with the most to see, by the document's means: weights that are neither all on one key nor
 * spread evenly, that reach far and do not rest on the sink. Deeper layers count more, as the first
 * ones mostly look at the token itself. The score is `depth * peak * (1 - peak) * (1 - sink) * log2(1 + span)`.
 */
export function firstHead({ layers, heads, stats }: Overview): HeadRef {
  let best: HeadRef = { layer: 0, head: 0 };
  let bestScore = -Infinity;
  for (let layer = 0; layer < layers; layer++) {
    for (let head = 0; head < heads; head++) {
      const index = layer * heads + head;
      const peak = stats.peak[index]!;
      const reach = (1 - stats.sink[index]!) * Math.log2(1 + stats.span[index]!);
      const score = ((layer + 1) / layers) * peak * (1 - peak) * reach;
      if (score > bestScore) [best, bestScore] = [{ layer, head }, score];
    }
  }
  return best;
}
