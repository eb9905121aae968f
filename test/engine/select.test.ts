import { expect, test } from 'vitest';
import { select } from '../../src/engine/analysis/select';
import { noise } from '../webview/harness/fakeDocument';

test.each([
  ['noise', (at: number) => noise(at)],
  ['few values', (at: number) => Math.floor(noise(at) * 3)],
  ['one value', () => 7],
  ['rising', (at: number) => at],
  ['falling', (at: number) => -at],
])('every rank of %s equals that of the sorted list', (_, make) => {
  for (const length of [1, 2, 3, 64, 257]) {
    const values = Float32Array.from({ length }, (_unused, at) => make(at));
    const sorted = values.toSorted();
    for (let rank = 0; rank < length; rank++) expect(select(values.slice(), rank)).toBe(sorted[rank]);
    const narrowed = values.slice();
    for (let rank = 0; rank < length; rank += 3) {
      expect(select(narrowed, rank, Math.max(0, rank - 3))).toBe(sorted[rank]);
    }
  }
});
