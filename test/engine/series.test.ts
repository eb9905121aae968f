import { describe, expect, it } from 'vitest';

import { dilutionBins } from '../../src/engine/analysis/dilution';
import { greatest, seriesOf } from '../../src/engine/analysis/series';
import { createEngine } from '../../src/engine/engine';
import { EVERYWHERE } from '../../src/protocol/inspection';
import { Problem } from '../../src/protocol/problem';
import type { SeriesRef } from '../../src/protocol/series';
import { LAB_BASE } from '../support/folders';

const REF: SeriesRef = {
  layer: 0,
  head: 0,
  stat: 'span',
  tokens: { start: 100, end: 893 },
  step: 10,
  greatest: 3,
};
const values = Float32Array.from({ length: 1000 }, (_, token) => Math.sin(token * token));

describe('a series', () => {
  it('has the least, greatest and mean value of every cell', () => {
    const { low, high, mean } = seriesOf(values, REF);
    expect(mean).toHaveLength(80);
    for (let cell = 0; cell < 80; cell++) {
      const part = Array.from(values.subarray(100 + cell * 10, Math.min(893, 110 + cell * 10)));
      expect(low[cell]).toBe(Math.min(...part));
      expect(high[cell]).toBe(Math.max(...part));
      expect(mean[cell]).toBeCloseTo(part.reduce((a, b) => a + b, 0) / part.length, 5);
    }
  });

  it('of single tokens is their values', () => {
    const { low, mean } = seriesOf(values, { ...REF, step: 1 });
    expect(mean).toEqual(values.slice(100, 893));
    expect(low).toEqual(mean);
  });

  it('has a gap where nothing is known yet, and leaves unknown tokens out elsewhere', () => {
    const few = Float32Array.of(1, NaN, NaN, NaN, 4, NaN);
    const { mean, high } = seriesOf(few, { ...REF, tokens: { start: 0, end: 6 }, step: 2 });
    expect(Array.from(mean)).toEqual([1, NaN, 4]);
    expect(Array.from(high)).toEqual([1, NaN, 4]);
  });

  it.each([
    [{ tokens: { start: 0, end: 1001 } }],
    [{ tokens: { start: 9, end: 9 } }],
    [{ step: 0 }],
    [{ step: 1.5 }],
    [{ greatest: 65 }],
  ])('is refused with %j', change => {
    expect(() => seriesOf(values, { ...REF, ...change })).toThrow(Problem);
  });

  it('has a bounded number of cells', () => {
    const long = new Float32Array(5000);
    expect(() => seriesOf(long, { ...REF, tokens: { start: 0, end: 5000 }, step: 1 })).toThrow('4096 cells');
  });
});

it('lists the greatest values of the document in falling order, ties by position, without unknown ones', () => {
  const few = Float32Array.of(3, NaN, 9, 1, 9, 4);
  expect(greatest(few, 4).map(({ token }) => token)).toEqual([2, 4, 5, 0]);
  expect(greatest(few, 100).map(({ value }) => value)).toEqual([9, 9, 4, 3, 1]);
  expect(greatest(few, 0)).toEqual([]);
  expect(seriesOf(values, REF).greatest[0]!.value).toBe(Math.max(...values));
});

it(
  'of the engine and its dilution are those of the statistics of every token',
  { timeout: 120_000 },
  async () => {
    const engine = createEngine({
      started: () => undefined,
      progress: () => undefined,
      log: () => undefined,
    });
    const id = 'series';
    const { tokens } = await engine.inspect({
      id,
      text: 'The ribbon shows a statistic of every token, pooled to what a page can show. '.repeat(9),
      model: LAB_BASE,
      variant: { id: 'dense', params: {} },
      schedule: EVERYWHERE,
      device: 'cpu',
      maxTokens: 10_000,
    });
    const head = { layer: 2, head: 1 };
    const stats = await engine.stats(id, head);
    for (const stat of ['span', 'entropy'] as const) {
      const ref = { ...head, stat, tokens: { start: 0, end: tokens }, step: 7, greatest: 5 };
      expect(await engine.series({ id, ...ref })).toEqual(seriesOf(stats[stat], ref));
    }
    expect(await engine.dilution(id, head)).toEqual(dilutionBins(stats));
    const beyond = { ...REF, tokens: { start: 0, end: tokens + 1 } };
    await expect(engine.series({ id, ...beyond })).rejects.toThrow(Problem);
    await expect(engine.series({ id, ...REF, layer: 9 })).rejects.toThrow('layers 0 to 3');
    await engine.close(id);
  },
);
