/**
 * How much of a layer decoding keeps, in numbers, as `CandidateResult.memory` of the protocol defines it.
 *
 * Letters as in `mixer.ts`.
 */

import type { Layer, Mixer } from './mixer';

/** What a layer keeps with this mixer. */
export function keptBy(mixer: Pick<Mixer, 'kept'>, layer: Layer): number {
  return mixer.kept?.() ?? cached(layer, layer.tokens);
}

/** Keys and values of some tokens, `tokens · G (D + E)`; a head that borrows one of both counts as if it had its own. */
export function cached({ k, v }: Pick<Layer, 'k' | 'v'>, tokens: number): number {
  return tokens * Math.max(k.shape[0]!, v.shape[0]!) * (k.shape[2]! + v.shape[2]!);
}

/** Where heads keep tokens of their own: `count` says how many those of one key-value head keep together. */
export function cachedByGroup(
  { q, k, v }: Pick<Layer, 'q' | 'k' | 'v'>,
  count: (heads: readonly number[], group: number) => number,
): number {
  const groups = k.shape[0]!;
  const perGroup = q.shape[0]! / groups;
  let tokens = 0;
  for (let group = 0; group < groups; group++) {
    const heads = Array.from({ length: perGroup }, (_, at) => group * perGroup + at);
    tokens += count(heads, group);
  }
  return tokens * (k.shape[2]! + v.shape[2]!);
}
