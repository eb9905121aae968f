/** Case files as different people write them: every one of these says the same as dense attention. */

import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';

import { checkCase } from '../../src/engine/check/check';
import { writeSafetensors } from '../../src/engine/model/safetensors';
import { createExecutor } from '../../src/engine/runtime/executor';
import { inFolder } from '../support/folders';
import { normal, random } from '../support/random';

const executor = createExecutor('cpu');
afterAll(() => executor.release());

const H = 4;
const N = 37;
const D = 8;

interface Floats {
  readonly dtype: 'F32' | 'F16';
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

interface Shapes {
  /** Heads of keys and of values. */
  readonly groups?: number;
  readonly values?: number;
}

function filled(shape: readonly number[], at: (index: number) => number): Floats {
  const size = shape.reduce((product, length) => product * length, 1);
  return { dtype: 'F32', shape, data: Float32Array.from({ length: size }, (_, index) => at(index)) };
}

/** Causal softmax attention by plain loops; `asking` stands for q where it is given. */
function denseCase({ groups = H, values = H }: Shapes = {}, asking?: Floats) {
  const uniform = random(11);
  const drawn = (heads: number) => filled([heads, N, D], () => normal(uniform));
  const [q, k, v] = [drawn(H), drawn(groups), drawn(values)];
  const y = new Float32Array(H * N * D);
  const m = new Float32Array(H * N * N);
  for (let h = 0; h < H; h++) {
    const [key, value] = [Math.floor((h * groups) / H), Math.floor((h * values) / H)];
    for (let i = 0; i < N; i++) {
      const powers = Array.from({ length: i + 1 }, (_, j) => {
        let score = 0;
        for (let d = 0; d < D; d++) {
          const query = asking ? asking.data[h * D + d]! : q.data[(h * N + i) * D + d]!;
          score += query * k.data[(key * N + j) * D + d]!;
        }
        return Math.exp(score / Math.sqrt(D));
      });
      const sum = powers.reduce((total, power) => total + power, 0);
      powers.forEach((power, j) => {
        m[(h * N + i) * N + j] = power / sum;
        for (let d = 0; d < D; d++)
          y[(h * N + i) * D + d]! += (power / sum) * v.data[(value * N + j) * D + d]!;
      });
    }
  }
  return {
    q,
    k,
    v,
    'expect.y': filled([H, N, D], at => y[at]!),
    'expect.m': filled([H, N, N], at => m[at]!),
  };
}

function run(
  tensors: Readonly<Record<string, Floats | undefined>>,
  variant: string,
  params: string | Readonly<Record<string, unknown>>,
) {
  const present = Object.fromEntries(
    Object.entries(tensors).filter((entry): entry is [string, Floats] => entry[1] !== undefined),
  );
  return inFolder(async folder => {
    const path = join(folder, 'case.safetensors');
    const text = typeof params === 'string' ? params : JSON.stringify(params);
    await writeSafetensors(path, present, { variant, params: text, author: 'someone' });
    return checkCase(path, executor);
  });
}

const zeros = (...shape: number[]) => filled(shape, () => 0);
const ones = (...shape: number[]) => filled(shape, () => 1);

describe('case files that say the same as dense', () => {
  it.each<{ variant: string; params: string | Record<string, unknown>; own?: Record<string, Floats> }>([
    { variant: 'dense', params: '' },
    { variant: 'dense', params: 'null' },
    { variant: 'dense', params: { causal: null, scale: null, seed: 3 } },
    { variant: 'quest', params: { causal: true } },
    { variant: 'block-topk', params: { block: 8, keep: 9, force: '' } },
    { variant: 'block-topk', params: { block: 8, keep: 9, force: ['own', 'first'] } },
    { variant: 'block-topk', params: { block: 8, keep: 9, force: 'previous, own' } },
    { variant: 'adaptive-mass', params: { inner: { variant: 'local', params: { window: 50 } }, gamma: 1 } },
    { variant: 'mixed-span', params: { dense_layers: [0, 2], layer: 2, window: 3 } },
    { variant: 'mixed-span', params: { dense_layers: '0', window: 3 } },
    { variant: 'rope', params: { rope_theta: 500, rope_scaling: { rope_type: 'linear', factor: 1e6 } } },
    { variant: 'rope', params: { scaling: { type: 'linear', factor: 1e6 } } },
    { variant: 'bias-alibi', params: {}, own: { slopes: zeros(H, 1, 1) } },
    { variant: 'bias-alibi', params: { slopes: [0, 0, 0, 0] } },
    { variant: 'document-mask', params: { document: Array.from({ length: N }, () => 3) } },
    { variant: 'bias-t5', params: {}, own: { B: zeros(16, H) } },
    { variant: 'bias-t5', params: { num_buckets: 10 }, own: { B: zeros(H, 10) } },
    { variant: 'urpe', params: {}, own: { C: ones(2 * N - 1) } },
    { variant: 'bias-xl', params: {}, own: { r: zeros(1, N, D) } },
    { variant: 'probsparse', params: { factor: 50 }, own: { samples: zeros(5) } },
    { variant: 'probsparse', params: { factor: 50 }, own: { samples: zeros(H, N, 5) } },
    { variant: 'adaptive-span', params: {}, own: { z: ones(1) } },
    { variant: 'recurrent-memory', params: {}, own: { mem_k: zeros(H, 0, D), mem_v: zeros(H, 0, D) } },
    { variant: 'memorizing', params: {}, own: { mem_k: zeros(H, 0, D), mem_v: zeros(H, 0, D) } },
  ])('$variant $params', async ({ variant, params, own = {} }) => {
    expect(await run({ ...denseCase(), ...own }, variant, params)).toMatchObject({
      status: 'PASS',
      message: undefined,
    });
  });

  it.each<Shapes>([
    { groups: 1, values: 2 },
    { groups: 2, values: 1 },
    { groups: 4, values: 1 },
  ])('keys and values may have heads of their own: $groups and $values', async shapes => {
    expect((await run(denseCase(shapes), 'dense', {})).status).toBe('PASS');
  });

  it('need no q beside a learned query', async () => {
    const uniform = random(12);
    const query = filled([H, D], () => normal(uniform));
    const tensors = { ...denseCase({}, query), query, q: undefined };
    expect((await run(tensors, 'aaren', {})).status).toBe('PASS');
  });

  it('may stand under a batch of one', async () => {
    const batched = Object.entries(denseCase()).map(([name, tensor]): [string, Floats] => [
      name,
      { ...tensor, shape: [1, ...tensor.shape] },
    ]);
    expect((await run(Object.fromEntries(batched), 'dense', {})).status).toBe('PASS');
  });

  it('run without an expectation, and say so', async () => {
    const result = await run({ ...denseCase(), 'expect.y': undefined, 'expect.m': undefined }, 'dense', {});
    expect(result.status).toBe('SKIP');
    expect(result.message).toMatch(/expects nothing/);
  });

  it('are held to what half precision can tell', async () => {
    const half = (tensor: Floats) => ({ ...tensor, data: tensor.data.map(x => x * (1 + 4e-4)) });
    const tensors = denseCase();
    const off = { ...tensors, 'expect.m': undefined, 'expect.y': half(tensors['expect.y']) };
    expect((await run(off, 'dense', {})).status).toBe('FAIL');
    expect(
      (await run({ ...off, 'expect.y': { ...off['expect.y'], dtype: 'F16' } }, 'dense', {})).status,
    ).toBe('PASS');
  });

  it('say that a causal variant has no other form', async () => {
    const result = await run(denseCase(), 'quest', { causal: false });
    expect(result).toMatchObject({
      status: 'FAIL',
      message: expect.stringMatching(/no bidirectional form/) as string,
    });
  });
});

it('take the units of a text as tensors', async () => {
  const tensors = { ...denseCase(), 'expect.y': undefined, 'expect.m': undefined };
  const by = (size: number) => filled([N], i => Math.floor(i / size));
  const result = await run(
    { ...tensors, word: by(3), sentence: by(9), paragraph: by(18) },
    'hierarchical',
    {},
  );
  expect(result.message).toMatch(/It ran/);
  expect((await run({ ...tensors, word: by(3) }, 'segmented', { segment: 'sentence' })).message).toMatch(
    /a tensor 'sentence' \[37\]/,
  );
});
