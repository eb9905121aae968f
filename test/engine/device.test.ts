import { describe, expect, it, vi } from 'vitest';

import { openDevice } from '../../src/engine/runtime/device';
import { reasonOf } from '../../src/engine/runtime/deviceTrouble';
import { hasVulkanDriver } from '../../src/engine/runtime/vulkan';
import { Problem } from '../../src/protocol/problem';
import { devicesUnderTest } from '../support/devices';

vi.mock(import('../../src/engine/runtime/vulkan'), async original => ({
  hasVulkanDriver: vi.fn((await original()).hasVulkanDriver),
}));

async function opened(choice: Parameters<typeof openDevice>[0]) {
  const { info, executor } = await openDevice(choice);
  expect(executor.device).toBe(info.name);
  await executor.release();
  return info;
}

it('opens what it is asked for, when that computes as the CPU does', async () => {
  for (const name of devicesUnderTest()) {
    expect(await opened(name)).toEqual({ name, precision: 'float32', fallback: undefined });
  }
});

describe('float16', () => {
  it.each(devicesUnderTest())(
    'is opened on %s where that computes in it, or float32 with the reason',
    async name => {
      const { executor, info } = await openDevice(name, 'float16');
      await executor.release();
      expect(info.name).toBe(name);
      if (name === 'cpu') {
        expect(info).toMatchObject({
          precision: 'float32',
          fallback:
            'float16 is offered on WebGPU only, not on CPU. Everything is computed in float32 instead.',
        });
      } else if (info.precision === 'float32') {
        expect(info.fallback).toMatch(
          /^float16 on WebGPU [^\n.]+\. Everything is computed in float32 instead\.$/,
        );
      } else {
        expect(info.fallback).toBeUndefined();
      }
    },
  );

  it('is told of after the device that is missing', async () => {
    const absent = process.platform === 'darwin' ? 'dml' : 'coreml';
    const { executor, info } = await openDevice(absent, 'float16');
    await executor.release();
    expect(info.fallback).toMatch(
      /The CPU is used instead\. float16 is offered on WebGPU only, not on CPU\. [^.]+ instead\.$/,
    );
  });
});

it('falls back to the CPU and names the reason', async () => {
  const absent = process.platform === 'darwin' ? 'dml' : 'coreml';
  const info = await opened(absent);
  expect(info.name).toBe('cpu');
  expect(info.fallback).toMatch(/does not exist on .*\. The CPU is used instead\./);
});

it.each(['cuda', 'dml', 'coreml'] as const)('opens %s, or says in one sentence why not', async choice => {
  const { name, fallback } = await opened(choice);
  if (name === choice) expect(fallback).toBeUndefined();
  else expect(fallback).toMatch(/^(CUDA|DirectML|CoreML) [^\n.]+\. The CPU is used instead\.$/);
});

it.runIf(process.platform === 'linux')(
  'does not ask for WebGPU where there is no Vulkan driver',
  async () => {
    vi.mocked(hasVulkanDriver).mockReturnValue(false);
    expect((await opened('webgpu')).fallback).toBe(
      'WebGPU needs a Vulkan driver, and none was found. The CPU is used instead.',
    );
    expect(await opened('auto')).toMatchObject({ fallback: undefined });
    vi.mocked(hasVulkanDriver).mockReset();
  },
);

it('takes the last words of what the runtime says', () => {
  const said =
    '/src/core/webgpu_context.cc:136 onnx::Initialize(const Config&)::<lambda()> status == Success was false. ' +
    'Failed to get an adapter: No supported adapters\n';
  const reason = 'Failed to get an adapter: No supported adapters';
  expect(reasonOf(new Error(said))).toBe(reason);
  expect(reasonOf(new Problem('WebGPU failed.', { cause: new Error(said) }))).toBe(reason);
  const kernel =
    "Non-zero status code returned while running Cast node. Name:'c' Status Message: no f16 here";
  expect(reasonOf(new Error(kernel))).toBe('no f16 here');
});

it('always finds a device by itself', async () => {
  expect((await opened('auto')).fallback).toBeUndefined();
});
