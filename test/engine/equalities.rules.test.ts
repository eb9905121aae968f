/** Rules of positions against dense attention and against each other. */

import { afterAll, describe, expect, it } from 'vitest';

import { floats, type FloatTensor } from '../../src/engine/onnx/tensor';
import { createExecutor } from '../../src/engine/runtime/executor';
import { variantById } from '../../src/engine/variants';
import { type Layer, paddedLength, type PlanNode } from '../../src/engine/variants/primitives/mixer';
import { normal, random } from '../support/random';

const N = 45;
const H = 4;
const G = 2;
const D = 8;
const executor = createExecutor('cpu', { strict: true });
afterAll(() => executor.release());

const uniform = random(23);

/** `[heads, N, D]` in whole tiles. */
function randomHeads(heads: number): FloatTensor {
  const x = floats([heads, paddedLength(N), D]);
  for (let at = 0; at < x.data.length; at++) {
    if (at % (paddedLength(N) * D) < N * D) x.data[at] = 1.5 * normal(uniform);
  }
  return x;
}

const layer: Layer = {
  executor,
  index: 0,
  count: 1,
  tokens: N,
  q: randomHeads(H),
  k: randomHeads(G),
  v: randomHeads(G),
  units: undefined,
  tensors: {},
};

type Params = Readonly<Record<string, unknown>>;
type Choice = readonly [id: string, params: Params, given?: Partial<Layer>];

/** `M [H, N, N]`, row by row, and `y [H, N, D]`, in two blocks. */
async function run(...[id, params, given]: Choice): Promise<{ m: Float64Array; y: Float64Array }> {
  const mixer = await variantById(id).open({ ...layer, ...given }, params);
  const m = new Float64Array(H * N * N);
  const y = new Float64Array(H * N * D);
  for (let h = 0; h < H; h++) {
    for (let i = 0; i < N; i++) {
      const { keys, weights } = await mixer.row(h, i);
      keys.forEach((key, at) => (m[(h * N + i) * N + key] = weights[at]!));
    }
  }
  for (const [start, end] of [
    [0, 31],
    [31, N],
  ] as const) {
    const block = await mixer.attend({ start, end });
    const size = (end - start) * D;
    for (let h = 0; h < H; h++) y.set(block.y.subarray(h * size, (h + 1) * size), (h * N + start) * D);
  }
  return { m, y };
}

function largestDifference(a: Float64Array, b: Float64Array): number {
  expect(a.length).toBe(b.length);
  return a.reduce((most, value, at) => Math.max(most, Math.abs(value - b[at]!)), 0);
}

/** Rows with what `admits` leaves of them, divided by its mass. */
function restricted(m: Float64Array, admits: (i: number, j: number) => boolean): Float64Array {
  const kept = m.map((weight, at) => (admits(Math.floor(at / N) % N, at % N) ? weight : 0));
  for (let row = 0; row < H * N; row++) {
    const weights = kept.subarray(row * N, (row + 1) * N);
    const mass = weights.reduce((sum, weight) => sum + weight, 0);
    weights.forEach((weight, j) => (weights[j] = weight / mass));
  }
  return kept;
}

const vector = (at: (i: number) => number) =>
  floats(
    [N],
    Float32Array.from({ length: N }, (_, i) => at(i)),
  );
const both = { causal: false };
const allGlobal = { tensors: { global: vector(() => 1) } };
const oneDocument = { tensors: { document: vector(() => 7) } };

const EQUAL: readonly (readonly [Choice, Choice])[] = [
  [
    ['ring', { shards: 1 }],
    ['dense', {}],
  ],
  [
    ['ring', { shards: 3 }],
    ['dense', {}],
  ],
  [
    ['ring', { shards: N }],
    ['dense', {}],
  ],
  [
    ['ring', { shards: 4000, scale: 0.7 }],
    ['dense', { scale: 0.7 }],
  ],
  [
    ['ring', { shards: 6, ...both }],
    ['dense', both],
  ],
  [
    ['blockwise', { block: N }],
    ['dense', {}],
  ],
  [
    ['blockwise', { block: 4, back: 11 }],
    ['dense', {}],
  ],
  [
    ['blockwise', { block: 1, back: 8 }],
    ['local', { window: 9 }],
  ],
  [
    ['fixed', { block: 7, summary: 7 }],
    ['dense', {}],
  ],
  [
    ['fixed', { block: 7, summary: 0 }],
    ['blockwise', { block: 7 }],
  ],
  [
    ['longformer', { window: 8 }],
    ['local', { window: 9, ...both }],
  ],
  [
    ['longformer', { window: 0 }, allGlobal],
    ['dense', both],
  ],
  [
    ['bigbird', { block: 15 }],
    ['dense', both],
  ],
  [
    ['bigbird', { block: 4, random: 12 }],
    ['dense', both],
  ],
  [
    ['document-mask', {}, oneDocument],
    ['dense', {}],
  ],
  [
    ['vertical-slash', { columns: N }],
    ['dense', {}],
  ],
  [
    ['vertical-slash', { columns: 1, slashes: N }],
    ['dense', {}],
  ],
  [
    ['vertical-slash', { columns: 3, sinks: 3, slashes: 9, window: 9 }],
    ['local', { window: 9, sinks: 3 }],
  ],
  [
    ['mixed-span', { dense_layers: 2, window: 3 }, { index: 1, count: 4 }],
    ['dense', {}],
  ],
  [
    ['mixed-span', { dense_layers: 2, window: 3 }, { index: 2, count: 4 }],
    ['local', { window: 3 }],
  ],
  [
    ['mixed-span', { dense_layers: '0,2', window: 3 }, { index: 2, count: 4 }],
    ['dense', {}],
  ],
  [
    ['mixed-span', { dense_layers: [0, 2], window: 3 }, { index: 1, count: 4 }],
    ['local', { window: 3 }],
  ],
];

it.each(EQUAL.map(([a, b]) => ({ a, b, name: `${a[0]} ${JSON.stringify(a[1])}`, other: b[0] })))(
  '$name equals $other',
  async ({ a, b }) => {
    const [found, expected] = [await run(...a), await run(...b)];
    expect(largestDifference(found.m, expected.m)).toBeLessThan(1e-5);
    expect(largestDifference(found.y, expected.y)).toBeLessThan(1e-5);
  },
);

it('makes of a window of 9 a side what dense attention has there', async () => {
  const { m } = await run('dense', both);
  const near = restricted(m, (i, j) => Math.abs(i - j) < 9);
  expect(largestDifference((await run('local', { window: 9, ...both })).m, near)).toBeLessThan(1e-5);
});

it('gives a packed document the rows it has alone', async () => {
  const start = 11;
  const end = 36;
  const document = vector(i => (i < start ? 0 : i < end ? 1 : 2));
  const packed = await run('document-mask', {}, { tensors: { document } });
  const cut = (x: FloatTensor) => {
    const [heads, stride] = x.shape as [number, number];
    const part = floats([heads, paddedLength(end - start), D]);
    for (let h = 0; h < heads; h++) {
      const from = h * stride * D;
      part.data.set(x.data.subarray(from + start * D, from + end * D), h * part.shape[1]! * D);
    }
    return part;
  };
  const alone = await variantById('dense').open(
    { ...layer, tokens: end - start, q: cut(layer.q), k: cut(layer.k), v: cut(layer.v) },
    {},
  );
  for (const i of [0, 5, end - start - 1]) {
    const { keys, weights } = await alone.row(3, i);
    const row = packed.m.subarray((3 * N + start + i) * N, (3 * N + start + i + 1) * N);
    expect(row.reduce((sum, weight) => sum + weight, 0)).toBeCloseTo(1, 5);
    keys.forEach((key, at) => {
      expect(row[start + key]).toBeCloseTo(weights[at]!, 5);
    });
  }
});

it('draws the same random blocks from the same seed, and others from another', async () => {
  const plan = async (seed: number) => {
    const mixer = await variantById('bigbird').open(layer, { block: 3, random: 2, seed });
    return mixer.structure(22).find(({ kind }) => kind === 'random')!.ranges;
  };
  expect(await plan(1)).toEqual(await plan(1));
  expect(await plan(1)).not.toEqual(await plan(2));
});

it.each([
  ['ring', { shards: 4 }],
  ['ring', { shards: 4, ...both }],
  ['longformer', { window: 4 }],
  ['longformer', { window: 4, causal: true }],
] as const)('gives the rows of a block of %s %o as it gives each', async (id, params) => {
  const tensors = { global: vector(i => Number(i % 20 === 13)) };
  const mixer = await variantById(id).open({ ...layer, tensors }, params);
  const row = await mixer.rows!({ start: 10, end: 40 });
  for (const [head, query] of [
    [0, 10],
    [1, 13],
    [3, 39],
  ] as const) {
    const one = await mixer.row(head, query);
    const found = row(head, query);
    expect(Array.from(found.keys)).toEqual(Array.from(one.keys));
    const error = one.weights.map((weight, at) => Math.abs(weight - found.weights[at]!));
    expect(Math.max(...error)).toBeLessThan(1e-6);
  }
});

it('names the shards of a ring, which part the document', async () => {
  const mixer = await variantById('ring').open(layer, { shards: 4 });
  const shards = mixer.structure(N - 1);
  expect(shards.map(({ ranges }: PlanNode) => Array.from(ranges))).toEqual([
    [0, 12],
    [12, 24],
    [24, 36],
    [36, N],
  ]);
});

describe('what a rule does not take', () => {
  const wrong: readonly (readonly [Choice, RegExp])[] = [
    [['fixed', { block: 0 }], /'block' of 'fixed' takes a whole number from 1/],
    [['ring', { shards: 1.5 }], /'shards' of 'ring' takes a whole number/],
    [['longformer', {}, { tensors: { global: floats([N - 1]) } }], /'global' is \[44\], expected \[45\]/],
    [['document-mask', {}], /needs the document of every token, a tensor 'document' \[45\]/],
    [['document-mask', {}, { tensors: { document: floats([1, N - 1]) } }], /'document' is \[1, 44\]/],
    [['bigbird', { block: 15 }, { tensors: { random_blocks: floats([7, 2]) } }], /expected \[3, R\]/],
    [
      ['bigbird', { block: 15 }, { tensors: { random_blocks: floats([1, 1], Float32Array.of(3)) } }],
      /holds 3, which is no block/,
    ],
    [['vertical-slash', { window: -1 }], /'window' of 'vertical-slash' takes a whole number from 0/],
    [['mixed-span', { dense_layers: 'first' }], /takes a count or layer numbers from 0/],
  ];

  it.each(wrong.map(([[id, params, given], sentence]) => ({ id, params, given, sentence })))(
    '$id $params',
    async ({ id, params, given, sentence }) => {
      await expect(variantById(id).open({ ...layer, ...given }, params)).rejects.toThrow(sentence);
    },
  );
});
