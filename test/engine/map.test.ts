/** Tiles of the attention map, against sums over whole matrices of the variants' plain references. */

import { afterAll, describe, expect, it } from 'vitest';

import { checkTile, poolTile, sampledQueries } from '../../src/engine/analysis/map';
import { createEngine } from '../../src/engine/engine';
import { createExecutor } from '../../src/engine/runtime/executor';
import { variantById } from '../../src/engine/variants';
import type { Layer } from '../../src/engine/variants/primitives/mixer';
import { memoryTensors } from '../../src/engine/variants/primitives/remembered';
import { EVERYWHERE } from '../../src/protocol/inspection';
import type { MapTile, TileRef } from '../../src/protocol/map';
import { Cancelled, Problem } from '../../src/protocol/problem';
import { LAB_BASE } from '../support/folders';
import { normal, random } from '../support/random';
import { HEADS, randomLayer, referenceInputs, WIDTH } from '../support/randomLayer';

const executor = createExecutor('cpu');
afterAll(() => executor.release());

const TOKENS = 63;
const HEAD = 2;
const CLOSE = 2e-6;

const WHOLE: TileRef = {
  layer: 0,
  head: HEAD,
  queries: { start: 0, end: TOKENS },
  keys: { start: 0, end: TOKENS },
  queryStep: 1,
  keyStep: 1,
  samples: 1,
  against: true,
};

/** `M` of the head, `[N, memory + N]`. */
function matrix(layer: Layer, id: string, params: Record<string, unknown>): (i: number, j: number) => number {
  const m = variantById(id).reference(referenceInputs(layer), params);
  const length = m.length / HEADS / TOKENS;
  return (i, j) => m[(HEAD * TOKENS + i) * length + j]!;
}

async function tileOf(layer: Layer, id: string, params: Record<string, unknown>, ref: TileRef) {
  const mixer = await variantById(id).open(layer, params);
  const own = await variantById('dense').open(layer, {});
  const read: number[] = [];
  const tile = await poolTile(ref, {
    memory: mixer.memory ?? 0,
    read: async query => {
      read.push(query);
      return {
        row: await mixer.row(HEAD, query),
        own: ref.against ? await own.row(HEAD, query) : undefined,
      };
    },
    pause: () => Promise.resolve(),
  });
  return { tile, read, memory: mixer.memory ?? 0 };
}

/** The mean over a line's queries, and the sum over a column's keys, of `entry`. */
function pooled(
  { queries, keys, queryStep, keyStep, samples }: TileRef,
  entry: (i: number, j: number) => number,
) {
  const cells: number[] = [];
  for (let top = queries.start; top < queries.end; top += queryStep) {
    const line = sampledQueries({ start: top, end: Math.min(queries.end, top + queryStep) }, samples);
    for (let left = keys.start; left < keys.end; left += keyStep) {
      let sum = 0;
      for (const i of line)
        for (let j = left; j < Math.min(keys.end, left + keyStep); j++) sum += entry(i, j);
      cells.push(sum / line.length);
    }
  }
  return cells;
}

function expectClose(found: Float32Array | undefined, expected: readonly number[]) {
  expect(found).toHaveLength(expected.length);
  const furthest = expected.reduce((most, value, at) => Math.max(most, Math.abs(value - found![at]!)), 0);
  expect(furthest).toBeLessThan(CLOSE);
}

const VARIANTS_SHOWN: readonly (readonly [string, Record<string, unknown>])[] = [
  ['dense', {}],
  ['local', { window: 9, sinks: 2 }],
  ['topk', { k: 5 }],
  ['segmented', { segment: 16 }],
  ['delta', {}],
];

const TILES: readonly (readonly [string, Partial<TileRef>])[] = [
  ['every cell one entry', {}],
  ['a part of it', { queries: { start: 20, end: 41 }, keys: { start: 11, end: 30 } }],
  ['pooled whole', { queryStep: 8, keyStep: 5, samples: 8 }],
  ['pooled from two queries a line', { queryStep: 9, keyStep: 4, samples: 2, keys: { start: 3, end: 58 } }],
];

describe.each(VARIANTS_SHOWN)('a tile of %s %j', (id, params) => {
  it.each(TILES)('is the sum of its entries: %s', async (_, change) => {
    const layer = randomLayer(executor, TOKENS);
    const ref = { ...WHOLE, ...change };
    const { tile } = await tileOf(layer, id, params, ref);
    const m = matrix(layer, id, params);
    const dense = matrix(layer, 'dense', {});
    expectClose(
      tile.mass,
      pooled(ref, (i, j) => Math.abs(m(i, j))),
    );
    expectClose(tile.own?.mass, pooled(ref, dense));
    expectClose(
      tile.own?.missed,
      pooled(ref, (i, j) => (m(i, j) === 0 ? dense(i, j) : 0)),
    );
  });

  it('holds the mass of the rows that it looked at', async () => {
    const ref = { ...WHOLE, queryStep: 6, keyStep: 10, samples: 3, against: false };
    const layer = randomLayer(executor, TOKENS);
    const { tile, read } = await tileOf(layer, id, params, ref);
    const m = matrix(layer, id, params);
    expect(tile.own).toBeUndefined();
    expect(tile.samples).toBe(3);
    expect(read).toHaveLength(tile.lines * 3);
    for (let line = 0; line < tile.lines; line++) {
      const found = tile.mass.subarray(line * tile.columns, (line + 1) * tile.columns);
      const rows = read.filter(query => Math.floor(query / 6) === line);
      const mass = rows.map(i => Array.from({ length: TOKENS }, (_, j) => Math.abs(m(i, j))));
      const expected = mass.flat().reduce((sum, weight) => sum + weight, 0) / rows.length;
      expect(found.reduce((sum, weight) => sum + weight, 0)).toBeCloseTo(expected, 5);
    }
  });
});

describe('what a variant admits', () => {
  it.each([
    ['local', { window: 9, sinks: 2 }, (i: number, j: number) => j <= i && (i - j < 9 || j < 2)],
    ['dense', {}, (i: number, j: number) => j <= i],
  ] as const)('%s: the share of the pairs of a cell', async (id, params, admits) => {
    for (const [, change] of TILES) {
      const ref = { ...WHOLE, ...change };
      const { tile } = await tileOf(randomLayer(executor, TOKENS), id, params, ref);
      const pairs = pooled(ref, () => 1);
      const admitted = pooled(ref, (i, j) => (admits(i, j) ? 1 : 0));
      expectClose(
        tile.own?.admitted,
        admitted.map((count, at) => count / pairs[at]!),
      );
    }
  });

  it('topk: as many keys of a line as it keeps', async () => {
    const ref = { ...WHOLE, keyStep: 7 };
    const { tile } = await tileOf(randomLayer(executor, TOKENS), 'topk', { k: 5 }, ref);
    for (let line = 0; line < tile.lines; line++) {
      const shares = tile.own!.admitted.subarray(line * tile.columns, (line + 1) * tile.columns);
      expect(shares.reduce((sum, share) => sum + 7 * share, 0)).toBeCloseTo(Math.min(5, line + 1), 4);
    }
  });
});

it('leaves out the keys of a given memory', async () => {
  const uniform = random(9);
  const sizes = { heads: HEADS, tokens: TOKENS, width: WIDTH, normal: () => normal(uniform) };
  const drawn = randomLayer(executor, TOKENS, memoryTensors(sizes, 25));
  // Its values are as wide as its keys.
  const layer = { ...drawn, v: drawn.k };
  const params = { segment: 20, memory: 31 };
  for (const [, change] of TILES) {
    const ref = { ...WHOLE, ...change };
    const { tile, memory } = await tileOf(layer, 'recurrent-memory', params, ref);
    expect(memory).toBe(25);
    const m = matrix(layer, 'recurrent-memory', params);
    const dense = matrix(layer, 'dense', {});
    expectClose(
      tile.mass,
      pooled(ref, (i, j) => m(i, 25 + j)),
    );
    expectClose(
      tile.own?.missed,
      pooled(ref, (i, j) => (m(i, 25 + j) === 0 ? dense(i, j) : 0)),
    );
  }
});

describe('sampled queries', () => {
  it.each([
    [10, 18, 1, [14]],
    [10, 18, 2, [12, 16]],
    [10, 13, 2, [10, 12]],
    [10, 13, 8, [10, 11, 12]],
    [0, 100, 4, [12, 37, 62, 87]],
  ])('%d to %d, %d of them', (start, end, samples, expected) => {
    expect(sampledQueries({ start, end }, samples)).toEqual(expected);
  });
});

it.each<[string, Partial<TileRef>, string]>([
  ['behind the document', { keys: { start: 0, end: TOKENS + 1 } }, 'between 0 and 63'],
  ['turned around', { queries: { start: 9, end: 9 } }, 'not 9 to 9'],
  ['of half a token', { queries: { start: 0.5, end: 9 } }, 'between 0 and 63'],
  ['with no step', { keyStep: 0 }, 'whole numbers'],
  ['with part of a row', { samples: 0.5 }, 'whole numbers'],
])('refuses a tile %s', (_, change, said) => {
  expect(() => checkTile({ ...WHOLE, ...change }, TOKENS)).toThrow(Problem);
  expect(() => checkTile({ ...WHOLE, ...change }, TOKENS)).toThrow(said);
});

it('refuses more cells and more rows than a tile has', () => {
  const long = { start: 0, end: 1000 };
  const tile = { ...WHOLE, queries: long, keys: long, queryStep: 5, keyStep: 4 };
  expect(() => checkTile(tile, 1000)).not.toThrow();
  expect(() => checkTile({ ...tile, keyStep: 3 }, 1000)).toThrow('256 x 256 cells at once, not 200 x 334');
  const all = { start: 0, end: 100_000 };
  const dear = { ...WHOLE, queries: all, keys: all, queryStep: 500, keyStep: 500, samples: 80 };
  expect(() => checkTile(dear, 100_000)).not.toThrow();
  expect(() => checkTile({ ...dear, samples: 90 }, 100_000)).toThrow('16384 rows at once, not 18000');
});

describe('the engine', { timeout: 120_000 }, () => {
  const engine = createEngine({ started: () => undefined, progress: () => undefined, log: () => undefined });
  const TEXT = 'The map of a long text is drawn from the rows of its attention, a few at a time. '.repeat(9);
  const inspect = async (id: string, variant: string, mode: 'live' | 'shadow') =>
    engine.inspect({
      id,
      text: TEXT,
      model: LAB_BASE,
      variant: { id: variant, params: variant === 'local' ? { window: 16 } : {} },
      schedule: { ...EVERYWHERE, mode },
      device: 'cpu',
      maxTokens: 10_000,
    });
  const whole = (tokens: number, most = 256): TileRef => ({
    ...WHOLE,
    layer: 1,
    queries: { start: 0, end: Math.min(tokens, most) },
    keys: { start: 0, end: tokens },
    keyStep: Math.ceil(tokens / 256),
  });

  it.each(['live', 'shadow'] as const)('misses what the rows miss, in a %s run', async mode => {
    const { tokens } = await inspect('local', 'local', mode);
    const tile = await engine.map({ id: 'local', ...whole(tokens) });
    const sum = (cells: Float32Array, line: number) =>
      cells.subarray(line * tile.columns, (line + 1) * tile.columns).reduce((all, mass) => all + mass, 0);
    for (const token of [3, 40, tile.lines - 1]) {
      const [row] = await engine.rows([
        { id: 'local', layer: 1, head: HEAD, token, top: 1, profile: 0, against: true },
      ]);
      expect(sum(tile.mass, token)).toBeCloseTo(1, 4);
      expect(sum(tile.own!.mass, token)).toBeCloseTo(1, 4);
      expect(sum(tile.own!.missed, token)).toBeCloseTo(1 - row!.against!.recall, 4);
      expect(sum(tile.own!.admitted, token)).toBeCloseTo(row!.admitted, 3);
    }
  });

  it('has nothing to hold a dense run against', async () => {
    const { tokens } = await inspect('dense', 'dense', 'live');
    expect((await engine.map({ id: 'dense', ...whole(tokens) })).own).toBeUndefined();
  });

  it('gives up a tile for a newer one, and when the inspection is closed', async () => {
    const { tokens } = await inspect('left', 'dense', 'live');
    const ask = async (): Promise<MapTile> => engine.map({ id: 'left', ...whole(tokens) });
    const first = ask();
    const second = ask();
    await expect(first).rejects.toThrow(Cancelled);
    expect((await second).lines).toBe(Math.min(tokens, 256));
    const third = ask();
    await engine.close('left');
    await expect(third).rejects.toThrow(Cancelled);
    await expect(ask()).rejects.toThrow('not inspected');
  });

  it('says what it cannot show', async () => {
    const { tokens } = await inspect('dense', 'dense', 'live');
    const tile = whole(tokens);
    await expect(engine.map({ id: 'dense', ...tile, layer: 9 })).rejects.toThrow('layers 0 to 3');
    const keys = { start: 0, end: tokens + 1 };
    await expect(engine.map({ id: 'dense', ...tile, keys })).rejects.toThrow(Problem);
  });
});
