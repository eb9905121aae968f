/** A variant's row beside the row that the run itself has there. */

import type { BesideRun } from '../../protocol/inspection';
import type { MixerRow } from '../variants/primitives/mixer';
import { strongestKeys } from './row';
import { partOf, weighedBy } from './rowParts';

/** How many keys that one has and the other lacks are listed, each way. */
const LISTED = 8;

/** Both rows over the document's own keys: a memory before the document is left out. */
export function besideRun(
  { row, run }: { readonly row: MixerRow; readonly run: MixerRow },
  memories: { readonly row: number; readonly run: number },
): BesideRun {
  const own = weighed(row, memories.row);
  const others = weighed(run, memories.run);
  const adds = without(own, others);
  const lacks = without(others, own);
  return {
    kept: 1 - massOf(lacks) / massOf(others),
    shared: 1 - massOf(adds) / massOf(own),
    lacks: strongestKeys(lacks.keys, lacks.weights, LISTED),
    adds: strongestKeys(adds.keys, adds.weights, LISTED),
  };
}

function weighed(row: MixerRow, memory: number): MixerRow {
  const { keys, weights } = row;
  const marks = new Uint8Array(keys.length);
  for (let at = 0; at < keys.length; at++) if (weights[at] !== 0 && keys[at]! >= memory) marks[at] = 1;
  return partOf(row, marks, 1, memory);
}

function without(row: MixerRow, other: MixerRow): MixerRow {
  return partOf(row, weighedBy(other, row, 0), 0);
}

function massOf({ weights }: MixerRow): number {
  return weights.reduce((sum, weight) => sum + Math.abs(weight), 0);
}
