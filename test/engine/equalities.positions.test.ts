/** Position modifiers against forms that others published, and against dense attention. */

import { afterAll, expect, it } from 'vitest';

import { floats, type FloatTensor } from '../../src/engine/onnx/tensor';
import { createExecutor } from '../../src/engine/runtime/executor';
import { variantById } from '../../src/engine/variants';
import { bucketOf } from '../../src/engine/variants/bias-t5';
import { type Layer, paddedLength, type Tensors } from '../../src/engine/variants/primitives/mixer';
import { normal, random } from '../support/random';

const N = 45;
const H = 4;
const D = 8;
const executor = createExecutor('cpu', { strict: true });
afterAll(() => executor.release());

const uniform = random(17);
const numbers = (...shape: number[]) =>
  floats(
    shape,
    floats(shape).data.map(() => normal(uniform)),
  );
const constant = (value: number, ...shape: number[]) => floats(shape, floats(shape).data.fill(value));

/** Tokens `[H, N, D]` in whole tiles. */
function padded(x: FloatTensor): FloatTensor {
  const [heads, length, width] = x.shape as [number, number, number];
  const stride = paddedLength(length);
  const result = floats([heads, stride, width]);
  for (let h = 0; h < heads; h++) {
    result.data.set(x.data.subarray(h * length * width, (h + 1) * length * width), h * stride * width);
  }
  return result;
}

const q = numbers(H, N, D);
const k = numbers(H, N, D);
const layer: Layer = {
  executor,
  index: 0,
  count: 1,
  tokens: N,
  q: padded(q),
  k: padded(k),
  v: padded(numbers(H, N, D)),
  units: undefined,
  tensors: {},
};

/** `M [H, N, N]`, row by row. */
async function matrix(id: string, params: Record<string, unknown>, given: Partial<Layer> = {}) {
  const of = { ...layer, ...given };
  const mixer = await variantById(id).open(of, params);
  const heads = of.q.shape[0]!;
  const m = new Float64Array(heads * N * N);
  for (let h = 0; h < heads; h++) {
    for (let i = 0; i < N; i++) {
      const { keys, weights } = await mixer.row(h, i);
      keys.forEach((key, at) => (m[(h * N + i) * N + key] = weights[at]!));
    }
  }
  return m;
}

function expectEqual(found: Float64Array, expected: Float64Array): void {
  const worst = found.reduce((most, x, at) => Math.max(most, Math.abs(x - expected[at]!)), 0);
  expect(worst).toBeLessThan(2e-6);
}

it.each([8, 12])('gives %i heads the published slopes of ALiBi', async heads => {
  const zeros = constant(0, heads, N, D);
  const m = await matrix('bias-alibi', {}, { q: padded(zeros), k: padded(zeros), v: padded(zeros) });
  const found = Array.from({ length: heads }, (_, h) => {
    const last = m.subarray((h * N + N - 1) * N, (h * N + N) * N);
    return Math.log(last[N - 1]! / last[N - 2]!);
  });
  const eight = [1, 2, 3, 4, 5, 6, 7, 8].map(power => 2 ** -power);
  const between = [0.5, 1.5, 2.5, 3.5].map(power => 2 ** -power);
  const expected = heads === 8 ? eight : [...eight, ...between];
  expected.forEach((slope, h) => expect(found[h]).toBeCloseTo(slope, 5));
});

it('puts the offsets of 8 tokens into the buckets that T5 publishes', () => {
  const of = { buckets: 8, max_distance: 16, causal: false };
  const found = Array.from({ length: 8 }, (_, i) =>
    Array.from({ length: 8 }, (_, j) => bucketOf(j - i, of)).join(' '),
  );
  expect(found).toEqual([
    '0 5 6 6 6 6 7 7',
    '1 0 5 6 6 6 6 7',
    '2 1 0 5 6 6 6 6',
    '2 2 1 0 5 6 6 6',
    '2 2 2 1 0 5 6 6',
    '2 2 2 2 1 0 5 6',
    '3 2 2 2 2 1 0 5',
    '3 3 2 2 2 2 1 0',
  ]);
});

it('equals the relative shift that Transformer-XL computes', async () => {
  const tensors = { u: numbers(H, D), v_bias: numbers(H, D), r: numbers(H, N, D) };
  const m = await matrix('bias-xl', {}, { tensors });
  const dot = (x: FloatTensor, row: number, bias: FloatTensor, h: number, y: FloatTensor, other: number) => {
    let sum = 0;
    for (let d = 0; d < D; d++)
      sum += (x.data[row * D + d]! + bias.data[h * D + d]!) * y.data[other * D + d]!;
    return sum;
  };
  const expected = new Float64Array(H * N * N);
  for (let h = 0; h < H; h++) {
    // Distances fall along a row, a column of zeros goes before, and the rows are read one longer.
    const flat: number[] = [];
    for (let i = 0; i < N; i++) {
      flat.push(0);
      for (let at = 0; at < N; at++)
        flat.push(dot(q, h * N + i, tensors.v_bias, h, tensors.r, h * N + N - 1 - at));
    }
    const shifted = flat.slice(N);
    for (let i = 0; i < N; i++) {
      const powers = Array.from({ length: i + 1 }, (_, j) =>
        Math.exp((dot(q, h * N + i, tensors.u, h, k, h * N + j) + shifted[i * N + j]!) / Math.sqrt(D)),
      );
      const sum = powers.reduce((total, power) => total + power, 0);
      powers.forEach((power, j) => (expected[(h * N + i) * N + j] = power / sum));
    }
  }
  expectEqual(m, expected);
});

const neutral: [string, Record<string, unknown>, (causal: boolean) => Tensors][] = [
  ['bias-alibi', {}, () => ({ slopes: constant(0, H) })],
  ['bias-t5', {}, () => ({ B: constant(0, H, 32) })],
  ['bias-shaw', {}, () => ({ a: constant(0, 9, D) })],
  ['bias-xl', {}, causal => ({ r: constant(0, H, causal ? N : 2 * N - 1, D) })],
  ['urpe', {}, () => ({ C: constant(1, H, 2 * N - 1) })],
  ['rope', { scaling: 'linear', factor: 1e6, base: 1e12 }, () => ({})],
];

it.each(neutral)('%s with nothing to add is dense', async (id, params, tensors) => {
  for (const causal of [true, false]) {
    const dense = await matrix('dense', { causal });
    const found = await matrix(id, { ...params, causal }, { tensors: tensors(causal) });
    const worst = found.reduce((most, x, at) => Math.max(most, Math.abs(x - dense[at]!)), 0);
    // Rotary at a millionth of its speed is still a rotation.
    expect(worst).toBeLessThan(id === 'rope' ? 1e-4 : 2e-6);
  }
});

it('reads B of T5 with buckets first, as checkpoints have it', async () => {
  const B = numbers(H, 32);
  const turned = floats([32, H]);
  for (let h = 0; h < H; h++) for (let b = 0; b < 32; b++) turned.data[b * H + h] = B.data[h * 32 + b]!;
  expectEqual(
    await matrix('bias-t5', {}, { tensors: { B: turned } }),
    await matrix('bias-t5', {}, { tensors: { B } }),
  );
});

it('multiplies the dense weights with signed factors, and takes entropy of their shares', async () => {
  const C = numbers(H, 2 * N - 1);
  const dense = await matrix('dense', {});
  const expected = dense.map((x, at) => {
    const [h, i, j] = [Math.floor(at / N / N), Math.floor(at / N) % N, at % N];
    return x * C.data[h * (2 * N - 1) + j - i + N - 1]!;
  });
  expectEqual(await matrix('urpe', {}, { tensors: { C } }), expected);

  const mixer = await variantById('urpe').open({ ...layer, tensors: { C } }, {});
  const { stats } = await mixer.attend({ start: 0, end: N });
  for (let row = 0; row < H * N; row++) {
    const sizes = expected.subarray(row * N, (row + 1) * N).map(Math.abs);
    const total = sizes.reduce((sum, size) => sum + size, 0);
    const entropy = sizes.reduce((sum, x) => (x > 0 ? sum - (x / total) * Math.log(x / total) : sum), 0);
    expect(Math.abs(stats!.entropy[row]! - entropy)).toBeLessThan(2e-5);
    expect(Math.abs(stats!.peak[row]! - Math.max(...sizes))).toBeLessThan(1e-5);
  }
});

it.each(['default', 'linear', 'ntk', 'dynamic', 'yarn', 'llama3'])(
  'rope with scaling %s depends on the offset alone',
  async scaling => {
    const one = numbers(2, D);
    const same = (row: number) => {
      const x = floats([H, N, D]);
      for (let at = 0; at < H * N; at++) x.data.set(one.data.subarray(row * D, (row + 1) * D), at * D);
      return padded(x);
    };
    const params = { scaling, factor: 4, original_max_position_embeddings: 16, base: 100 };
    const m = await matrix('rope', params, { q: same(0), k: same(1) });
    const last = m.subarray((N - 1) * N, N * N);
    let spread = 0;
    for (let i = 0; i < N; i++) {
      for (let j = 0; j <= i; j++) {
        const ratio = m[i * N + j]! / m[i * N + i]!;
        expect(ratio / (last[N - 1 - (i - j)]! / last[N - 1]!)).toBeCloseTo(1, 4);
        spread = Math.max(spread, Math.abs(Math.log(ratio)));
      }
    }
    expect(spread).toBeGreaterThan(0.1);
  },
);

it.each(['bias-alibi', 'bias-t5', 'bias-shaw', 'bias-xl', 'urpe', 'rope'])(
  '%s over any selection of every token is the one over dense',
  async id => {
    const given = { tensors: id === 'urpe' ? { C: numbers(H, 2 * N - 1) } : {} };
    const expected = await matrix(id, {}, given);
    for (const inner of [
      { inner: 'local', window: N },
      { inner: 'strided', stride: N },
      { inner: 'fixed', block: N },
      { inner: 'blockwise', block: 9, back: 4 },
    ]) {
      expectEqual(await matrix(id, inner, given), expected);
    }
  },
);

/** What plain references take, of the layer above. */
const inputs = {
  heads: H,
  tokens: N,
  q: q.data,
  k: k.data,
  width: D,
  scale: 1 / Math.sqrt(D),
  units: undefined,
  score(h: number, i: number, j: number) {
    let sum = 0;
    for (let d = 0; d < D; d++) sum += q.data[(h * N + i) * D + d]! * k.data[(h * N + j) * D + d]!;
    return sum / Math.sqrt(D);
  },
};

const selections = [
  { inner: 'longformer', window: 6 },
  { inner: 'longformer', window: 6, causal: true },
  { inner: 'bigbird', block: 6, random: 1 },
  { inner: 'vertical-slash', columns: 6, slashes: 6, probe: 8, window: 2 },
  { inner: 'block-topk', block: 6, keep: 3 },
  { inner: 'quest', page: 5, pages: 2 },
  { inner: 'moba', block: 6, keep: 2 },
  { inner: 'snapkv', prompt: 30, budget: 12, probe: 8, pool: 3, sinks: 2, window: 3 },
  { inner: 'ring', shards: 3 },
  { inner: 'document-mask' },
];

it.each(selections)('adds to the scores of $inner, and multiplies its weights', async params => {
  for (const [id, tensors] of [
    ['bias-alibi', { slopes: numbers(H) }],
    ['bias-shaw', { a: numbers(7, D) }],
    ['urpe', { C: numbers(H, 2 * N - 1) }],
  ] as const) {
    if (params.inner === 'ring' && id === 'urpe') continue;
    const document = floats(
      [N],
      floats([N]).data.map((_, i) => Math.floor(i / 20)),
    );
    const given = { tensors: { ...tensors, document } };
    const expected = variantById(id).reference({ ...inputs, ...given }, params);
    expectEqual(await matrix(id, params, given), expected);
  }
});

it.each<[string, Record<string, unknown>, Tensors, string]>([
  ['bias-alibi', {}, { slopes: constant(1, 3) }, "'slopes' is [3], expected [4]"],
  ['bias-t5', { buckets: 8 }, { B: constant(1, 4, 9) }, 'is [4, 9], expected [4, 8] or [8, 4]'],
  ['bias-t5', { buckets: 9, causal: false }, {}, 'an even number of buckets'],
  ['bias-t5', { buckets: 32, max_distance: 16 }, {}, "'max_distance' above the 16"],
  ['bias-shaw', {}, { a: constant(1, 8, D) }, 'expected an odd number of rows of width 8'],
  ['bias-shaw', { clip: 3 }, { a: constant(1, 9, D) }, 'expected [5, 8] or [7, 8]'],
  ['bias-xl', {}, { r: constant(1, H, N - 1, D) }, "'r' is [4, 44, 8]"],
  ['urpe', {}, { C: constant(1, H, N) }, "'C' is [4, 45], expected [4, 89]"],
  ['rope', { scaling: 'longrope' }, {}, 'default, linear, ntk, dynamic, yarn, llama3'],
  ['rope', { inner: 'segmented' }, {}, "'inner' of 'rope' takes one of dense, local"],
  ['rope', { inner: 'local', stride: 3 }, {}, "'rope' over 'local' has no parameter 'stride'. It takes base"],
  ['rope', { inner: 'local', window: 0 }, {}, "'window' of 'local' takes a whole number from 1"],
])('%s %o says what is wrong', async (id, params, tensors, message) => {
  await expect(variantById(id).open({ ...layer, tensors }, params)).rejects.toThrow(message);
});
