/** A variant's row beside the row that the run itself has there. */

import type { BesideRun } from '../../protocol/inspection';
import type { MixerRow } from '../variants/primitives/mixer';
import { strongestKeys } from './row';

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
  return pick(row, at => row.weights[at] !== 0 && row.keys[at]! >= memory, memory);
}

function without(row: MixerRow, { keys }: MixerRow): MixerRow {
  const known = new Set(keys);
  return pick(row, at => !known.has(row.keys[at]!), 0);
}

function pick({ keys, weights }: MixerRow, wanted: (at: number) => boolean, shift: number): MixerRow {
  const places: number[] = [];
  for (let at = 0; at < keys.length; at++) if (wanted(at)) places.push(at);
  return {
    keys: Int32Array.from(places, at => keys[at]! - shift),
    weights: Float32Array.from(places, at => weights[at]!),
  };
}

function massOf({ weights }: MixerRow): number {
  return weights.reduce((sum, weight) => sum + Math.abs(weight), 0);
}
