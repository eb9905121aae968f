/** Where variants with a state or a memory must agree with one another, on the CPU. */

import { afterAll, describe, expect, it } from 'vitest';

import { floats, type FloatTensor } from '../../src/engine/onnx/tensor';
import { createExecutor } from '../../src/engine/runtime/executor';
import { variantById } from '../../src/engine/variants';
import { type Layer, paddedLength } from '../../src/engine/variants/primitives/mixer';
import { normal, random } from '../support/random';

const HEADS = 4;
const GROUPS = 2;
const WIDTH = 8;
const TOKENS = 300;

const executor = createExecutor('cpu');
afterAll(() => executor.release());

describe('variants with a state', () => {
  it('gla without decay is unnormalised linear attention', async () => {
    const layer = randomLayer(TOKENS, { g: floats([HEADS, TOKENS]) });
    const y = await outputs('gla', { scale: 1 }, layer);
    expect(relativeDifference(y, unnormalisedLinear(layer))).toBeLessThan(1e-5);
  });

  it('a decay for every feature with equal entries is a decay a head', async () => {
    const uniform = random(5);
    const perHead = Float32Array.from({ length: HEADS * TOKENS }, () => -2 * uniform() ** 3);
    const perFeature = Float32Array.from(
      { length: perHead.length * WIDTH },
      (_, at) => perHead[Math.floor(at / WIDTH)]!,
    );
    const y = await outputs('gla', {}, randomLayer(TOKENS, { g: floats([HEADS, TOKENS], perHead) }));
    const other = await outputs(
      'gla',
      {},
      randomLayer(TOKENS, { g: floats([HEADS, TOKENS, WIDTH], perFeature) }),
    );
    expect(relativeDifference(other, y)).toBeLessThan(1e-5);
  });

  it('retention is gla with its decays', async () => {
    const g = floats([HEADS, TOKENS]);
    for (let at = 0; at < g.data.length; at++) g.data[at] = Math.log(1 - 2 ** (-5 - Math.floor(at / TOKENS)));
    const y = await outputs('retention', {}, randomLayer(TOKENS));
    expect(relativeDifference(await outputs('gla', {}, randomLayer(TOKENS, { g })), y)).toBeLessThan(1e-5);
  });

  it('decays that lose everything leave finite numbers', async () => {
    const g = floats([HEADS, TOKENS]);
    g.data.fill(-Infinity);
    const layer = randomLayer(TOKENS, { g });
    const y = await outputs('gla', { scale: 1 }, layer);
    expect(relativeDifference(y, ownTokenOnly(layer))).toBeLessThan(1e-5);
  });

  it('delta with small writes tends to linear attention with those strengths', async () => {
    const beta = floats([HEADS, TOKENS]);
    beta.data.fill(1e-7);
    const layer = randomLayer(TOKENS, { beta });
    const y = (await outputs('delta', { scale: 1 }, layer)).map(value => value * 1e7);
    expect(relativeDifference(y, unnormalisedLinear(layer))).toBeLessThan(1e-3);
  });

  it('delta stays exact where keys repeat and every write replaces the last', async () => {
    const layer = randomLayer(TOKENS);
    const { k } = layer;
    for (let t = 1; t < TOKENS; t++) {
      for (let group = 0; group < GROUPS; group++) {
        const first = group * k.shape[1]! * WIDTH;
        k.data.copyWithin(first + t * WIDTH, first, first + WIDTH);
      }
    }
    const y = await outputs('delta', { strength: 1, scale: 1 }, layer);
    // One key: only the query's own write is left of it.
    expect(relativeDifference(y, ownTokenOnly(layer, true))).toBeLessThan(1e-5);
  });

  it('memory-caching with one segment is its linear form', async () => {
    const layer = randomLayer(TOKENS);
    const y = await outputs('memory-caching', { segment: TOKENS }, layer);
    expect(relativeDifference(y, unnormalisedLinear(layer))).toBeLessThan(1e-5);
  });

  it('memory-caching that reads as many segments as there are reads all', async () => {
    const layer = randomLayer(TOKENS);
    const all = await outputs('memory-caching', { segment: 40 }, layer);
    const best = await outputs('memory-caching', { segment: 40, k: 8 }, layer);
    expect(relativeDifference(best, all)).toBeLessThan(1e-6);
  });

  it.each(['linear', 'gla', 'retention', 'delta', 'performer', 'memory-caching'])(
    '%s answers blocks out of order and again',
    async id => {
      const layer = randomLayer(1100);
      const variant = variantById(id);
      const inOrder = await variant.open(layer, {});
      const expected = new Map<number, Float32Array>();
      for (let start = 0; start < 1100; start += 100) {
        expected.set(start, (await inOrder.attend({ start, end: start + 100 })).y);
      }
      const mixer = await variant.open(layer, {});
      for (const start of [800, 100, 1000, 0, 800, 500]) {
        const { y } = await mixer.attend({ start, end: start + 100 });
        expect(relativeDifference(y, expected.get(start)!)).toBeLessThan(1e-5);
      }
    },
  );
});

describe('variants with a memory', () => {
  it.each(['recurrent-memory', 'memorizing'])(
    '%s with the first half as its memory is dense over both',
    async id => {
      const layer = randomLayer(TOKENS);
      const half = TOKENS / 2;
      const tensors = { mem_k: tokensOf(layer.k, 0, half), mem_v: tokensOf(layer.v, 0, half) };
      const second = {
        ...layer,
        tokens: half,
        q: padded(tokensOf(layer.q, half, TOKENS)),
        k: padded(tokensOf(layer.k, half, TOKENS)),
        v: padded(tokensOf(layer.v, half, TOKENS)),
        tensors,
      };
      const dense = await (await variantById('dense').open(layer, {})).attend({ start: half, end: TOKENS });
      const params = id === 'memorizing' ? { k: half } : {};
      const y = await outputs(id, params, second);
      expect(relativeDifference(y, dense.y)).toBeLessThan(1e-5);
    },
  );

  it('recurrent-memory that caches everything is dense', async () => {
    const layer = randomLayer(TOKENS);
    const dense = await outputs('dense', {}, layer);
    const y = await outputs('recurrent-memory', { segment: 37, memory: TOKENS }, layer);
    expect(relativeDifference(y, dense)).toBeLessThan(1e-5);
  });

  it('memorizing that retrieves everything is dense', async () => {
    const layer = randomLayer(TOKENS);
    const dense = await outputs('dense', {}, layer);
    expect(
      relativeDifference(await outputs('memorizing', { segment: 37, k: TOKENS }, layer), dense),
    ).toBeLessThan(1e-5);
  });
});

describe('tensors that do not fit', () => {
  it.each([
    ['gla', { g: floats([HEADS, TOKENS + 1]) }, /'g' is \[4, 301\], expected \[4, 300\] or \[4, 300, 8\]/],
    ['delta', { beta: floats([1, TOKENS - 1]) }, /'beta' is \[1, 299\], expected \[4, 300\]/],
    ['performer', { projection: floats([20, 5]) }, /'projection' is \[20, 5\]/],
    ['memorizing', { mem_k: floats([HEADS, 9, WIDTH]) }, /'mem_v' is missing/],
    [
      'recurrent-memory',
      { mem_k: floats([3, 9, WIDTH]), mem_v: floats([3, 9, WIDTH]) },
      /'mem_k' is \[3, 9, 8\]/,
    ],
  ])('%s says what it expects', async (id, tensors, message) => {
    await expect(variantById(id).open(randomLayer(TOKENS, tensors), {})).rejects.toThrow(message);
  });
});

function randomLayer(tokens: number, tensors: Layer['tensors'] = {}): Layer {
  const uniform = random(11);
  const heads = (count: number) => {
    const x = floats([count, tokens, WIDTH]);
    for (let at = 0; at < x.data.length; at++) x.data[at] = normal(uniform);
    return padded(x);
  };
  const [q, k, v] = [heads(HEADS), heads(GROUPS), heads(GROUPS)];
  return { executor, index: 0, count: 1, tokens, q, k, v, units: undefined, tensors };
}

/** `[H, N, D] -> [H, P, D]` */
function padded(x: FloatTensor): FloatTensor {
  const [heads, tokens, width] = x.shape as [number, number, number];
  const result = floats([heads, paddedLength(tokens), width]);
  for (let h = 0; h < heads; h++) {
    const row = x.data.subarray(h * tokens * width, (h + 1) * tokens * width);
    result.data.set(row, h * result.shape[1]! * width);
  }
  return result;
}

function tokensOf(x: FloatTensor, start: number, end: number): FloatTensor {
  const [heads, stride, width] = x.shape as [number, number, number];
  const result = floats([heads, end - start, width]);
  for (let h = 0; h < heads; h++) {
    const from = h * stride * width;
    result.data.set(x.data.subarray(from + start * width, from + end * width), h * (end - start) * width);
  }
  return result;
}

/** `y [H, N, E]` */
async function outputs(id: string, params: Record<string, unknown>, layer: Layer): Promise<Float32Array> {
  const mixer = await variantById(id).open(layer, params);
  return (await mixer.attend({ start: 0, end: layer.tokens })).y;
}

/** `y_i = sum over j <= i of (q_i.k_j) v_j`, in float64. */
function unnormalisedLinear(layer: Layer): Float64Array {
  return weighted(layer, (i, j, product) => (j <= i ? product : 0));
}

/** `y_i = (q_i.k_i) v_i`, divided by `k_i.k_i` where keys stand for directions. */
function ownTokenOnly(layer: Layer, byLength = false): Float64Array {
  return weighted(layer, (i, j, product, length) => (i === j ? product / (byLength ? length : 1) : 0));
}

function weighted(
  { q, k, v, tokens }: Layer,
  weight: (i: number, j: number, product: number, length: number) => number,
): Float64Array {
  const y = new Float64Array(HEADS * tokens * WIDTH);
  const stride = q.shape[1]!;
  for (let h = 0; h < HEADS; h++) {
    const group = Math.floor((h * GROUPS) / HEADS);
    for (let i = 0; i < tokens; i++) {
      for (let j = 0; j < tokens; j++) {
        let product = 0;
        let length = 0;
        for (let d = 0; d < WIDTH; d++) {
          const key = k.data[(group * stride + j) * WIDTH + d]!;
          product += q.data[(h * stride + i) * WIDTH + d]! * key;
          length += key * key;
        }
        const m = weight(i, j, product, length);
        for (let e = 0; e < WIDTH; e++) {
          y[(h * tokens + i) * WIDTH + e]! += m * v.data[(group * stride + j) * WIDTH + e]!;
        }
      }
    }
  }
  return y;
}

/** Largest difference, relative to the largest expected number. */
function relativeDifference(found: ArrayLike<number>, expected: ArrayLike<number>): number {
  expect(found.length).toBe(expected.length);
  let largest = 0;
  let difference = 0;
  for (let at = 0; at < found.length; at++) {
    largest = Math.max(largest, Math.abs(expected[at]!));
    const error = Math.abs(found[at]! - expected[at]!);
    if (!(error <= difference)) difference = Number.isNaN(error) ? Infinity : error;
  }
  return difference / largest;
}
