/** Slots of memories that hold stretches of the text. */

import type { Slot } from './memory';
import type { Segments } from './segments';

/** The query's own segment up to it, and a slot for every earlier one. */
export function segmentSlots(
  { of, starts }: Segments,
  query: number,
  { name, strength }: { readonly name: string; strength?(segment: number): number },
): Slot[] {
  const own = of[query]!;
  const weighed = (segment: number) => (strength === undefined ? {} : { strength: strength(segment) });
  const earlier = Array.from({ length: own }, (_, segment): Slot => ({
    label: `${name} ${segment + 1}`,
    status: 'kept',
    ranges: starts.slice(segment, segment + 2),
    since: starts[segment + 1]!,
    segments: own - segment,
    ...weighed(segment),
  }));
  const open: Slot = {
    label: `${name} ${own + 1}`,
    status: 'open',
    ranges: Int32Array.of(starts[own]!, query + 1),
    segments: 0,
    ...weighed(own),
  };
  return [...earlier, open];
}
