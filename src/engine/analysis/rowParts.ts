/** Parts of a row by what another row weighs. Keys ascend; by index, since iterators over many keys are slow. */

import type { MixerRow } from '../variants/primitives/mixer';

/**
 * Which keys of `row` the other one weighs: 1 or 0 each.
 *
 * @param memory how many keys of a given memory stand before the document's in the other one.
 */
export function weighedBy(other: MixerRow, row: MixerRow, memory: number): Uint8Array {
  const { keys, weights } = other;
  const weighed = new Uint8Array(row.keys.length);
  let at = 0;
  for (let place = 0; place < weighed.length; place++) {
    const key = row.keys[place]! + memory;
    while (at < keys.length && keys[at]! < key) at += 1;
    if (keys[at] === key && weights[at] !== 0) weighed[place] = 1;
  }
  return weighed;
}

/** The entries whose mark is `wanted`, `shift` places further ahead. */
export function partOf({ keys, weights }: MixerRow, marks: Uint8Array, wanted: 0 | 1, shift = 0): MixerRow {
  let count = 0;
  for (let at = 0; at < marks.length; at++) if (marks[at] === wanted) count += 1;
  const part = { keys: new Int32Array(count), weights: new Float32Array(count) };
  let place = 0;
  for (let at = 0; at < marks.length; at++) {
    if (marks[at] !== wanted) continue;
    part.keys[place] = keys[at]! - shift;
    part.weights[place] = weights[at]!;
    place += 1;
  }
  return part;
}
