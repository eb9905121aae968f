/** Where the variant's outputs are furthest off, in one head or in all where it attends. */

import type { HeadRef, Hurt } from '../protocol/inspection';
import { worstTokens } from './analysis/hurts';
import type { Inspection } from './inspection';
import { sameAttention } from './schedule';

/** @throws Problem for a head that the model does not have. */
export function hurtsOf(inspection: Inspection, of: HeadRef | undefined, limit: number): readonly Hurt[] {
  const heads = of === undefined ? headsOfVariant(inspection) : [of];
  const errors = heads.map(({ layer, head }) => ({
    layer,
    head,
    values: inspection.stats({ layer, head }).error,
  }));
  return worstTokens(errors, limit);
}

/** Heads of layers that are not left as the model was made. */
function headsOfVariant({ layers, heads }: Inspection): readonly HeadRef[] {
  return layers.flatMap(({ attention, own }, layer) =>
    sameAttention(attention, own) ? [] : Array.from({ length: heads }, (_, head) => ({ layer, head })),
  );
}
