import { describe, expect, it } from 'vitest';

import { floats } from '../../src/engine/onnx/tensor';
import { keyIndex, NOWHERE, takeKeys } from '../../src/engine/variants/primitives/keys';
import { TILE } from '../../src/engine/variants/primitives/mixer';

const WIDTH = 3;

/** `[S, P, W]`, every number another. */
function numbered(streams: number, rows: number) {
  return floats(
    [streams, rows, WIDTH],
    Float32Array.from({ length: streams * rows * WIDTH }, (_, at) => at),
  );
}

describe('takeKeys', () => {
  it.each([
    { title: 'keys that follow one another', flat: [0, 100], rows: 2 * TILE, isShared: true },
    { title: 'keys from the middle on', flat: [70, 90], rows: 3 * TILE, isShared: true },
    { title: 'keys whose padding would pass the end', flat: [70, 90], rows: 100, isShared: false },
    { title: 'several runs of keys', flat: [0, 4, 50, 90], rows: 2 * TILE, isShared: false },
  ])('takes $title', ({ flat, rows, isShared }) => {
    for (const streams of [1, 2]) {
      const x = numbered(streams, rows);
      const keys = keyIndex(flat);
      const taken = takeKeys(x, keys);
      const length = keys.rows.length;
      expect(taken.shape).toEqual([streams, length, WIDTH]);
      expect(taken.data.buffer === x.data.buffer).toBe(isShared && streams === 1);
      for (let stream = 0; stream < streams; stream++) {
        for (let at = 0; at < keys.count; at++) {
          const from = (stream * length + at) * WIDTH;
          const first = (stream * rows + keys.rows[at]!) * WIDTH;
          expect([...taken.data.subarray(from, from + WIDTH)]).toEqual([first, first + 1, first + 2]);
        }
      }
    }
  });

  it('pads to whole tiles with keys that are nowhere', () => {
    const keys = keyIndex([5, 5 + TILE + 1]);
    expect(keys.rows.length).toBe(2 * TILE);
    expect(keys.positions[TILE]).toBe(5 + TILE);
    expect(keys.positions[TILE + 1]).toBe(NOWHERE);
    expect(takeKeys(numbered(2, 300), keyIndex([])).shape).toEqual([2, TILE, WIDTH]);
  });
});
