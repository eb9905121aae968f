/** Variants that choose keys: with a budget for everything, each is its dense form. */

import { afterAll, describe, expect, it } from 'vitest';

import { floats, type FloatTensor } from '../../src/engine/onnx/tensor';
import { createExecutor } from '../../src/engine/runtime/executor';
import { variantById } from '../../src/engine/variants';
import { type Layer, paddedLength } from '../../src/engine/variants/primitives/mixer';
import { pageExtremes, signedParts } from '../../src/engine/variants/primitives/pageBounds';
import { segmentsOf } from '../../src/engine/variants/primitives/segments';
import { normal, random } from '../support/random';

const TOKENS = 111;
const WIDTH = 8;
const HEADS = 4;
const GROUPS = 2;

const executor = createExecutor('cpu');
afterAll(() => executor.release());

const layer = randomLayer();

describe('with a budget for everything', () => {
  it.each([
    ['moba', { block: 16, keep: 7 }, 'dense', {}],
    ['moba', { block: 16, keep: 7, causal: false }, 'dense', { causal: false }],
    ['block-topk', { block: 16, keep: 7 }, 'dense', {}],
    ['block-topk', { block: 10, keep: 12, force: 'none', causal: false }, 'dense', { causal: false }],
    ['quest', { page: 8, pages: 14 }, 'dense', {}],
    ['topk', { k: TOKENS }, 'dense', {}],
    ['snapkv', { prompt: 60, probe: 9, budget: 60 }, 'dense', {}],
    ['combiner', { segment: TOKENS }, 'dense', {}],
    ['adaptive-mass', { inner: 'local', window: 20, gamma: 1 }, 'local', { window: 20 }],
    [
      'adaptive-mass',
      { inner: 'block-topk', block: 8, keep: 3, gamma: 1 },
      'block-topk',
      { block: 8, keep: 3 },
    ],
  ])('%s %o is %s %o', async (id, params, other, otherParams) => {
    expect(distance(await outputs(id, params), await outputs(other, otherParams))).toBeLessThan(1e-5);
  });

  it('keeps less where the budget is smaller', async () => {
    expect(
      distance(await outputs('moba', { block: 16, keep: 1 }), await outputs('dense', {})),
    ).toBeGreaterThan(1e-2);
  });
});

describe('aaren', () => {
  it('is dense with q_i', async () => {
    expect(distance(await outputs('aaren', {}), await outputs('dense', {}))).toBeLessThan(1e-5);
  });

  it('scans to what dense gives where every query is the learned one', async () => {
    const query = layer.q.data.slice(0, WIDTH);
    const q = floats(
      layer.q.shape,
      layer.q.data.map((_, at) => query[at % WIDTH]!),
    );
    const learned = floats(
      [HEADS, WIDTH],
      Float32Array.from({ length: HEADS * WIDTH }, (_, at) => query[at % WIDTH]!),
    );
    const scanned = await outputs('aaren', {}, { ...layer, tensors: { query: learned } });
    expect(distance(scanned, await outputs('dense', {}, { ...layer, q }))).toBeLessThan(1e-5);
  });
});

it("quest's bound is at least every q.k of the page", () => {
  const pages = segmentsOf(8, TOKENS, undefined);
  const bounds = pageExtremes(layer.k, pages);
  const parts = signedParts(layer.q);
  const stride = layer.q.shape[1]!;
  let tightest = Infinity;
  for (let head = 0; head < HEADS; head++) {
    const group = Math.floor((head * GROUPS) / HEADS);
    for (let i = 0; i < TOKENS; i++) {
      for (let j = 0; j < TOKENS; j++) {
        const page = group * bounds.shape[1]! + pages.of[j]!;
        const bound = dot(parts, head * stride + i, bounds, page);
        tightest = Math.min(tightest, bound - dot(layer.q, head * stride + i, layer.k, group * stride + j));
      }
    }
  }
  expect(tightest).toBeGreaterThan(-1e-5);
});

async function outputs(
  id: string,
  params: Record<string, unknown>,
  over: Layer = layer,
): Promise<Float32Array> {
  const mixer = await variantById(id).open(over, params);
  return (await mixer.attend({ start: 0, end: TOKENS })).y;
}

function dot(a: FloatTensor, rowA: number, b: FloatTensor, rowB: number): number {
  const width = a.shape[2]!;
  let sum = 0;
  for (let d = 0; d < width; d++) sum += a.data[rowA * width + d]! * b.data[rowB * width + d]!;
  return sum;
}

function distance(a: Float32Array, b: Float32Array): number {
  expect(a.length).toBe(b.length);
  return a.reduce((most, value, at) => Math.max(most, Math.abs(value - b[at]!)), 0);
}

function randomLayer(): Layer {
  const uniform = random(7);
  const padded = paddedLength(TOKENS);
  const of = (heads: number) => {
    const x = floats([heads, padded, WIDTH]);
    for (let h = 0; h < heads; h++) {
      for (let at = 0; at < TOKENS * WIDTH; at++) x.data[h * padded * WIDTH + at] = normal(uniform);
    }
    return x;
  };
  const [q, k, v] = [of(HEADS), of(GROUPS), of(GROUPS)];
  return { tokens: TOKENS, q, k, v, executor, index: 0, count: 1, units: undefined, tensors: {} };
}
