import { describe, expect, it } from 'vitest';
import { toBfloat, toHalf, widenBfloat, widenHalf } from '../../src/engine/onnx/halfFloat';

function widen(bits: number, how: typeof widenHalf): number {
  const into = new Float32Array(1);
  how(Uint16Array.of(bits), into, 0);
  return into[0]!;
}

describe('half precision', () => {
  it.each([
    [0x3c00, 1],
    [0xc000, -2],
    [0x7bff, 65504],
    [0x0001, 2 ** -24],
    [0x03ff, 1023 * 2 ** -24],
    [0x0400, 2 ** -14],
    [0x3555, 0.333251953125],
    [0x7c00, Infinity],
    [0xfc00, -Infinity],
  ])('reads and writes %i as %d', (bits, value) => {
    expect(widen(bits, widenHalf)).toBe(value);
    expect(toHalf(value)).toBe(bits);
  });

  it('keeps every half through float32', () => {
    for (let bits = 0; bits < 0x10000; bits++) {
      const value = widen(bits, widenHalf);
      if (Number.isNaN(value)) expect(widen(toHalf(value), widenHalf)).toBeNaN();
      else if (toHalf(value) !== bits) expect(toHalf(value)).toBe(bits);
    }
  });

  it('rounds to the nearest, ties to even, and overflows to infinity', () => {
    expect(toHalf(1 + 2 ** -11)).toBe(0x3c00);
    expect(toHalf(1 + 3 * 2 ** -11)).toBe(0x3c02);
    expect(toHalf(65519)).toBe(0x7bff);
    expect(toHalf(65520)).toBe(0x7c00);
    expect(toHalf(2 ** -25)).toBe(0);
    expect(toHalf(1.5 * 2 ** -24)).toBe(2);
  });
});

describe('bfloat16', () => {
  it.each([
    [0x3f80, 1],
    [0xc000, -2],
    [0x7f80, Infinity],
    [0x0001, 2 ** -133],
  ])('reads and writes %i as %d', (bits, value) => {
    expect(widen(bits, widenBfloat)).toBe(value);
    expect(toBfloat(value)).toBe(bits);
  });

  it('rounds to the nearest, ties to even', () => {
    expect(toBfloat(1 + 2 ** -8)).toBe(0x3f80);
    expect(toBfloat(1 + 3 * 2 ** -8)).toBe(0x3f82);
    expect(widen(toBfloat(NaN), widenBfloat)).toBeNaN();
  });
});
