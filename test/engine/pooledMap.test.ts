/** Tiles that are pooled in the graph, against the same tiles from single exact rows. */

import { afterAll, describe, expect, it } from 'vitest';

import { poolTile } from '../../src/engine/analysis/map';
import { tileOf } from '../../src/engine/mapTile';
import { createExecutor } from '../../src/engine/runtime/executor';
import { variantById } from '../../src/engine/variants';
import { cellLayout } from '../../src/engine/variants/primitives/cellLayout';
import type { Layer, Mixer } from '../../src/engine/variants/primitives/mixer';
import type { TileRef } from '../../src/protocol/map';
import { devicesUnderTest } from '../support/devices';
import { HEADS, randomLayer } from '../support/randomLayer';

const TOKENS = 391;
const HEAD = 3;
const CLOSE = 1e-6;

const WHOLE: TileRef = {
  layer: 0,
  head: HEAD,
  queries: { start: 0, end: TOKENS },
  keys: { start: 0, end: TOKENS },
  queryStep: 24,
  keyStep: 24,
  samples: 24,
  against: true,
};

const TILES: readonly (readonly [string, Partial<TileRef>])[] = [
  ['the whole, every query', {}],
  ['the whole, two queries a line', { samples: 2 }],
  ['the whole, in wide cells', { queryStep: 200, keyStep: 300, samples: 7 }],
  ['single entries, far in', { ...at(300, 380, 1), keys: { start: 150, end: 280 }, keyStep: 1 }],
  ['a part that ends within a cell', { ...at(100, 391, 32), keys: { start: 90, end: 333 }, keyStep: 7 }],
  ['nothing but later keys', { ...at(0, 50, 5), keys: { start: 200, end: 300 }, keyStep: 10 }],
];

function at(start: number, end: number, queryStep: number): Partial<TileRef> {
  return { queries: { start, end }, queryStep, samples: queryStep };
}

const VARIANTS: readonly (readonly [string, Record<string, unknown>, boolean])[] = [
  ['dense', {}, true],
  ['dense', { causal: false }, true],
  ['local', { window: 9 }, true],
  ['local', { window: 60, sinks: 3 }, true],
  ['local', { window: 12, causal: false }, true],
  ['strided', { stride: 20 }, false],
  ['fixed', {}, true],
  ['blockwise', { block: 50 }, true],
  ['document-mask', {}, true],
  ['bias-alibi', { inner: 'local', window: 40 }, true],
  ['urpe', {}, true],
  ['topk', { k: 5 }, false],
  ['quest', {}, false],
  ['delta', {}, false],
];

for (const device of devicesUnderTest()) {
  const executor = createExecutor(device, { strict: true });
  afterAll(() => executor.release());
  // A software adapter compiles for seconds a shape.
  const some = device === 'cpu' ? VARIANTS : VARIANTS.slice(2, 4);
  const tiles = device === 'cpu' ? TILES : TILES.slice(0, 1);

  describe.each(some)(`on ${device}, a map of %s %j`, { timeout: 120_000 }, (id, params, isPooled) => {
    it.each(tiles)('is what its rows make it: %s', async (_, change) => {
      const layer = randomLayer(executor, TOKENS);
      const [mixer, own] = await opened(layer, id, params);
      const ref = { ...WHOLE, ...change };
      expect(mixer.pooled !== undefined).toBe(isPooled);
      const found = await tileOf(ref, mixer, own, () => Promise.resolve());
      const expected = await poolTile(ref, {
        memory: 0,
        read: async query => ({ row: await mixer.row(HEAD, query), own: await own.row(HEAD, query) }),
        pause: () => Promise.resolve(),
      });
      expect(found.samples).toBe(expected.samples);
      expect(found.lines * found.columns).toBe(found.mass.length);
      expectClose(found.mass, expected.mass);
      for (const name of ['mass', 'missed', 'admitted'] as const)
        expectClose(found.own?.[name], expected.own?.[name]);
    });
  });
}

async function opened(layer: Layer, id: string, params: Record<string, unknown>): Promise<[Mixer, Mixer]> {
  const causal = params['causal'] !== false;
  return [await variantById(id).open(layer, params), await variantById('dense').open(layer, { causal })];
}

function expectClose(found: Float32Array | undefined, expected: Float32Array | undefined) {
  expect(found).toHaveLength(expected!.length);
  const furthest = expected!.reduce(
    (most, value, cell) => Math.max(most, Math.abs(value - found![cell]!)),
    0,
  );
  expect(furthest).toBeLessThan(CLOSE);
}

describe('the runs of a tile', () => {
  const executor = createExecutor('cpu');
  afterAll(() => executor.release());

  it('are many, of bounded size, and each can be the last', async () => {
    const tokens = 4096;
    const mixer = await variantById('dense').open(randomLayer(executor, tokens), {});
    const all = { start: 0, end: tokens };
    const ref = { ...WHOLE, queries: all, keys: all, queryStep: 16, keyStep: 16, samples: 4 };
    let pauses = 0;
    const pause = () => {
      pauses += 1;
      return pauses < 3 ? Promise.resolve() : Promise.reject(new Error('enough'));
    };
    await expect(tileOf(ref, mixer, undefined, pause)).rejects.toThrow('enough');
    expect(pauses).toBe(3);
  });

  it('take no more queries than fit, and at least one', async () => {
    const mixer = await variantById('local').open(randomLayer(executor, 4096), { window: 8 });
    const keys = { start: 0, end: 4096 };
    const queries = Array.from({ length: 3000 }, (_, query) => query);
    const shared = { head: HEADS - 1, keys, step: 16, counts: false, beside: undefined };
    const { count, mass } = await mixer.pooled!({ ...shared, queries });
    expect(count).toBeGreaterThan(100);
    expect(count).toBeLessThan(3000);
    expect(mass).toHaveLength(count * 256);
    expect((await mixer.pooled!({ ...shared, queries: [4095] })).count).toBe(1);
  });
});

describe('the layout of keys', () => {
  it('keeps a run as it lies, and fills only where cells end or keys are missing', () => {
    const whole = cellLayout([0, 500], { keys: { start: 0, end: 500 }, step: 100 });
    expect(whole.real).toBeUndefined();
    expect(whole.width).toBe(100);
    expect(Array.from(whole.index.rows.subarray(0, 500))).toEqual(
      Array.from({ length: 500 }, (_, key) => key),
    );

    const parted = cellLayout([0, 3, 40, 60, 90, 95], { keys: { start: 10, end: 80 }, step: 8 });
    expect(parted.from).toBe(3);
    expect(Array.from(parted.cells)).toEqual([3, 4, 5, 6]);
    const seen = Array.from(parted.index.rows.subarray(0, parted.index.count)).filter(
      (_, at) => parted.real![at] === 1,
    );
    expect(seen).toEqual([...range(0, 3), ...range(40, 60), ...range(90, 95)]);
  });

  it('cuts wide cells into chunks of a divisor', () => {
    expect(cellLayout([0, 900], { keys: { start: 0, end: 900 }, step: 384 }).width).toBe(128);
    expect(cellLayout([0, 900], { keys: { start: 0, end: 900 }, step: 150 }).width).toBe(75);
    const odd = cellLayout([0, 900], { keys: { start: 0, end: 900 }, step: 331 });
    expect(Array.from(odd.cells)).toEqual([0, 0, 0, 1, 1, 1, 2, 2]);
  });
});

const range = (start: number, end: number) => Array.from({ length: end - start }, (_, at) => start + at);
