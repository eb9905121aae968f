import { describe, expect, test } from 'vitest';
import { axisOf, INSET, panned, showing, ticks, zoomed } from '../../webview/draw/axis';

const all = { start: 0, end: 1000 };

describe('axis', () => {
  test('a token is found again under the middle of its place', () => {
    for (const range of [all, { start: 412.5, end: 431.25 }]) {
      const axis = axisOf(range, 1000, 300);
      for (let token = Math.ceil(range.start); token + 1 <= range.end; token++) {
        expect(axis.tokenAt(axis.x(token + 0.5))).toBe(token);
      }
    }
  });

  test('the ends of the view lie on the insets, and what is beyond counts as the last token', () => {
    const axis = axisOf(all, 1000, 300);
    expect(axis.x(0)).toBe(INSET);
    expect(axis.x(1000)).toBe(300 - INSET);
    expect(axis.tokenAt(-50)).toBe(0);
    expect(axis.tokenAt(5000)).toBe(999);
  });

  test('ticks are whole positions in view', () => {
    const marks = ticks(axisOf({ start: 10.5, end: 14.2 }, 1000, 600));
    expect(marks).toEqual([11, 12, 13, 14]);
  });
});

describe('zoom', () => {
  test('the anchor keeps its place', () => {
    const before = { start: 200, end: 600 };
    const after = zoomed(before, 1000, 0.5, 300);
    expect(after).toEqual({ start: 250, end: 450 });
    expect((300 - 250) / 200).toBe((300 - 200) / 400);
  });

  test('zooming out ends at the whole document, in stops at a few tokens', () => {
    expect(zoomed({ start: 200, end: 900 }, 1000, 2, 500)).toBeUndefined();
    expect(zoomed({ start: 500, end: 510 }, 1000, 0.01, 505)).toEqual({ start: 501, end: 509 });
    expect(zoomed({ start: 0, end: 5 }, 5, 0.5, 2)).toBeUndefined();
  });

  test('panning stops at the document’s ends', () => {
    expect(panned({ start: 100, end: 300 }, 1000, -500)).toEqual({ start: 0, end: 200 });
    expect(panned({ start: 100, end: 300 }, 1000, 5000)).toEqual({ start: 800, end: 1000 });
    expect(panned(all, 1000, 10)).toBeUndefined();
  });

  test('a token out of view is brought in, one in view moves nothing', () => {
    const range = { start: 100, end: 200 };
    expect(showing(range, 1000, 150)).toEqual(range);
    for (const token of [0, 99, 200, 999]) {
      const next = showing(range, 1000, token);
      expect(next?.start).toBeLessThanOrEqual(token);
      expect(next?.end).toBeGreaterThan(token);
    }
  });
});
