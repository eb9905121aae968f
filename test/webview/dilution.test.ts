import { describe, expect, test } from 'vitest';
import { dilutionBins } from '../../src/engine/analysis/dilution';
import { binsTable, summary } from '../../webview/dilutionText';
import { binNear, drawDilution } from '../../webview/draw/dilution';
import { contextOf, effectiveKeys, ofUniform } from '../../webview/draw/dilutionBins';
import { paletteOf } from '../../webview/draw/palette';
import { noise } from './harness/fakeDocument';
import { penOf } from './harness/pen';

function series(total: number, make: (token: number) => number): Float32Array {
  return Float32Array.from({ length: total }, (_, token) => make(token));
}

function statsOf(total: number, known: (token: number) => boolean = () => true) {
  const make = (seed: number) => series(total, token => (known(token) ? noise(token, seed) * 4 : Number.NaN));
  return { entropy: make(1), peak: make(2), sink: make(3) };
}

/** The least value that at least `share` of all are no greater than. */
function quantile(values: readonly number[], share: number): number {
  const enough = values.filter(
    value => values.filter(other => other <= value).length >= share * values.length - 1e-9,
  );
  return Math.min(...enough);
}

describe('bins of the context length', () => {
  test.each([1, 2, 5, 63, 1000])('cover every token of %d once, in order', total => {
    const bins = dilutionBins(statsOf(total));
    expect(bins[0]?.from).toBe(1);
    expect(bins.at(-1)?.to).toBe(total + 1);
    bins.slice(1).forEach((bin, at) => expect(bin.from).toBe(bins[at]!.to));
    expect(bins.reduce((sum, bin) => sum + bin.tokens, 0)).toBe(total);
  });

  test('grow by octaves: at most so many in each', () => {
    const bins = dilutionBins(statsOf(5000), 4);
    for (const bin of bins) {
      const octave = bins.filter(other => other.from >= bin.from && other.from < 2 * bin.from);
      expect(octave.length).toBeLessThanOrEqual(5);
      expect(bin.to).toBeLessThanOrEqual(Math.ceil(bin.from * 2 ** (1.5 / 4)) + 1);
    }
  });

  test.each(['entropy', 'peak', 'sink'] as const)('medians and bands of the %s equal a plain count', name => {
    const stats = statsOf(700, token => token % 3 !== 1 || token > 600);
    for (const bin of dilutionBins(stats)) {
      const values = Array.from(stats[name].subarray(bin.from - 1, bin.to - 1)).filter(value =>
        Number.isFinite(value),
      );
      expect(bin.tokens).toBe(values.length);
      expect(bin[name]).toEqual({
        low: quantile(values, 0.1),
        middle: quantile(values, 0.5),
        high: quantile(values, 0.9),
      });
    }
  });

  test('those without a known token are left out, and without any there are none', () => {
    const sampled = dilutionBins(statsOf(4000, token => token % 1000 === 999));
    expect(sampled.map(bin => bin.tokens)).toEqual([1, 1, 1, 1]);
    for (const bin of sampled) expect((bin.to - 1) % 1000 === 0 || bin.from <= 3000).toBe(true);
    expect(dilutionBins(statsOf(50, () => false))).toEqual([]);
  });
});

describe('a uniform head', () => {
  const total = 4096;
  const stats = {
    entropy: series(total, token => Math.log(token + 1)),
    peak: series(total, token => 1 / (token + 1)),
    sink: series(total, token => Math.min(1, 4 / (token + 1))),
  };
  const bins = dilutionBins(stats);

  test('spreads over all keys, at every length', () => {
    for (const bin of bins) {
      expect(ofUniform(bin, undefined)).toBeGreaterThan(0.9);
      expect(ofUniform(bin, undefined)).toBeLessThan(1.1);
      expect(effectiveKeys(bin.entropy.middle)).toBeGreaterThanOrEqual(bin.from * 0.999);
      expect(effectiveKeys(bin.entropy.middle)).toBeLessThan(bin.to);
    }
  });

  test('is told in a sentence', () => {
    expect(summary(bins, undefined)).toMatch(
      /^At 3,444–4,096 tokens of context the head spreads over about 3,7\d0 keys, 100\.\d % of uniform; at a tenth of that, over about 332 \(100\.\d %\)\.$/,
    );
    expect(summary([], undefined)).toBe('');
  });

  test('in a bidirectional layer is held against all keys', () => {
    const last = bins.at(-1)!;
    expect(ofUniform(last, total)).toBeCloseTo(effectiveKeys(last.entropy.middle) / total, 12);
  });

  test('exports the medians it shows', () => {
    const { columns } = binsTable(bins, undefined);
    expect(Array.from(columns['entropy median']!)).toEqual(bins.map(bin => bin.entropy.middle));
    expect(Array.from(columns['context to']!)).toEqual(bins.map(bin => bin.to - 1));
  });
});

describe('the drawing', () => {
  const palette = paletteOf(() => '', 'vscode-dark');

  test.each([
    [1, 280],
    [200, 280],
    [131_072, 1100],
  ])('of %d tokens at %d px keeps to finite numbers', (total, width) => {
    const bins = dilutionBins(statsOf(total, token => token % 7 === 0));
    const { pen, wrong, texts } = penOf();
    const data = { bins, total, bidirectional: false, token: total - 1, active: 0 };
    drawDilution(pen, { width, height: 260 }, data, palette);
    expect(wrong).toEqual([]);
    expect(texts).toContain('uniform');
    expect(texts).toContain('1');
  });

  test('finds the bin under a pixel', () => {
    const bins = dilutionBins(statsOf(1000));
    const data = { bins, total: 1000, bidirectional: false, token: undefined, active: undefined };
    expect(binNear(data, 500, 0)).toBe(0);
    expect(binNear(data, 500, 500)).toBe(bins.length - 1);
    const places = Array.from({ length: 500 }, (_, x) => binNear(data, 500, x)!);
    expect(places).toEqual(places.toSorted((a, b) => a - b));
    expect(contextOf(bins[binNear(data, 500, 250)!]!)).toBeGreaterThan(10);
  });
});
