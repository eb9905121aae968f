import { describe, expect, test } from 'vitest';
import { checkTile, poolTile } from '../../src/engine/analysis/map';
import type { MapTile, TileRef } from '../../src/protocol/map';
import { Cancelled, Problem } from '../../src/protocol/problem';
import { drawMap, outlineCell } from '../../webview/draw/map';
import { labelledTokens, mapLayout } from '../../webview/draw/mapAxes';
import {
  cellAt,
  fieldOf,
  linesInView,
  missedShare,
  paintTile,
  placeOf,
  scaleFor,
  shadesOf,
  strongestCells,
} from '../../webview/draw/mapCells';
import {
  gridOf,
  mapAround,
  type MapView,
  pannedMap,
  stepFor,
  wholeMap,
  zoomedMap,
} from '../../webview/draw/mapView';
import { paletteOf } from '../../webview/draw/palette';
import { firstGap, type MapWish, nextTile } from '../../webview/mapPlan';
import { cellLines, cellsTable, sceneCaption, sceneOf } from '../../webview/mapScene';
import { MapTiles } from '../../webview/mapTiles';
import { fakeMap } from './harness/fakeMap';
import { penOf } from './harness/pen';

const palette = paletteOf(() => '', 'vscode-dark');
const ROOM = { lines: 200, columns: 200 };

/** `M_ij` of a made-up head; the variant sees keys less than 8 back, and the dense rows all. */
const entry = (i: number, j: number): number => (j > i ? 0 : 1 / (1 + i - j) ** 2 / 2 + (j === 0 ? 0.1 : 0));

async function made(ref: TileRef, tokens: number): Promise<MapTile> {
  checkTile(ref, tokens);
  return poolTile(ref, {
    memory: 0,
    read: async query => {
      const keys = Int32Array.from({ length: query + 1 }, (_, key) => key);
      const own = { keys, weights: Float32Array.from(keys, key => entry(query, key)) };
      const near = keys.slice(Math.max(0, query - 7));
      const row = { keys: near, weights: Float32Array.from(near, key => entry(query, key)) };
      return { row, own: ref.against ? own : undefined };
    },
    pause: () => Promise.resolve(),
  });
}

function wishFor(view: MapView, total: number, against = true): MapWish {
  return { layer: 1, head: 2, view, grid: gridOf(view, total, ROOM), against };
}

async function fetchAll(wish: MapWish, total: number, kept: MapTile[], pace?: number): Promise<TileRef[]> {
  const asked: TileRef[] = [];
  for (;;) {
    const ref = nextTile(wish, kept, pace);
    if (ref === undefined) return asked;
    asked.push(ref);
    kept.push(await made(ref, total));
    if (asked.length > 200) throw new Error('The plan does not end.');
  }
}

const range = (start: number, end: number) => ({ start, end });

describe('the grid of a view', () => {
  test.each([
    [1, 200, 1],
    [200, 200, 1],
    [201, 200, 2],
    [500, 200, 3],
    [700, 200, 4],
    [1000, 200, 6],
    [1_048_576, 250, 6144],
  ])('%d tokens in %d cells: %d a cell', (width, most, step) => {
    expect(stepFor(width, most)).toBe(step);
    expect(Math.ceil(width / step)).toBeLessThanOrEqual(most);
  });

  test('fits the bounds of a tile and covers the view, at any length and zoom', () => {
    for (const total of [1, 7, 255, 257, 9153, 131_072, 1_048_576]) {
      let view: MapView | undefined = wholeMap(total);
      for (let step = 0; step < 24; step++) {
        const grid = gridOf(view, total, { lines: 300, columns: 300 });
        const { queries, keys } = grid;
        const samples = Math.min(1, grid.queryStep);
        expect(() => checkTile({ layer: 0, head: 0, samples, against: false, ...grid }, total)).not.toThrow();
        expect(queries.start).toBeLessThanOrEqual(view.queries.start);
        expect(queries.end).toBeGreaterThanOrEqual(view.queries.end);
        expect(keys.start).toBeLessThanOrEqual(view.keys.start);
        expect(keys.end).toBeGreaterThanOrEqual(view.keys.end);
        view = zoomedMap(view, total, 0.7, { query: total * 0.61, key: total * 0.37 }) ?? wholeMap(total);
      }
    }
  });

  test('zooms around a point that stays, pans within the map, and is whole again', () => {
    const at = { query: 600, key: 250 };
    const near = zoomedMap(wholeMap(1000), 1000, 0.1, at)!;
    expect(near.queries.end - near.queries.start).toBeCloseTo(100);
    expect((600 - near.queries.start) / 100).toBeCloseTo(0.6);
    expect((250 - near.keys.start) / 100).toBeCloseTo(0.25);
    expect(pannedMap(near, 1000, -1e6, 30)!.queries.start).toBe(0);
    expect(pannedMap(near, 1000, 0, 30)!.keys.start).toBeCloseTo(near.keys.start + 30);
    expect(zoomedMap(near, 1000, 100, at)).toBeUndefined();
    const around = mapAround(990, 40, 1000)!;
    expect(around.queries).toEqual(range(960, 1000));
    expect(around.keys.start).toBeCloseTo(958.5);
  });
});

describe('the plan', () => {
  test.each([30, 257, 2000, 5000])('of %d tokens ends, coarse first, and covers every line', async total => {
    const wish = wishFor(wholeMap(total), total);
    const kept: MapTile[] = [];
    const asked = await fetchAll(wish, total, kept);
    const steps = asked.map(ref => ref.queryStep);
    expect(steps).toEqual(steps.toSorted((a, b) => b - a));
    expect(asked.every(ref => ref.against)).toBe(true);
    const first = asked.filter(ref => ref.queryStep === steps[0]);
    expect(
      first.reduce((rows, ref) => rows + (ref.queries.end - ref.queries.start) / ref.queryStep, 0),
    ).toBeLessThan(32);
    const exact = kept.filter(tile => tile.queryStep === wish.grid.queryStep);
    expect(firstGap(range(0, total), exact)).toBeUndefined();
    const lines = linesInView(
      kept.toSorted((a, b) => b.queryStep - a.queryStep),
      wish.view,
      wish.grid,
    );
    expect(lines).toHaveLength(Math.ceil(total / wish.grid.queryStep));
    expect(lines.every(({ tile }) => tile.samples === Math.min(4, tile.queryStep))).toBe(true);
  });

  test('asks for little where rows are slow, and leaves the last look out', async () => {
    const total = 2000;
    const wish = wishFor(wholeMap(total), total);
    const asked = await fetchAll(wish, total, [], 100);
    for (const { queries, queryStep, samples } of asked) {
      expect(((queries.end - queries.start) / queryStep) * samples).toBeLessThanOrEqual(3);
    }
    expect(asked.every(ref => ref.samples === 1)).toBe(true);
  });

  test('takes as many queries a line as fit, every one where all do, and little for a first look', async () => {
    const total = 2000;
    const wish = wishFor(wholeMap(total), total);
    const fast: MapTile[] = [];
    const asked = await fetchAll(wish, total, fast, 0.05);
    expect(asked.length).toBeLessThan(4);
    expect(asked.at(-1)!.samples).toBe(wish.grid.queryStep);
    const lines = linesInView(fast, wish.view, wish.grid);
    expect(lines.every(({ tile }) => tile.samples === wish.grid.queryStep)).toBe(true);

    const slower: MapTile[] = [];
    await fetchAll(wish, total, slower, 4);
    const most = Math.max(...slower.map(tile => tile.samples));
    expect(most).toBe(4);
    // A pace that wavers asks for nothing again.
    expect(nextTile(wish, slower, 3)).toBeUndefined();
  });

  test('asks after panning for what has come into view alone', async () => {
    const total = 4000;
    const view = zoomedMap(wholeMap(total), total, 0.05, { query: 2000, key: 800 })!;
    const kept: MapTile[] = [];
    await fetchAll(wishFor(view, total), total, kept);
    const down = pannedMap(view, total, 80, 10)!;
    const asked = await fetchAll(wishFor(down, total), total, kept);
    expect(asked.length).toBeGreaterThan(0);
    for (const { queries } of asked)
      expect(queries.start).toBeGreaterThanOrEqual(Math.floor(view.queries.end));
    expect(await fetchAll(wishFor(view, total), total, kept)).toEqual([]);
  });

  test('looks again when the variant is to be held against dense attention', async () => {
    const total = 2000;
    const kept: MapTile[] = [];
    await fetchAll(wishFor(wholeMap(total), total, false), total, kept);
    expect(kept.filter(tile => tile.samples === 4).every(tile => tile.own === undefined)).toBe(true);
    const asked = await fetchAll(wishFor(wholeMap(total), total, true), total, kept);
    expect(asked.length).toBeGreaterThan(0);
    expect(await fetchAll(wishFor(wholeMap(total), total, false), total, kept)).toEqual([]);
  });

  test('the first gap of a stretch', () => {
    const tile = (start: number, end: number) => ({ queries: range(start, end) }) as TileRef;
    expect(firstGap(range(0, 10), [])).toEqual(range(0, 10));
    expect(firstGap(range(0, 10), [tile(6, 8), tile(0, 3), tile(2, 4)])).toEqual(range(4, 6));
    expect(firstGap(range(0, 10), [tile(0, 5), tile(5, 12)])).toBeUndefined();
  });
});

describe('the cells', () => {
  const TOTAL = 60;

  test('the strongest of a view are those of the matrix', async () => {
    const wish = wishFor({ queries: range(20, 50), keys: range(10, 40) }, TOTAL);
    const kept: MapTile[] = [];
    await fetchAll(wish, TOTAL, kept);
    const lines = linesInView(kept, wish.view, wish.grid);
    for (const [shows, weight] of [
      ['variant', (i: number, j: number) => (i - j < 8 ? entry(i, j) : 0)],
      ['dense', entry],
      ['missed', (i: number, j: number) => (i - j < 8 ? 0 : entry(i, j))],
    ] as const) {
      const all: number[] = [];
      for (let i = 20; i < 50; i++) for (let j = 10; j < 40; j++) all.push(weight(i, j));
      const expected = all.filter(mass => mass > 0).toSorted((a, b) => b - a);
      const found = strongestCells(lines, wish.view, shows, 50);
      expect(found).toHaveLength(Math.min(50, expected.length));
      found.forEach(({ mass, tile, line, column }, at) => {
        expect(mass).toBeCloseTo(expected[at]!, 6);
        const [i, j] = [tile.queries.start + line, tile.keys.start + column];
        expect(weight(i, j)).toBeCloseTo(mass, 6);
      });
    }
    let missed = 0;
    let dense = 0;
    for (let i = 20; i < 50; i++) {
      for (let j = 10; j < 40; j++) {
        dense += entry(i, j);
        if (i - j >= 8) missed += entry(i, j);
      }
    }
    expect(missedShare(lines, wish.view)).toBeCloseTo(missed / dense, 5);
    const table = cellsTable(
      sceneOf({ view: wish.view, total: TOTAL, grid: wish.grid, shows: 'dense', tiles: kept }),
    );
    const masses = Array.from(table.columns['dense']!) as number[];
    expect(masses.reduce((sum, mass) => sum + mass, 0)).toBeCloseTo(dense, 4);
  });

  test('one colour for the same weight in cells of every size', () => {
    const scale = { top: 0.5, keys: 8 };
    expect(placeOf(scale, 0.25, 4)).toBe(1);
    expect(placeOf(scale, 0.5, 8)).toBe(1);
    expect(placeOf(scale, 0.005, 8)).toBeCloseTo(1 / 3);
    expect(placeOf(scale, 0, 8)).toBeUndefined();
    expect(placeOf(scale, 1e-9, 8)).toBe(0);
  });

  test('the scale ends at a round number that no cell in view exceeds', async () => {
    const wish = wishFor(wholeMap(TOTAL), TOTAL);
    const kept: MapTile[] = [];
    await fetchAll(wish, TOTAL, kept);
    const { top } = scaleFor(linesInView(kept, wish.view, wish.grid), wish.view, 'variant', 1);
    expect(top).toBe(1);
    const away = { queries: range(50, 60), keys: range(10, 20) };
    const found = scaleFor(linesInView(kept, away, gridOf(away, TOTAL, ROOM)), away, 'dense', 1).top;
    expect(found).toBe(0.0005 * 10 ** Math.round(Math.log10(found / 0.0005)));
    expect(found).toBeGreaterThanOrEqual(entry(50, 19));
  });

  test('pixels are the background where there is no mass', async () => {
    const tile = await made(
      { ...gridOf(wholeMap(10), 10, ROOM), layer: 0, head: 0, samples: 1, against: true },
      10,
    );
    const shades = shadesOf(palette.ramp, palette.background);
    const pixels = paintTile(tile, 'dense', { top: 1, keys: 1 }, shades);
    const colour = (i: number, j: number) => [...pixels.subarray((i * 10 + j) * 4, (i * 10 + j) * 4 + 4)];
    expect(colour(2, 7)).toEqual([...shades.subarray(-4)]);
    expect(colour(7, 7)).not.toEqual(colour(2, 7));
    expect(fieldOf({ ...tile, own: undefined }, 'missed').every(mass => mass === 0)).toBe(true);
  });

  test('a cell in words', async () => {
    const wish = wishFor(wholeMap(20), 20);
    const kept: MapTile[] = [];
    await fetchAll(wish, 20, kept);
    const cell = cellAt(kept, 12.5, 3.9)!;
    expect(cellLines(cell, 'missed', token => `'${token}'`)).toEqual([
      'Missed mass 0.5 %',
      "Query 12 '12'",
      "Key 3 '3', 9 back",
      'Variant 0.0 %, dense 0.5 %, missed 0.5 %',
      'Not admitted',
    ]);
    const wide = wishFor(wholeMap(2000), 2000, false);
    const coarse = await made(
      { ...wide.grid, queries: range(0, 1200), layer: 0, head: 0, samples: 2, against: false },
      2000,
    );
    expect(cellLines(cellAt([coarse], 30, 25)!, 'variant', () => undefined).slice(1)).toEqual([
      'Queries 24 to 35',
      'Keys 24 to 35',
      'Mean of 2 of 12 queries',
    ]);
  });

  test('the caption says what is missed and how much was looked at', async () => {
    const wish = wishFor(wholeMap(2000), 2000);
    const kept: MapTile[] = [];
    await fetchAll(wish, 2000, kept, 20);
    const scene = (shows: 'variant' | 'missed', tiles = kept) =>
      sceneCaption(sceneOf({ view: wish.view, total: 2000, grid: wish.grid, shows, tiles }));
    const exact: MapTile[] = [];
    await fetchAll(wish, 2000, exact, 0.05);
    expect(scene('variant', exact)).toBe('A cell is the mean of 12 queries on 12 keys.');
    expect(scene('variant')).toBe('A cell is 1 of 12 queries on 12 keys.');
    expect(scene('missed')).toMatch(
      /^A cell is 1 of 12 .* Outlined: .* The variant misses \d+\.\d % of the dense mass in view\.$/,
    );
  });
});

describe('the drawing', () => {
  test.each([
    [1, 280],
    [2000, 280],
    [131_072, 620],
  ])('of %d tokens at %d px draws at every zoom', async (total, width) => {
    let view: MapView | undefined = wholeMap(total);
    for (let step = 0; step < 6; step++) {
      const grid = gridOf(view, total, ROOM);
      const ref = { ...grid, layer: 2, head: 3, samples: 1, against: true };
      const tile = await fakeMap(ref, total, 'local');
      const layout = mapLayout(view, total, { width, height: 300 });
      const { pen, wrong, texts, calls } = penOf();
      const token = Math.floor(total * 0.6);
      drawMap(
        pen,
        layout,
        {
          tiles: [tile],
          lines: linesInView([tile], view, grid),
          picture: () => ({}) as CanvasImageSource,
          outlines: true,
          token,
          text: of => `t${of}`,
          lineOf: of => of + 1,
          staleFrom: token,
        },
        palette,
      );
      outlineCell(pen, layout, { tile, line: 0, column: 0 }, palette);
      expect(wrong).toEqual([]);
      expect(calls.filter(call => call === 'drawImage')).toHaveLength(1);
      expect(texts.length).toBeGreaterThan(0);
      for (const of of labelledTokens(layout)) expect(of).toBeLessThan(total);
      view = zoomedMap(view, total, 0.15, { query: total * 0.6, key: total * 0.55 }) ?? wholeMap(total);
    }
  });
});

describe('the tiles', () => {
  const total = 2000;
  const settle = async (until: () => boolean) => {
    for (let turn = 0; turn < 400 && !until(); turn++) await new Promise(resolve => setTimeout(resolve, 1));
    expect(until()).toBe(true);
  };

  test('come until the view is complete, and go with their data', async () => {
    const asked: TileRef[] = [];
    let done = false;
    const tiles = new MapTiles(
      ref => {
        asked.push(ref);
        return made(ref, total);
      },
      { changed: isDone => (done = isDone), failed: problem => expect.fail(problem) },
    );
    tiles.show('one', wishFor(wholeMap(total), total));
    await settle(() => done);
    const many = asked.length;
    expect(tiles.tiles[0]!.queryStep).toBeGreaterThan(tiles.tiles.at(-1)!.queryStep);
    tiles.show('one', wishFor(wholeMap(total), total));
    expect(asked).toHaveLength(many);
    done = false;
    tiles.show('two', wishFor(wholeMap(total), total));
    expect(tiles.tiles).toEqual([]);
    await settle(() => done);
    expect(asked.length).toBeGreaterThan(many);
    expect(tiles.tiles.at(-1)!.queryStep).toBe(wishFor(wholeMap(total), total).grid.queryStep);
  });

  test('of earlier data are dropped when they come late', async () => {
    const late: ((tile: MapTile) => void)[] = [];
    const tiles = new MapTiles(() => new Promise(resolve => late.push(resolve)), {
      changed: () => undefined,
      failed: problem => expect.fail(problem),
    });
    const wish = wishFor(wholeMap(total), total);
    tiles.show('one', wish);
    tiles.show('two', wish);
    expect(late).toHaveLength(2);
    late[0]!(await made(nextTile(wish, [], undefined)!, total));
    await new Promise(resolve => setTimeout(resolve, 1));
    expect(tiles.tiles).toEqual([]);
  });

  test.each([
    [new Problem('The engine is gone; start it again.'), ['The engine is gone; start it again.']],
    [new Cancelled(), []],
  ])('%s is told unless somebody wanted it', async (error, expected) => {
    const told: string[] = [];
    const tiles = new MapTiles(() => Promise.reject(error), {
      changed: () => undefined,
      failed: problem => told.push(problem),
    });
    tiles.show('one', wishFor(wholeMap(total), total));
    await new Promise(resolve => setTimeout(resolve, 5));
    expect(told).toEqual(expected);
  });

  test('that are not what was asked for end in a sentence, not in asking for ever', async () => {
    const told: string[] = [];
    let asked = 0;
    const wish = wishFor(wholeMap(total), total);
    const other = await made({ ...nextTile(wish, [], undefined)!, head: 0 }, total);
    const tiles = new MapTiles(
      () => {
        asked += 1;
        return Promise.resolve(other);
      },
      { changed: () => undefined, failed: problem => told.push(problem) },
    );
    tiles.show('one', wish);
    await settle(() => told.length > 0);
    expect(told[0]).toContain('no such part of the map');
    expect(asked).toBe(1);
  });
});
