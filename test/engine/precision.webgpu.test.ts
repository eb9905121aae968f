/**
 * WebGPU asked for float16, fallback of operators to the CPU forbidden, against float32 on the CPU. An adapter without
 * `shader-f16`, as SwiftShader, answers in float32; CONTRIBUTING says where there is one with it.
 */

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { floats } from '../../src/engine/onnx/tensor';
import { openDevice } from '../../src/engine/runtime/device';
import { createExecutor, type OrtExecutor } from '../../src/engine/runtime/executor';
import { variantById } from '../../src/engine/variants';
import type { DeviceInfo } from '../../src/protocol/inspection';
import { attendAll, bounds, expectAttended, HALF_ROUNDING } from '../support/attended';
import { devicesUnderTest } from '../support/devices';
import { randomLayer, WIDTH } from '../support/randomLayer';

describe.runIf(devicesUnderTest().includes('webgpu'))('WebGPU asked for float16', () => {
  const cpu = createExecutor('cpu');
  const uploads: number[] = [];
  let info: DeviceInfo;
  let gpu: OrtExecutor;

  beforeAll(async () => {
    const open = await openDevice('webgpu', 'float16');
    await open.executor.release();
    ({ info } = open);
    gpu = createExecutor('webgpu', {
      strict: true,
      precision: info.precision,
      observe({ program, bytes }) {
        if (program.startsWith('upload/')) uploads.push(bytes);
      },
    });
  });
  afterAll(async () => {
    await cpu.release();
    await gpu.release();
  });

  it('computes in it, or says why it does not', () => {
    expect(info.name).toBe('webgpu');
    if (info.precision === 'float16') expect(info.fallback).toBeUndefined();
    else {
      expect(info.fallback).toMatch(/^float16 on WebGPU .+\. Everything is computed in float32 instead\.$/);
    }
  });

  it.each([
    { id: 'dense', params: {} },
    { id: 'local', params: { window: 40, sinks: 3 } },
    { id: 'block-topk', params: { block: 16, keep: 3 } },
  ])(
    'attends with $id as float32 does, but for the roundings of scores',
    { timeout: 300_000 },
    async ({ id, params }) => {
      const layer = randomLayer(cpu, 150);
      const expected = await attendAll(layer, id, params);
      uploads.length = 0;
      const found = await attendAll({ ...layer, executor: gpu }, id, params);
      // Both factors, every sum of a score, and the score.
      const halves = bounds(layer, WIDTH + 2);
      const singles = { weight: 1e-4, output: 1e-4, entropy: 1e-4 };
      expectAttended(found, expected, info.precision === 'float16' ? halves : singles);
      const each = info.precision === 'float16' ? 2 : 4;
      expect(uploads.sort()).toEqual([layer.k, layer.v].map(({ data }) => each * data.length).sort());
    },
  );

  it('sums the values of a long row in float32', { timeout: 300_000 }, async () => {
    const tokens = 5000;
    const layer = { ...randomLayer(gpu, tokens), executor: gpu };
    layer.v.data.fill(1);
    // Every key has the same share.
    const even = { ...layer, q: floats(layer.q.shape) };
    const mixer = await variantById('dense').open(even, {});
    const held = gpu.hold(even.k, even.v);
    const { y, stats } = await mixer.attend({ start: tokens - 8, end: tokens });
    held.release();
    for (const value of y) expect(Math.abs(value - 1)).toBeLessThan(HALF_ROUNDING / 2);
    for (const entropy of stats!.entropy) expect(entropy).toBeCloseTo(Math.log(tokens), 2);
  });
});
