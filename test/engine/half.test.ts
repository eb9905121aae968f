/** Held tensors as halves: how they are rounded, what is multiplied in half precision, and what stays float32. */

import { afterAll, describe, expect, it } from 'vitest';

import { GraphBuilder } from '../../src/engine/onnx/builder';
import type { Program } from '../../src/engine/onnx/graph';
import { halfProgram, LONGEST_SUM } from '../../src/engine/onnx/half';
import { toHalf, widenHalf } from '../../src/engine/onnx/halfFloat';
import { floats, type FloatTensor, integers } from '../../src/engine/onnx/tensor';
import { createExecutor } from '../../src/engine/runtime/executor';
import { narrowed } from '../../src/engine/runtime/narrowed';
import { normal, random } from '../support/random';

/** Half of the step between neighbouring halves, relative: 11 bits are significant. */
const U = 2 ** -11;

const WIDTH = 8;
const TAKEN = [3, 0, 41, 7, 7, 12];

/** `q [2, R, D], k [2, P, D], shares [2, R, K]` over the rows that are taken of k. */
const attention: Program = {
  key: 'attention',
  build() {
    const g = new GraphBuilder('attention');
    const q = g.input('q', 'float32', [2, 'R', WIDTH]);
    const k = g.input('k', 'float32', [2, 'P', WIDTH]);
    const taken = g.gather(k, g.input('rows', 'int32', ['K']), 1);
    g.output('scores', g.matMul(q, g.transpose(taken, 0, 2, 1)));
    g.output('columns', g.matMul(taken, g.transpose(q, 0, 2, 1)));
    g.output('mean', g.matMul(g.input('shares', 'float32', [2, 'R', 'K']), taken));
    g.output('largest', g.reduce('ReduceMax', taken, 2));
    g.output('taken', taken);
    return g.build();
  },
};

function feedsOf(size: number) {
  const uniform = random(5);
  const numbers = (count: number) => Float32Array.from({ length: count }, () => size * normal(uniform));
  return {
    q: floats([2, 4, WIDTH], numbers(2 * 4 * WIDTH)),
    k: floats([2, 50, WIDTH], numbers(2 * 50 * WIDTH)),
    rows: integers([TAKEN.length], Int32Array.from(TAKEN)),
    shares: floats([2, 4, TAKEN.length], new Float32Array(2 * 4 * TAKEN.length).fill(1 / TAKEN.length)),
  };
}

function widened({ tensor, unit }: ReturnType<typeof narrowed>): Float32Array {
  const values = new Float32Array(tensor.data.length);
  widenHalf(tensor.data, values, 0);
  return values.map(value => value * unit);
}

describe('a tensor as halves', () => {
  const rounded = (...values: readonly number[]) => [
    ...widened(narrowed(floats([values.length], Float32Array.from(values)))),
  ];

  it('is rounded to nearest, ties to even', () => {
    expect(rounded(1 + U, 1 + 3 * U, 1 + 2 * U, 1 + 1.01 * U)).toEqual([1, 1 + 4 * U, 1 + 2 * U, 1 + 2 * U]);
    expect(rounded(-1 - U, -1 - 3 * U)).toEqual([-1, -1 - 4 * U]);
  });

  it.each([1e30, 65504 * 8, 3, 2 ** -14, 1e-30])('keeps 11 bits whatever its largest number is: %f', size => {
    const uniform = random(3);
    const x = Float32Array.from({ length: 500 }, () => size * normal(uniform));
    const largest = x.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    const found = widened(narrowed(floats([500], x)));
    x.forEach((value, at) => {
      // Below 2^-14 of the unit, halves have a step of 2^-24 of it.
      const bound = Math.max(U * Math.abs(value), 2 ** -25 * largest);
      expect(Math.abs(found[at]! - value)).toBeLessThanOrEqual(bound);
    });
  });

  it('keeps zeros, the smallest numbers, infinities and NaN', () => {
    expect(rounded(0, 0)).toEqual([0, 0]);
    expect(rounded(2 ** -149, 0)).toEqual([2 ** -149, 0]);
    expect(rounded(3, 3 * 2 ** -24, Infinity, -Infinity, NaN)).toEqual([
      3,
      // 1.5 steps of 2^-24 in units of 2, to the even one.
      4 * 2 ** -24,
      Infinity,
      -Infinity,
      NaN,
    ]);
  });
});

describe('a program with a held input, in float16', () => {
  const plain = createExecutor('cpu');
  const fed: number[] = [];
  const half = createExecutor('cpu', { precision: 'float16', observe: ({ bytes }) => fed.push(bytes) });
  afterAll(async () => {
    await plain.release();
    await half.release();
  });

  it.each([1, 1e6, 1e-12])('is off by the rounding of halves and no more: numbers around %f', async size => {
    const feeds = feedsOf(size);
    const expected = await plain.run(attention, feeds);
    const held = half.hold(feeds.k);
    fed.length = 0;
    const found = await half.run(attention, feeds);
    held.release();
    const of = (results: typeof found, name: string) => results[name]!.data as Float32Array;
    const bytes = (x: FloatTensor, each: number) => each * x.data.length;
    expect(fed).toEqual([
      bytes(feeds.k, 2) + bytes(feeds.q, 4) + bytes(feeds.shares, 4) + 4 * (TAKEN.length + 1),
    ]);

    const sizes = await plain.run(attention, { ...feeds, q: absolute(feeds.q), k: absolute(feeds.k) });
    for (const name of ['scores', 'columns', 'mean', 'largest', 'taken']) {
      const isProduct = name === 'scores' || name === 'columns';
      // Both factors and the sum are rounded; elsewhere the held one alone.
      const roundings = isProduct ? 3 : 1;
      of(found, name).forEach((value, at) => {
        const bound = roundings * 1.01 * U * of(sizes, name)[at]!;
        expect(Math.abs(value - of(expected, name)[at]!)).toBeLessThanOrEqual(bound);
      });
      expect(of(found, name)).not.toEqual(of(expected, name));
    }
  });

  it('is the same program as ever once the tensor is released', async () => {
    const feeds = feedsOf(1);
    const expected = await plain.run(attention, feeds);
    const held = half.hold(feeds.k);
    const late = half.run(attention, feeds);
    held.release();
    expect((await late)['scores']!.data).not.toEqual(expected['scores']!.data);
    expect(await half.run(attention, feeds)).toEqual(expected);
  });

  it('holds float32 tensors alone as halves', async () => {
    const feeds = feedsOf(1);
    const held = half.hold(feeds.rows);
    expect(await half.run(attention, feeds)).toEqual(await plain.run(attention, feeds));
    held.release();
  });

  it('gives nothing but zeros and no NaN for rows of zeros', async () => {
    const feeds = { ...feedsOf(1), q: floats([2, 4, WIDTH]) };
    const held = half.hold(feeds.k);
    const { scores } = await half.run(attention, feeds);
    held.release();
    expect((scores!.data as Float32Array).every(value => value === 0)).toBe(true);
  });
});

describe('a sum of products', () => {
  /** `x [R, K] · k [K, W]` */
  const product = (inner: number | string): Program => ({
    key: `product/${inner}`,
    build() {
      const g = new GraphBuilder('product');
      g.output('y', g.matMul(g.input('x', 'float32', ['R', inner]), g.input('k', 'float32', [inner, 4])));
      return g.build();
    },
  });
  const factors = (inner: number | string) => {
    const { nodes } = halfProgram(product(inner), ['k']).build();
    return nodes.find(({ op }) => op === 'MatMul')!.inputs;
  };

  it('is taken in halves where it is known to be short', () => {
    expect(factors(LONGEST_SUM)).toContain('k');
    expect(factors(LONGEST_SUM + 1)).not.toContain('k');
    expect(factors('K')).not.toContain('k');
  });

  it('would lose the shares of a long row in halves', () => {
    const sum = (count: number) => {
      let total = 0;
      const step = new Float32Array(1);
      for (let at = 0; at < count; at++) {
        widenHalf(Uint16Array.of(toHalf(total + 1 / count)), step, 0);
        total = step[0]!;
      }
      return total;
    };
    expect(sum(LONGEST_SUM)).toBe(1);
    expect(sum(4096)).toBe(0.5);
    expect(sum(2 ** 17)).toBe(2 ** -6);
  });

  it('has a program of its own for every set of held inputs', () => {
    const program = product(8);
    expect(halfProgram(program, [])).toBe(program);
    expect(halfProgram(program, ['x', 'k']).key).toBe(halfProgram(program, ['k', 'x']).key);
    expect(
      new Set([program.key, halfProgram(program, ['k']).key, halfProgram(program, ['x']).key]).size,
    ).toBe(3);
  });
});

function absolute(x: FloatTensor): FloatTensor {
  return floats(x.shape, x.data.map(Math.abs));
}
