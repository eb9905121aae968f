import { describe, expect, test } from 'vitest';
import { extent, greatest, poolMass, poolSeries } from '../../webview/draw/pool';

const sum = (values: Float32Array): number => values.reduce((total, value) => total + value, 0);

describe('poolMass', () => {
  const profile = Float32Array.from({ length: 97 }, (_, cell) => ((cell * 37) % 11) / 500);

  test.each([1, 13, 97, 250, 1024])('keeps the mass in %d columns', columns => {
    expect(sum(poolMass(profile, 1111, { start: 0, end: 1111 }, columns))).toBeCloseTo(sum(profile), 5);
  });

  test('the parts of a cut document hold what the whole holds', () => {
    const left = poolMass(profile, 1111, { start: 0, end: 333.25 }, 41);
    const right = poolMass(profile, 1111, { start: 333.25, end: 1111 }, 80);
    expect(sum(left) + sum(right)).toBeCloseTo(sum(profile), 5);
  });

  test('one column a cell is the profile itself', () => {
    expect(Array.from(poolMass(profile, 97, { start: 0, end: 97 }, 97))).toEqual(Array.from(profile));
  });

  test('signs stay, and an empty profile has no mass', () => {
    const signed = Float32Array.of(0.5, -0.25, Number.NaN, 0);
    expect(Array.from(poolMass(signed, 4, { start: 0, end: 4 }, 4))).toEqual([0.5, -0.25, 0, 0]);
    expect(Array.from(poolMass(new Float32Array(), 4, { start: 0, end: 4 }, 2))).toEqual([0, 0]);
  });
});

describe('poolSeries', () => {
  test('against a plain loop', () => {
    const values = Float32Array.from({ length: 1000 }, (_, token) => Math.sin(token * token));
    const { low, high, mean } = poolSeries(values, { start: 100, end: 900 }, 80);
    for (let column = 0; column < 80; column++) {
      const part = Array.from(values.subarray(100 + column * 10, 110 + column * 10));
      expect(low[column]).toBe(Math.min(...part));
      expect(high[column]).toBe(Math.max(...part));
      expect(mean[column]).toBeCloseTo(part.reduce((a, b) => a + b, 0) / 10, 5);
    }
  });

  test('what is not computed yet leaves a gap', () => {
    const values = Float32Array.of(1, Number.NaN, Number.NaN, Number.NaN);
    const { mean } = poolSeries(values, { start: 0, end: 4 }, 2);
    expect(mean[0]).toBe(1);
    expect(mean[1]).toBeNaN();
  });
});

test('greatest lists positions in falling order, ties by position, without NaN', () => {
  const values = Float32Array.of(3, Number.NaN, 9, 1, 9, 4);
  expect(greatest(values, 4)).toEqual([2, 4, 5, 0]);
  expect(greatest(values, 100)).toEqual([2, 4, 5, 0, 3]);
  expect(extent(values)).toEqual([1, 9]);
  expect(extent(Float32Array.of(Number.NaN))).toBeUndefined();
});
