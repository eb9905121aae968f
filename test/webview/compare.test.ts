import { describe, expect, test } from 'vitest';
import { chosenOf, MEASURES, nameOf, signed, sorted, valueOf } from '../../webview/candidates';
import { FIRST_COMPARE, readCompare, readVariant } from '../../webview/compareChoices';
import { dotNear, dotPlace, DOTS_HEIGHT, type DotsData, drawDots, frontOf } from '../../webview/draw/dots';
import { paletteOf } from '../../webview/draw/palette';
import { comparisonTables } from '../../webview/exports/comparison';
import { secondRowTables } from '../../webview/exports/secondRow';
import { FIRST_CHOICES, readChoices } from '../../webview/state';
import { sweepSummary, sweepValues } from '../../webview/sweepText';
import type { Texts } from '../../webview/texts';
import { fakeComparison } from './harness/fakeComparison';
import { fakeRow } from './harness/fakeDocument';
import { penOf } from './harness/pen';

const comparison = fakeComparison(2000, false);
const sweep = fakeComparison(2000, true);
const texts = { of: (token: number) => ({ token, text: `t${token}`, line: 1 + token }) } as unknown as Texts;

describe('candidates', () => {
  test('figures are the means of what the engine says, and changes are against the baseline', () => {
    const [local] = comparison.candidates;
    const mean = local!.recall.reduce((sum, value) => sum + value, 0) / local!.recall.length;
    expect(valueOf(local!, 'recall', comparison)).toBe(mean);
    expect(valueOf(local!, 'loss', comparison)).toBeCloseTo(local!.live!.loss! - comparison.loss!, 12);
    expect(valueOf(sweep.candidates[0]!, 'loss', sweep)).toBeNaN();
    expect(signed(-0.0254)).toBe('−0.025');
    expect(signed(Number.NaN)).toBe('–');
  });

  test.each(['recall', 'error', 'loss', 'keys', 'memory', 'seconds'] as const)(
    'sort by %s, both ways, the failed one last',
    column => {
      for (const falling of [true, false]) {
        const list = sorted(comparison, column, falling);
        expect(list.at(-1)!.problem).toBeDefined();
        const values = list.slice(0, -1).map(candidate => valueOf(candidate, column, comparison));
        expect(values).toEqual(values.toSorted((a, b) => (falling ? b - a : a - b)));
      }
    },
  );

  test('the named one is looked into, else the one with the best recall; never one that failed', () => {
    expect(nameOf(chosenOf(comparison, 'segmented')!)).toBe('segmented');
    expect(nameOf(chosenOf(comparison, undefined)!)).toBe('topk (k 64)');
    expect(nameOf(chosenOf(comparison, 'probsparse (factor 0)')!)).toBe('topk (k 64)');
  });
});

describe('the plot', () => {
  const data: DotsData = {
    dots: [
      { x: 10, y: 0.5, label: 'a' },
      { x: 20, y: 0.4, label: 'b' },
      { x: 40, y: 0.9, label: 'c' },
      { x: 40, y: 0.8, label: 'd' },
      { x: 900, y: 0.95, label: 'e' },
    ],
    own: { x: 1000, y: 1, label: 'own' },
    x: { title: 'keys', text: MEASURES.keys.short },
    y: { title: 'recall', text: MEASURES.recall.short },
    rising: true,
    chosen: 2,
    active: undefined,
  };
  const size = { width: 280, height: DOTS_HEIGHT };

  test('the front holds what nothing beats in both', () => {
    expect(frontOf(data)).toEqual([0, 2, 4]);
    expect(frontOf({ ...data, rising: false })).toEqual([0, 1]);
    expect(frontOf({ dots: [], rising: true })).toEqual([]);
  });

  test.each([280, 1200])('every dot is found where it is drawn at %d px, inside the drawing', width => {
    for (const [place, dot] of data.dots.entries()) {
      const wide = { ...size, width };
      const { x, y } = dotPlace(data, wide, dot);
      expect(x).toBeGreaterThan(0);
      expect(x).toBeLessThan(width);
      expect(y).toBeGreaterThan(0);
      expect(y).toBeLessThan(DOTS_HEIGHT);
      expect(dotNear(data, wide, x, y)).toBe(place);
    }
    expect(dotNear(data, size, 1, 1)).toBeUndefined();
  });

  test('names what it shows, the chosen one first', () => {
    const { pen, texts: written } = penOf();
    drawDots(
      pen,
      size,
      data,
      paletteOf(() => '', 'vscode-dark'),
    );
    for (const word of ['recall', 'keys', 'own', 'a', 'c']) expect(written).toContain(word);
    expect(written.indexOf('c')).toBeLessThan(written.indexOf('a'));
  });

  test('one candidate, and equal ones, have their place', () => {
    const one = { ...data, dots: [data.dots[0]!], own: undefined };
    const { x, y } = dotPlace(one, size, one.dots[0]!);
    expect(Number.isFinite(x + y)).toBe(true);
    expect(dotNear(one, size, x, y)).toBe(0);
  });
});

describe('a sweep', () => {
  const result = sweep.sweep!;
  test('is told in a sentence', () => {
    const local = result.budgets.filter(({ kind }) => kind === 'local').length;
    const none = result.budgets.filter(({ value }) => value === undefined).length;
    expect(sweepSummary(result)).toContain(`${local} local`);
    expect(sweepSummary(result)).toContain(`For ${none} heads even 1024 is not enough.`);
    expect(sweepSummary(result)).toContain('The schedule covers 1 layer.');
    expect(sweepSummary({ ...result, schedule: { ...result.schedule, others: [] } })).toContain(
      'No layer can',
    );
  });

  test('its grid shows budgets as they are, and what none is enough for above all', () => {
    const heads = sweep.heads;
    const { values, text, place, layers, columns } = sweepValues(result, heads, 'budget');
    expect(layers * heads).toBe(values.length);
    result.budgets.forEach(({ value, kind }, at) => {
      expect(text(values[at]!)).toBe(value === undefined ? '>1024' : String(value));
      expect(columns[2]!.cell(at)).toBe(kind);
      if (value === undefined) expect(place(values[at]!)).toBe(1);
    });
    const kinds = sweepValues(result, heads, 'kind');
    result.budgets.forEach(({ kind }, at) =>
      expect(kinds.text(kinds.values[at]!)).toBe(kind.slice(0, 1).toUpperCase()),
    );
  });
});

test('tables hold every figure', () => {
  const [candidates, heads, tokens, layers] = comparisonTables(comparison, comparison.candidates[1], texts);
  expect(candidates!.columns['variant']).toHaveLength(comparison.candidates.length);
  expect(candidates!.columns['problem']![comparison.candidates.length - 1]).toMatch(/whole number/);
  expect(candidates!.columns['recall']![1]).toBe(valueOf(comparison.candidates[1]!, 'recall', comparison));
  expect(heads!.columns['recall']).toEqual(comparison.candidates[1]!.recall);
  expect(tokens!.columns['loss change']![0]).toBe(comparison.candidates[1]!.hurt[0]!.lossChange);
  const { memory, layerMemory } = comparison.candidates[1]!;
  expect(candidates!.columns['memory bytes']![1]).toBe(memory);
  expect(layers!.columns).toEqual({ layer: [0, 1, 2, 3], 'memory bytes': layerMemory });
  const swept = comparisonTables(sweep, undefined, texts).at(-1)!;
  expect(swept.name).toBe('sweep');
  expect(swept.columns['smallest window']).toEqual(sweep.sweep!.budgets.map(({ value }) => value));
});

test('tables of a second row say whose it is, and what either row lacks', () => {
  const lacks = [{ index: 4, weight: 0.25 }];
  const row = {
    ...fakeRow({ layer: 0, head: 0, token: 50 }, 100, 20, 4),
    beside: { kept: 1, shared: 1, lacks, adds: [] },
  };
  const tables = secondRowTables(row, { name: 'topk', total: 100, texts });
  expect(tables.every(({ name }) => name.endsWith(', topk'))).toBe(true);
  const alone = tables.find(({ name }) => name.startsWith('keys of one row alone'))!;
  expect(alone.columns).toEqual({ of: ['run'], key: [4], weight: [0.25], text: ['t4'] });
});

describe('choices', () => {
  test('come back after a reload', () => {
    const second = { id: 'local', params: { window: 8, causal: true, mode: 'a' } };
    const compare = {
      ...FIRST_COMPARE,
      sort: 'keys',
      falling: false,
      candidate: 'topk (k 4)',
      sweep: 'kind',
    } as const;
    const saved: unknown = JSON.parse(JSON.stringify({ ...FIRST_CHOICES, second, compare }));
    expect(readChoices(saved)).toMatchObject({ second, compare });
  });

  test.each([[undefined], [null], [7], ['x'], [{ sort: 'beauty', falling: 'yes', candidate: 3 }]])(
    '%j is read as the first choices',
    saved => {
      expect(readCompare(saved)).toEqual(FIRST_COMPARE);
    },
  );

  test('a variant of another shape is none, and odd values are dropped', () => {
    expect(readVariant({ id: 3, params: {} })).toBeUndefined();
    expect(readVariant({ id: 'local' })).toBeUndefined();
    expect(readVariant({ id: 'local', params: { window: 4, deep: { a: 1 } } })).toEqual({
      id: 'local',
      params: { window: 4 },
    });
  });
});
