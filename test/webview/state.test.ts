import { describe, expect, test } from 'vitest';
import { EVERYWHERE, type InspectionSummary } from '../../src/protocol/inspection';
import type { PanelState } from '../../src/protocol/panel';
import { dataOf, FIRST_CHOICES, readChoices, Store, textsOf } from '../../webview/state';

const inspection: InspectionSummary = {
  id: 'one',
  model: {
    name: 'm',
    directory: '/m',
    architecture: 'LlamaForCausalLM',
    layers: 2,
    heads: 2,
    keyValueHeads: 1,
    headWidth: 8,
    vocabulary: 16,
    parameters: 100,
    context: 64,
  },
  variant: { id: 'dense', params: {} },
  schedule: EVERYWHERE,
  layerVariants: [
    { id: 'dense', params: {} },
    { id: 'dense', params: {} },
  ],
  device: { name: 'cpu', precision: 'float32', fallback: undefined },
  weights: 'float',
  tokens: 500,
  kept: 0,
  layers: 2,
  heads: 2,
  loss: 2,
  seconds: 1,
  notes: [],
};

const state: PanelState = {
  inspection,
  documentName: 'a.txt',
  running: undefined,
  staleFrom: undefined,
  problem: undefined,
  variants: [],
  variant: { id: 'dense', params: {} },
  schedule: EVERYWHERE,
  selection: { layer: 0, head: 0, token: 3, pinned: false },
  topKeys: 16,
  comparison: { key: undefined, running: undefined, problem: undefined },
};

describe('saved choices', () => {
  test('come back as they were', () => {
    const choices = {
      stat: 'sink',
      tables: ['row', 'segments'],
      folded: ['map', 'dilution'],
      zoom: { start: 3, end: 40 },
      zoomOf: 'one',
      allKeys: true,
      map: { queries: { start: 8.5, end: 40 }, keys: { start: 0, end: 31.5 } },
      mapOf: 'one',
      mapShows: 'missed',
      allHeads: true,
      second: { id: 'local', params: { window: 8 } },
      compare: { ...FIRST_CHOICES.compare, cost: 'seconds' },
    } as const;
    expect(readChoices(JSON.parse(JSON.stringify(choices)))).toEqual(choices);
  });

  test.each([
    undefined,
    null,
    7,
    'x',
    [],
    {},
    { stat: 'loss', tables: 'row', folded: 'map', zoom: 4, zoomOf: 4, allKeys: 1 },
  ])('of another shape (%o) are the first ones', saved => {
    expect(readChoices(saved)).toEqual(FIRST_CHOICES);
  });

  test('a zoom that is no range is dropped', () => {
    for (const zoom of [{ start: 9, end: 3 }, { start: -1, end: 3 }, { start: '0', end: 3 }, { start: 0 }]) {
      expect(readChoices({ zoom }).zoom).toBeUndefined();
    }
  });
});

describe('the name of the data held', () => {
  test('stays while only the selection or the document changes', () => {
    const moved = { ...state, selection: { ...state.selection, token: 9 }, staleFrom: 4, problem: 'x' };
    expect(dataOf(moved)).toBe(dataOf(state));
  });

  test('changes when the document is inspected again or with another variant', () => {
    const again = { ...state, inspection: { ...inspection, seconds: 1.5 } };
    const other = {
      ...state,
      inspection: { ...inspection, variant: { id: 'local', params: { window: 8 } } },
    };
    expect(new Set([state, again, other].map(dataOf)).size).toBe(3);
  });

  test('changes now and then while a run goes on, whereas texts stay', () => {
    const at = (fraction: number): PanelState => ({
      ...state,
      inspection: { ...inspection, seconds: fraction * 10 },
      running: { id: 'one', fraction, phase: '' },
    });
    const steps = Array.from({ length: 100 }, (_, step) => at(step / 100));
    expect(new Set(steps.map(dataOf)).size).toBe(8);
    expect(new Set(steps.map(textsOf)).size).toBe(1);
  });
});

describe('store', () => {
  test('a watcher acts only when what it reads has changed', () => {
    const store = new Store(FIRST_CHOICES);
    const seen: (number | undefined)[] = [];
    store.watch(
      model => model.state?.selection.token,
      token => seen.push(token),
    );
    store.update({ state });
    store.choose({ stat: 'peak' });
    store.update({ state: { ...state, staleFrom: 2 } });
    store.update({ state: { ...state, selection: { ...state.selection, token: 4 } } });
    expect(seen).toEqual([undefined, 3, 4]);
  });

  test('a view folds and unfolds, the others stay', () => {
    const store = new Store({ ...FIRST_CHOICES, folded: ['map'] });
    store.toggleFold('row');
    expect(store.model.choices.folded).toEqual(['map', 'row']);
    store.toggleFold('map');
    expect(store.model.choices.folded).toEqual(['row']);
  });

  test('a zoom holds from run to run of a text, and for no other text', () => {
    const store = new Store(FIRST_CHOICES);
    store.update({ state });
    store.zoomTo({ start: 10, end: 60 });
    expect(store.range).toEqual({ range: { start: 10, end: 60 }, total: 500 });
    store.update({ state: { ...state, inspection: { ...inspection, id: 'two' } } });
    expect(store.range).toEqual({ range: { start: 10, end: 60 }, total: 500 });
    store.update({ state: { ...state, documentName: 'another.md' } });
    expect(store.range).toEqual({ range: { start: 0, end: 500 }, total: 500 });
    store.update({ state: { ...state, inspection: { ...inspection, tokens: 40 } } });
    expect(store.range.range).toEqual({ start: 0, end: 40 });
  });
});
