import { describe, expect, it } from 'vitest';

import { CLAIMS, claimName } from '../../bench/claims';
import { figure, markdownTable } from '../../bench/markdown';
import { percentile } from '../../bench/percentile';
import { svgPlot } from '../../bench/plot';
import { slope } from '../../bench/slope';
import { slopePoint } from '../../bench/slopeTask';
import { VARIANTS } from '../../src/engine/variants';

const SIZES = [4096, 8192, 16_384, 32_768, 65_536];
const growth = (value: (n: number) => number) =>
  slope(SIZES.map(tokens => ({ tokens, value: value(tokens) })));

describe('slopes', () => {
  it('are the exponents of powers, whatever their factor', () => {
    for (const exponent of [0, 1, 1.5, 2]) expect(growth(n => 3e-7 * n ** exponent)).toBeCloseTo(exponent, 9);
    expect(growth(n => n * Math.log2(n))).toBeCloseTo(1.1, 2);
    expect(slope([{ tokens: 4096, value: 1 }])).toBeNaN();
  });

  it('have a claim for every variant, and names that tell claims apart', () => {
    const claimed = new Set(CLAIMS.map(({ id }) => id));
    expect(VARIANTS.map(({ info }) => info.id).filter(id => !claimed.has(id))).toEqual([]);
    expect(new Set(CLAIMS.map(claimName)).size).toBe(CLAIMS.length);
    for (const { count } of CLAIMS) expect(growth(count)).toBeGreaterThanOrEqual(1);
  });

  it('measure a point over the whole sequence', async () => {
    const point = await slopePoint({ name: 'local', tokens: 700, heads: 2, width: 16 });
    expect(point.tokens).toBe(700);
    expect(point.measuredBlocks).toBe(point.blocks);
    expect(point.processorSeconds).toBeGreaterThan(point.planSeconds);
    expect(point.megabytes).toBeGreaterThan(0);
  });
});

it('percentiles are values that were measured', () => {
  expect(percentile([5, 1, 3, 2, 4], 0.5)).toBe(3);
  expect(percentile([5, 1, 3, 2, 4], 0.95)).toBe(5);
  expect(percentile([], 0.5)).toBeNaN();
});

it('tables keep their cells apart, and figures three digits', () => {
  expect(markdownTable(['a', 'b'], [['x|y', '1']])).toBe('| a | b |\n| --- | ---: |\n| x\\|y | 1 |');
  expect([0.1234, 12.34, 1234.5, NaN].map(figure)).toEqual(['0.12', '12.3', '1235', '–']);
});

it('plots draw and name every series with a point', () => {
  const svg = svgPlot('Title <1>', {
    x: 'tokens',
    y: 'seconds',
    series: [
      { name: 'first', points: SIZES.map(x => ({ x, y: x / 1000 })) },
      { name: 'unmeasured', points: [{ x: 4096, y: NaN }] },
    ],
  });
  expect(svg).toContain('Title &lt;1>');
  expect(svg.match(/<path d="M[\d.]+ [\d.]+L/g)).toHaveLength(1);
  expect(svg).toContain('>first<');
  expect(svg).not.toContain('unmeasured');
  expect(svg).not.toContain('NaN');
});
