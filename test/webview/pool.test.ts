import { describe, expect, test } from 'vitest';
import { extent, poolMass } from '../../webview/draw/pool';

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

test('the extent is that of the finite values', () => {
  expect(extent(Float32Array.of(3, Number.NaN, 9, 1, 9, 4))).toEqual([1, 9]);
  expect(extent(Float32Array.of(Number.NaN))).toBeUndefined();
});
