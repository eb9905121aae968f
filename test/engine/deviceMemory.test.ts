/** How long a device keeps tensors, with copies that tell when they are made and disposed of. */

import { expect, it } from 'vitest';

import { floats } from '../../src/engine/onnx/tensor';
import { DeviceMemory } from '../../src/engine/runtime/deviceMemory';

interface Copy {
  disposed: number;
  dispose(): void;
}

function memoryOf(fails: () => boolean = () => false) {
  const copies: Copy[] = [];
  const memory = new DeviceMemory<Copy>(async () => {
    await Promise.resolve();
    if (fails()) throw new Error('no memory');
    const copy = { disposed: 0, dispose: () => void (copy.disposed += 1) };
    copies.push(copy);
    return copy;
  });
  return { memory, copies };
}

const tensor = floats([2], Float32Array.of(1, 2));
const settled = () => new Promise(resolve => setImmediate(resolve));

it('copies a tensor once for all that read it, and disposes of it once', async () => {
  const { memory, copies } = memoryOf();
  memory.hold(tensor);
  const read = () => memory.reading([tensor, floats([1])], seen => Promise.resolve([...seen.values()]));
  const [one, other] = await Promise.all([read(), read()]);
  expect(one).toEqual([copies[0]]);
  expect(other).toEqual([copies[0]]);
  expect(await read()).toEqual([copies[0]]);
  expect(copies).toHaveLength(1);
  memory.release(tensor);
  memory.release(tensor);
  await settled();
  expect(copies[0]!.disposed).toBe(1);
  expect(memory.has(tensor)).toBe(false);
  expect(await read()).toEqual([]);
});

it('keeps a copy as long as somebody holds it', async () => {
  const { memory, copies } = memoryOf();
  memory.hold(tensor);
  memory.hold(tensor);
  await memory.reading([tensor], () => Promise.resolve());
  memory.release(tensor);
  await settled();
  expect(memory.has(tensor)).toBe(true);
  expect(copies[0]!.disposed).toBe(0);
  memory.release(tensor);
  await settled();
  expect(copies[0]!.disposed).toBe(1);
});

it('keeps a copy that is read until the reader is done, also when it fails', async () => {
  for (const outcome of ['is done', 'fails'] as const) {
    const { memory, copies } = memoryOf();
    memory.hold(tensor);
    const reading = memory.reading([tensor], async () => {
      memory.release(tensor);
      await settled();
      expect(copies[0]!.disposed).toBe(0);
      expect(memory.has(tensor)).toBe(false);
      if (outcome === 'fails') throw new Error('run failed');
    });
    expect((await Promise.allSettled([reading]))[0].status).toBe(
      outcome === 'fails' ? 'rejected' : 'fulfilled',
    );
    await settled();
    expect(copies[0]!.disposed).toBe(1);
  }
});

it('disposes of all copies when told to, of those that are read when that is done', async () => {
  const { memory, copies } = memoryOf();
  const read = (isCleared = false) =>
    memory.reading([tensor], seen => {
      if (isCleared) memory.clear();
      return Promise.resolve([...seen.values()]);
    });
  memory.hold(tensor);
  await read();
  memory.clear();
  expect(copies.map(({ disposed }) => disposed)).toEqual([1]);
  expect(await read(true)).toEqual([copies[1]]);
  expect(copies.map(({ disposed }) => disposed)).toEqual([1, 1]);
  expect(await read()).toEqual([copies[2]]);
  memory.release(tensor);
  memory.clear();
  expect(copies.map(({ disposed }) => disposed)).toEqual([1, 1, 1]);
});

it('makes no copy that nobody reads', async () => {
  const { memory, copies } = memoryOf();
  memory.hold(tensor);
  memory.release(tensor);
  await settled();
  expect(copies).toHaveLength(0);
});

it('tells the reader that a copy cannot be made, and tries again', async () => {
  let isFull = true;
  const { memory, copies } = memoryOf(() => isFull);
  memory.hold(tensor);
  await expect(memory.reading([tensor], () => Promise.resolve())).rejects.toThrow('no memory');
  isFull = false;
  expect(await memory.reading([tensor], seen => Promise.resolve(seen.size))).toBe(1);
  isFull = true;
  memory.release(tensor);
  await settled();
  expect(copies.map(({ disposed }) => disposed)).toEqual([1]);
});
