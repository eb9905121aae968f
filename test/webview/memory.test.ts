import { describe, expect, test } from 'vitest';
import type { MemorySlot } from '../../src/protocol/memory';
import { axisOf } from '../../webview/draw/axis';
import { drawHistory, historyHeight, sampleAt } from '../../webview/draw/history';
import { paletteOf } from '../../webview/draw/palette';
import { drawSlots, slotAt } from '../../webview/draw/slots';
import { figure } from '../../webview/format';
import { namedTokens, slotDetail } from '../../webview/slotText';
import { fakeSlots, fakeState } from './harness/fakeMemory';
import { penOf } from './harness/pen';

const palette = paletteOf(() => '', 'vscode-dark');
const ref = { layer: 1, head: 2, token: 700 };
const size = { width: 500, height: 62 };

const slot = (change: Partial<MemorySlot>): MemorySlot => ({
  label: 'segment 3',
  status: 'kept',
  since: undefined,
  ranges: Int32Array.of(4, 9),
  given: new Int32Array(0),
  tokens: 5,
  age: 1,
  segments: undefined,
  read: 0.5,
  strength: undefined,
  ...change,
});

describe('slots along the document', () => {
  const memory = fakeSlots(ref, 1000);
  const data = { memory, range: { start: 0, end: 1000 }, total: 1000, active: undefined };

  test('every slot is found under its middle, none after the token', () => {
    const wide = 20_000;
    const axis = axisOf(data.range, 1000, wide);
    memory.slots.forEach((of, place) => {
      expect(slotAt(data, wide, axis.x((of.ranges[0]! + of.ranges[1]!) / 2))).toBe(place);
    });
    expect(slotAt(data, wide, axis.x(900))).toBeUndefined();
  });

  test('draw at any zoom, and where nothing is read', () => {
    const unread = { ...memory, slots: memory.slots.map(of => ({ ...of, read: 0 })) };
    for (const shown of [memory, unread, { ...memory, slots: [] }]) {
      for (const range of [data.range, { start: 690, end: 710 }]) {
        const { pen, wrong, calls } = penOf();
        drawSlots(pen, size, { ...data, memory: shown, range, active: 0 }, palette);
        expect(wrong).toEqual([]);
        expect(calls).toContain('fillRect');
      }
    }
  });

  test('a slot that lies out of view is not drawn', () => {
    const rectangles = (range: { start: number; end: number }) => {
      const { pen, calls } = penOf();
      drawSlots(pen, size, { ...data, range }, palette);
      return calls.filter(call => call === 'fillRect').length;
    };
    expect(rectangles({ start: 800, end: 900 })).toBeLessThan(rectangles(data.range) - 20);
  });
});

describe('a slot in words', () => {
  test('says what became of it, and when', () => {
    expect(slotDetail(slot({ segments: 2, since: 812 }), 900)).toBe(
      'segment 3, 2 back, 5 tokens; kept at 812',
    );
    expect(slotDetail(slot({ status: 'evicted', since: 812 }), 600)).toBe(
      'segment 3, 5 tokens; to be evicted at 812',
    );
    expect(slotDetail(slot({ status: 'open', segments: 0 }), 900)).toBe('segment 3, 5 tokens; still written');
    expect(slotDetail(slot({ status: 'retrieved', tokens: 1 }), 900)).toBe('segment 3; retrieved');
  });

  test('names the first tokens of its stretches, with gaps between', () => {
    expect(namedTokens(slot({}))).toEqual([4, 5, 6, 7, 8]);
    expect(namedTokens(slot({ ranges: Int32Array.of(0, 100) }))).toHaveLength(16);
    expect(namedTokens(slot({ ranges: Int32Array.of(1, 2, 5, 7) }))).toEqual([1, -1, 5, 6]);
    const many = Int32Array.from({ length: 200 }, (_, at) => 3 * (at >> 1) + (at % 2));
    expect(namedTokens(slot({ ranges: many })).length).toBeLessThan(32);
    expect(namedTokens(slot({ ranges: new Int32Array(0) }))).toEqual([]);
  });
});

describe('a state over the document', () => {
  const { at, norm, read } = fakeState(ref, 1000);
  const lanes = [
    { label: 'Norm', values: norm, shape: 'steps' as const },
    { label: 'Read', values: read, shape: 'bars' as const },
  ];

  test('draws its lanes at any zoom, one of zeros too', () => {
    const nothing = { label: 'None', values: new Float32Array(at.length), shape: 'steps' as const };
    for (const range of [
      { start: 0, end: 1000 },
      { start: 690, end: 710 },
    ]) {
      const { pen, wrong, texts } = penOf();
      const height = historyHeight(3);
      const data = { lanes: [...lanes, nothing], at, token: 700, range, total: 1000, hover: 3 };
      drawHistory(pen, { width: 280, height }, data, palette);
      expect(wrong).toEqual([]);
      expect(texts.slice(0, 3)).toEqual(['Norm', 'Read', 'None']);
    }
  });

  test('the sample under a pixel is the first at its token or after', () => {
    const axis = axisOf({ start: 0, end: 1000 }, 1000, 4000);
    at.forEach((token, t) => expect(sampleAt(at, axis, axis.x(token + 0.5))).toBe(t));
    expect(sampleAt(at, axis, axis.x(0.5))).toBe(0);
    expect(sampleAt(at, axis, axis.x(800))).toBeUndefined();
  });
});

test('measures have three figures', () => {
  expect([0.031234, 5.6871, 2409.6, 0, Number.NaN].map(figure)).toEqual([
    '0.0312',
    '5.69',
    '2,410',
    '0',
    '–',
  ]);
});
