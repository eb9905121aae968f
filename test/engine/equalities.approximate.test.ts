/** Hashed, clustered and low-rank attention where it must equal dense attention, and what it refuses. */

import { afterAll, expect, it } from 'vitest';

import { Problem } from '../../src/protocol/problem';
import { floats, type FloatTensor } from '../../src/engine/onnx/tensor';
import { createExecutor } from '../../src/engine/runtime/executor';
import { variantById } from '../../src/engine/variants';
import { type Layer, paddedLength, type Tensors } from '../../src/engine/variants/primitives/mixer';
import { normalised } from '../../src/engine/variants/primitives/normalised';
import { normal, random } from '../support/random';

const N = 45;
const H = 4;
const G = 2;
const D = 8;
const executor = createExecutor('cpu', { strict: true });
afterAll(() => executor.release());

const uniform = random(23);
const numbers = (...shape: number[]) =>
  floats(
    shape,
    floats(shape).data.map(() => normal(uniform)),
  );

/** Tokens `[H, N, D]` in whole tiles. */
function padded(x: FloatTensor): FloatTensor {
  const [heads, length, width] = x.shape as [number, number, number];
  const result = floats([heads, paddedLength(length), width]);
  for (let h = 0; h < heads; h++) {
    const from = x.data.subarray(h * length * width, (h + 1) * length * width);
    result.data.set(from, h * result.shape[1]! * width);
  }
  return result;
}

const keys = numbers(G, N, D);
const layer: Layer = {
  executor,
  index: 0,
  count: 1,
  tokens: N,
  q: padded(numbers(H, N, D)),
  k: padded(keys),
  v: padded(numbers(G, N, D)),
  units: undefined,
  tensors: {},
};

/** `M [H, N, N]`, row by row. */
async function matrix(id: string, params: Record<string, unknown>, given: Partial<Layer> = {}) {
  const mixer = await variantById(id).open({ ...layer, ...given }, params);
  const m = new Float64Array(H * N * N);
  for (let row = 0; row < H * N; row++) {
    const { keys, weights } = await mixer.row(Math.floor(row / N), row % N);
    keys.forEach((key, at) => (m[row * N + key] = weights[at]!));
  }
  return m;
}

function expectEqual(found: Float64Array, expected: Float64Array, tolerance = 2e-6): void {
  const worst = found.reduce((most, x, at) => Math.max(most, Math.abs(x - expected[at]!)), 0);
  expect(worst).toBeLessThan(tolerance);
}

const tensors = (own: Tensors) => ({ tensors: own });

it('makes Linformer dense when E and F are the identity', async () => {
  const eye = floats([H, N, N]);
  for (let at = 0; at < H * N; at++) eye.data[at * N + (at % N)] = 1;
  const m = await matrix('linformer', {}, tensors({ E: eye, F: eye }));
  expectEqual(m, await matrix('dense', { causal: false }));
});

it('makes Nyström attention dense when every token is a landmark', async () => {
  const m = await matrix('nystrom', { landmarks: 1000, iterations: 40 });
  expectEqual(m, await matrix('dense', { causal: false }), 1e-3);
});

it.each([true, false])('makes quantised keys dense when every key is a code (causal: %s)', async causal => {
  const expected = await matrix('dense', { causal });
  const codebook = floats([H, N, D]);
  for (let h = 0; h < H; h++) {
    const group = Math.floor((h * G) / H);
    codebook.data.set(keys.data.subarray(group * N * D, (group + 1) * N * D), h * N * D);
  }
  expectEqual(await matrix('vq', { causal }, tensors({ codebook })), expected);
  expectEqual(await matrix('vq', { causal, codes: N }), expected);
});

it.each([true, false])('makes ProbSparse dense when every query is active (causal: %s)', async causal => {
  expectEqual(await matrix('probsparse', { causal, factor: N }), await matrix('dense', { causal }));
});

it.each([true, false])('makes routing dense with one cluster of every token (causal: %s)', async causal => {
  const m = await matrix('routing', { causal, clusters: 1, window: N });
  expectEqual(
    m.map(weight => weight * (1 + 1e-5)),
    await matrix('dense', { causal }),
  );
});

it('makes hashing dense over the other tokens when there is one bucket and one chunk', async () => {
  const rotations = floats([D, 3, 2]);
  const m = await matrix('lsh', { chunk: N }, tensors({ rotations }));
  const expected = await matrix('dense', {}, { k: normalised(layer.q), v: padded(numbers(H, N, D)) });
  for (let row = 0; row < H * N; row++) {
    const i = row % N;
    const own = expected[row * N + i]!;
    for (let j = 0; j < N; j++) {
      const at = row * N + j;
      expected[at] = i === 0 ? expected[at]! : j === i ? 0 : expected[at]! / (1 - own);
    }
  }
  expectEqual(m, expected, 1e-5);
});

it.each([
  ['linformer', {}, { E: numbers(H, 3, N + 1) }, "'E'"],
  ['linformer', {}, { E: numbers(H, 3, N), F: numbers(H, 4, N) }, "'F'"],
  ['linformer', { causal: true }, {}, "'causal'"],
  ['nystrom', { causal: true }, {}, "'causal'"],
  ['nystrom', { landmarks: 0 }, {}, "'landmarks'"],
  ['vq', {}, { codebook: numbers(H, 5, D + 1) }, "'codebook'"],
  ['vq', { codes: 0 }, {}, "'codes'"],
  ['probsparse', {}, { samples: floats([N, 1], new Float32Array(N).fill(N)) }, `${N}`],
  ['probsparse', { measure: 'median' }, {}, "'measure'"],
  ['lsh', { buckets: 3 }, {}, "'buckets'"],
  ['lsh', {}, { rotations: numbers(D + 1, 2, 2) }, "'rotations'"],
  ['routing', {}, { centroids: numbers(H + 1, 2, D) }, "'centroids'"],
  ['routing', { window: 0 }, {}, "'window'"],
] as const)('%s refuses %o with a sentence', async (id, params, own, named) => {
  const opened = variantById(id).open({ ...layer, ...tensors(own) }, params);
  await expect(opened).rejects.toBeInstanceOf(Problem);
  await expect(opened).rejects.toThrow(named);
});
