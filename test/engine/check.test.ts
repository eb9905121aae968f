/** Case files, as anyone can write them from training code. */

import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';

import { checkCase } from '../../src/engine/check/check';
import { type TensorData, writeSafetensors } from '../../src/engine/model/safetensors';
import { createExecutor } from '../../src/engine/runtime/executor';
import { inFolder } from '../support/folders';
import { normal, random } from '../support/random';

const executor = createExecutor('cpu');
afterAll(() => executor.release());

const H = 2;
const N = 37;
const D = 6;
const MEM = 11;

function tensor(shape: number[], data: Float32Array): TensorData {
  return { dtype: 'F32', shape, data };
}

/** A causal window of 5, by plain loops. */
function windowCase() {
  const uniform = random(5);
  const make = () => Float32Array.from({ length: H * N * D }, () => normal(uniform));
  const [q, k, v] = [make(), make(), make()];
  const m = new Float32Array(H * N * N);
  const y = new Float32Array(H * N * D);
  for (let h = 0; h < H; h++) {
    for (let i = 0; i < N; i++) {
      const powers: [number, number][] = [];
      for (let j = Math.max(0, i - 4); j <= i; j++) {
        let score = 0;
        for (let d = 0; d < D; d++) score += q[(h * N + i) * D + d]! * k[(h * N + j) * D + d]!;
        powers.push([j, Math.exp(score / Math.sqrt(D))]);
      }
      const sum = powers.reduce((total, [, power]) => total + power, 0);
      for (const [j, power] of powers) {
        m[(h * N + i) * N + j] = power / sum;
        for (let d = 0; d < D; d++) y[(h * N + i) * D + d]! += (power / sum) * v[(h * N + j) * D + d]!;
      }
    }
  }
  const whole = (data: Float32Array) => tensor([H, N, D], data);
  return { q: whole(q), k: whole(k), v: whole(v), 'expect.y': whole(y), 'expect.m': tensor([H, N, N], m) };
}

/** A document after a memory of `MEM` keys, by plain loops. */
function memoryCase() {
  const uniform = random(6);
  const make = (rows: number) => Float32Array.from({ length: H * rows * D }, () => normal(uniform));
  const [q, k, v] = [make(N), make(N), make(N)];
  const [memoryKeys, memoryValues] = [make(MEM), make(MEM)];
  const m = new Float32Array(H * N * (MEM + N));
  const y = new Float32Array(H * N * D);
  for (let h = 0; h < H; h++) {
    for (let i = 0; i < N; i++) {
      const row = (h * N + i) * (MEM + N);
      const at = (j: number, d: number, before: Float32Array, own: Float32Array) =>
        j < MEM ? before[(h * MEM + j) * D + d]! : own[(h * N + j - MEM) * D + d]!;
      let sum = 0;
      for (let j = 0; j <= MEM + i; j++) {
        let score = 0;
        for (let d = 0; d < D; d++) score += q[(h * N + i) * D + d]! * at(j, d, memoryKeys, k);
        sum += m[row + j] = Math.exp(score / Math.sqrt(D));
      }
      for (let j = 0; j <= MEM + i; j++) {
        m[row + j]! /= sum;
        for (let d = 0; d < D; d++) y[(h * N + i) * D + d]! += m[row + j]! * at(j, d, memoryValues, v);
      }
    }
  }
  const whole = (rows: number, data: Float32Array) => tensor([H, rows, D], data);
  return {
    q: whole(N, q),
    k: whole(N, k),
    v: whole(N, v),
    mem_k: whole(MEM, memoryKeys),
    mem_v: whole(MEM, memoryValues),
    'expect.y': whole(N, y),
    'expect.m': tensor([H, N, MEM + N], m),
  };
}

function write(name: string, tensors: Record<string, TensorData>, metadata: Record<string, string>) {
  return inFolder(async folder => {
    const path = join(folder, name);
    await writeSafetensors(path, tensors, metadata);
    return checkCase(path, executor);
  });
}

const WINDOW = { variant: 'local', params: '{"window": 5}', source: 'plain loops' };

describe('case files', () => {
  it('pass when the numbers agree, with the errors told', async () => {
    const result = await write('good.safetensors', windowCase(), WINDOW);
    expect(result).toMatchObject({ status: 'PASS', id: 'local', message: undefined });
    expect(result.y).toBeLessThan(1e-5);
    expect(result.m).toBeLessThan(1e-5);
  });

  it('may have a memory, whose keys come before the tokens', async () => {
    const result = await write('memory.safetensors', memoryCase(), { variant: 'recurrent-memory' });
    expect(result).toMatchObject({ status: 'PASS', id: 'recurrent-memory', message: undefined });
    expect(result.y).toBeLessThan(1e-5);
    expect(result.m).toBeLessThan(1e-5);
  });

  it('fail when a number differs', async () => {
    const tensors = windowCase();
    tensors['expect.y'].data[11]! += 0.01;
    const result = await write('bad.safetensors', tensors, WINDOW);
    expect(result.status).toBe('FAIL');
    expect(result.y).toBeGreaterThan(1e-4);
    expect(result.m).toBeLessThan(1e-5);
  });

  it('fail when the parameters are other ones', async () => {
    expect(
      (await write('other.safetensors', windowCase(), { ...WINDOW, params: '{"window": 6}' })).status,
    ).toBe('FAIL');
  });

  it('are skipped when the variant is unknown', async () => {
    expect(await write('new.safetensors', windowCase(), { variant: 'later' })).toMatchObject({
      status: 'SKIP',
      id: 'later',
    });
  });

  it.each([
    { name: 'no variant', tensors: windowCase(), metadata: {}, says: /names its variant/ },
    {
      name: 'params that are no JSON',
      tensors: windowCase(),
      metadata: { ...WINDOW, params: '{' },
      says: /no JSON object/,
    },
    {
      name: 'an unknown parameter',
      tensors: windowCase(),
      metadata: { ...WINDOW, params: '{"size": 2}' },
      says: /no parameter 'size'/,
    },
    {
      name: 'no q',
      tensors: { k: tensor([1, 1, 1], new Float32Array(1)) },
      metadata: WINDOW,
      says: /needs a tensor 'q'/,
    },
    {
      name: 'a wrong expectation',
      tensors: { ...windowCase(), 'expect.m': tensor([1], new Float32Array(1)) },
      metadata: WINDOW,
      says: /'expect.m' is \[1\]/,
    },
    {
      name: 'lengths that differ',
      tensors: { ...windowCase(), k: tensor([2, 1, 6], new Float32Array(12)) },
      metadata: WINDOW,
      says: /does not fit q/,
    },
  ])('fail with a sentence: $name', async ({ name, tensors, metadata, says }) => {
    const result = await write(`${name.replaceAll(' ', '-')}.safetensors`, tensors, metadata);
    expect(result.status).toBe('FAIL');
    expect(result.message).toMatch(says);
  });

  it('fail with a sentence: a file that is not there', async () => {
    expect(await checkCase('/nowhere/none.safetensors', executor)).toMatchObject({ status: 'FAIL' });
  });
});
