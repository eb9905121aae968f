import { expect, it } from 'vitest';

import { openDevice } from '../../src/engine/runtime/device';
import { devicesUnderTest } from '../support/devices';

async function opened(choice: Parameters<typeof openDevice>[0]) {
  const { info, executor } = await openDevice(choice);
  expect(executor.device).toBe(info.name);
  await executor.release();
  return info;
}

it('opens what it is asked for, when that computes as the CPU does', async () => {
  for (const name of devicesUnderTest()) expect(await opened(name)).toEqual({ name, fallback: undefined });
});

it('falls back to the CPU and names the reason', async () => {
  const absent = process.platform === 'darwin' ? 'dml' : 'coreml';
  const info = await opened(absent);
  expect(info.name).toBe('cpu');
  expect(info.fallback).toMatch(/does not exist on .*\. The CPU is used instead\./);
});

it('always finds a device by itself', async () => {
  expect((await opened('auto')).fallback).toBeUndefined();
});
