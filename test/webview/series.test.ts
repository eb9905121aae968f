import { describe, expect, test } from 'vitest';
import { seriesOf } from '../../src/engine/analysis/series';
import type { Series } from '../../src/protocol/series';
import { cellOf, cellsIn, pieceOver, stepIn, valueAt } from '../../webview/draw/series';
import { noise } from './harness/fakeDocument';

const TOTAL = 20_000;
const values = Float32Array.from({ length: TOTAL }, (_, token) => noise(token));
const piece = (start: number, end: number, step: number): Series =>
  seriesOf(values, {
    layer: 0,
    head: 0,
    stat: 'sink',
    tokens: { start, end },
    step,
    greatest: 1,
  });

const whole = piece(0, TOTAL, 64);
const part = piece(9_000, 12_000, 4);
const one = piece(10_001, 10_002, 1);
const pieces = [whole, part, one];

describe('pieces of a statistic', () => {
  test('the finest one over a view is shown', () => {
    expect(pieceOver(pieces, { start: 0, end: TOTAL })).toBe(whole);
    expect(pieceOver(pieces, { start: 9_100.5, end: 11_999 })).toBe(part);
    expect(pieceOver(pieces, { start: 8_999, end: 11_999 })).toBe(whole);
    expect(pieceOver([], { start: 0, end: 1 })).toBeUndefined();
  });

  test.each([
    [0, TOTAL, 300],
    [9_500, 10_500, 300],
    [9_500, 10_500, 100],
    [9_003, 9_090, 500],
  ])('cells of %d to %d in %d pixels tile the view, and hold its extremes', (start, end, pixels) => {
    const range = { start, end };
    const shown = pieceOver(pieces, range)!;
    const cells = cellsIn(shown, range, pixels);
    expect(cells[0]!.start).toBeLessThanOrEqual(start);
    expect(cells.at(-1)!.end).toBeGreaterThanOrEqual(end);
    cells.slice(1).forEach((cell, at) => expect(cell.start).toBe(cells[at]!.end));
    expect(cells.length).toBeLessThanOrEqual(pixels + 2);
    for (const cell of cells) {
      const of = values.subarray(cell.start, cell.end);
      expect(cell.high).toBe(Math.max(...of));
      expect(cell.low).toBe(Math.min(...of));
      expect(cell.mean).toBeCloseTo(of.reduce((sum, value) => sum + value, 0) / of.length, 2);
      expect(cellOf(shown, cell.start, range, pixels)).toEqual(cell);
      expect(cellOf(shown, cell.end - 1, range, pixels)).toEqual(cell);
    }
  });

  test('a token has a value of its own where a piece has it by itself', () => {
    expect(valueAt(pieces, 10_001)).toBe(values[10_001]);
    expect(valueAt(pieces, 10_002)).toBeUndefined();
    expect(valueAt([piece(0, 300, 1)], 299)).toBe(values[299]);
  });

  test('about one cell a pixel', () => {
    expect(stepIn({ start: 0, end: 200 }, 300)).toBe(1);
    expect(stepIn({ start: 0, end: 131_072 }, 1400)).toBe(96);
    expect(stepIn({ start: 5.5, end: 305 }, 300)).toBe(1);
  });
});
