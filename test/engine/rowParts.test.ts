/** Parts of rows by what another row weighs, against sets. */

import { expect, it } from 'vitest';

import { partOf, weighedBy } from '../../src/engine/analysis/rowParts';
import type { MixerRow } from '../../src/engine/variants/primitives/mixer';
import { random } from '../support/random';

const uniform = random(3);

/** Some of `length` keys, some of them without weight. */
function someRow(length: number, share: number): MixerRow {
  const keys = Int32Array.from(Array.from({ length }, (_, key) => key).filter(() => uniform() < share));
  return { keys, weights: Float32Array.from(keys, () => (uniform() < 0.2 ? 0 : uniform() - 0.5)) };
}

it.each([
  [0, 0.3, 0.9],
  [5, 0.3, 0.9],
  [5, 0.9, 0.1],
  [0, 0, 0.5],
  [0, 0.5, 0],
])('with a memory of %i, shares %d and %d', (memory, otherShare, rowShare) => {
  const [other, row] = [someRow(300 + memory, otherShare), someRow(300, rowShare)];
  const known = new Set([...other.keys].filter((_, at) => other.weights[at] !== 0).map(key => key - memory));
  const marks = weighedBy(other, row, memory);
  expect([...marks]).toEqual([...row.keys].map(key => (known.has(key) ? 1 : 0)));
  for (const wanted of [0, 1] as const) {
    const places = [...row.keys.keys()].filter(at => known.has(row.keys[at]!) === (wanted === 1));
    const part = partOf(row, marks, wanted, 2);
    expect([...part.keys]).toEqual(places.map(at => row.keys[at]! - 2));
    expect([...part.weights]).toEqual(places.map(at => row.weights[at]));
  }
});
