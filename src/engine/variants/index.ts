/** The list of variants. A new one is its file and its line here. */

import { Problem } from '../../protocol/problem';
import { dense } from './dense';
import { local } from './local';
import type { Variant } from './primitives/mixer';
import { segmented } from './segmented';
import { strided } from './strided';

export const VARIANTS: readonly Variant[] = [dense, local, segmented, strided];

/** @throws Problem naming the known ones. */
export function variantById(id: string): Variant {
  const found = VARIANTS.find(({ info }) => info.id === id);
  if (found !== undefined) return found;
  const known = VARIANTS.map(({ info }) => info.id).join(', ');
  throw new Problem(`There is no attention variant '${id}'. Known ones: ${known}.`);
}
