import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { readHeader, writeSafetensors } from '../../src/engine/model/safetensors';
import { GraphBuilder } from '../../src/engine/onnx/builder';
import { floats, integers } from '../../src/engine/onnx/tensor';
import { createExecutor } from '../../src/engine/runtime/executor';
import { Problem } from '../../src/protocol/problem';
import { devicesUnderTest } from '../support/devices';
import { inFolder } from '../support/folders';

it.each([
  { weights: 2 ** 20, loads: ['a', 'b'] },
  { weights: 24, loads: ['a', 'b', 'a', 'b'] },
])(
  'loads programs again when the weights of all are more than $weights bytes',
  async ({ weights, loads }) => {
    await inFolder(async folder => {
      const path = join(folder, 'weights.safetensors');
      const table = (from: number) => Float32Array.from({ length: 6 }, (_, at) => from + at);
      await writeSafetensors(path, {
        a: { dtype: 'F32', shape: [2, 3], data: table(1) },
        b: { dtype: 'F32', shape: [2, 3], data: table(10) },
      });
      const { tensors } = await readHeader(path);
      const built: string[] = [];
      const program = (name: string) => ({
        key: name,
        build() {
          built.push(name);
          const g = new GraphBuilder(name);
          const x = g.input('x', 'float32', ['B', 3]);
          g.output('y', g.linear(x, g.weight(name, 'float32', [2, 3], tensors.get(name)!)));
          return g.build();
        },
      });
      const executor = createExecutor('cpu', { weights });
      const run = async (name: string) => {
        const { y } = await executor.run(program(name), { x: floats([1, 3], Float32Array.of(1, 1, 1)) });
        return [...(y!.data as Float32Array)];
      };
      for (const [name, expected] of [
        ['a', [6, 15]],
        ['b', [33, 42]],
        ['a', [6, 15]],
        ['b', [33, 42]],
      ] as const) {
        expect(await run(name)).toEqual(expected);
      }
      expect(built).toEqual(loads);
      await executor.release();
    });
  },
);

it('finishes what runs when it is told to release everything', async () => {
  const executor = createExecutor('cpu');
  const program = {
    key: 'double',
    build() {
      const g = new GraphBuilder('double');
      const x = g.input('x', 'float32', ['B']);
      g.output('y', g.arithmetic('Add', x, x));
      return g.build();
    },
  };
  const double = async (x: number) =>
    (await executor.run(program, { x: floats([1], Float32Array.of(x)) }))['y']!;
  expect([...((await double(1)).data as Float32Array)]).toEqual([2]);
  const [y] = await Promise.all([double(4), executor.release(), executor.release()]);
  expect([...(y.data as Float32Array)]).toEqual([8]);
  expect([...((await double(8)).data as Float32Array)]).toEqual([16]);
  await executor.release();
});

it('does not fail one program for another that cannot be loaded', async () => {
  const executor = createExecutor('cpu', { sessions: 1 });
  const broken = {
    key: 'broken',
    build(): never {
      throw new Error('no such graph');
    },
  };
  const [failed] = await Promise.allSettled([executor.run(broken, {}), executor.release()]);
  expect(failed).toMatchObject({ status: 'rejected', reason: new Error('no such graph') });
  const both = await Promise.allSettled([executor.run(broken, {}), executor.release()]);
  expect(both.map(({ status }) => status)).toEqual(['rejected', 'fulfilled']);
});

/** `x [2, N], at [K] -> y [2, K]`, of whatever is fed; `parts` is what N must be a multiple of. */
const taken = (parts: number) => ({
  key: `taken/${parts}`,
  build() {
    const g = new GraphBuilder('taken');
    const x = g.reshape(g.input('x', 'float32', [2, 'N']), [2, 'M', parts]);
    g.output('y', g.gather(g.reshape(x, [2, 'N']), g.input('at', 'int32', ['K']), 1));
    return g.build();
  },
});

describe.each(devicesUnderTest())('tensors held on %s', device => {
  const x = floats(
    [2, 6],
    Float32Array.from({ length: 12 }, (_, at) => at),
  );
  const at = integers([2], Int32Array.of(5, 0));
  const keeps = device === 'webgpu';

  it('cross to the device once, and are fed from host memory again when they are released', async () => {
    const crossed: number[] = [];
    const executor = createExecutor(device, { strict: true, observe: ({ bytes }) => crossed.push(bytes) });
    const run = async () => [...((await executor.run(taken(3), { x, at }))['y']!.data as Float32Array)];
    const held = executor.hold(x);
    expect(executor.holds(x)).toBe(keeps);
    expect(await run()).toEqual([5, 0, 11, 6]);
    expect(await run()).toEqual([5, 0, 11, 6]);
    expect(crossed).toEqual(keeps ? [48, 8, 8] : [56, 56]);
    const late = run();
    held.release();
    held.release();
    expect(await late).toEqual([5, 0, 11, 6]);
    expect(executor.holds(x)).toBe(false);
    crossed.length = 0;
    expect(await run()).toEqual([5, 0, 11, 6]);
    expect(crossed).toEqual([56]);
    await executor.release();
  });

  it('are none that an adapter may not bind whole', () => {
    const executor = createExecutor(device);
    const large = { ...x, shape: [2 ** 13, 2 ** 13] };
    executor.hold(large, x);
    expect([executor.holds(large), executor.holds(x)]).toEqual([false, keeps]);
  });

  it('outlive the sessions that made and read them', async () => {
    const executor = createExecutor(device, { strict: true });
    const held = executor.hold(x);
    await executor.run(taken(3), { x, at });
    await executor.release();
    const { y } = await executor.run(taken(2), { x, at });
    expect([...(y!.data as Float32Array)]).toEqual([5, 0, 11, 6]);
    held.release();
    await executor.release();
  });

  it('are given back after a run that fails, of which a person is told unless it is the CPU', async () => {
    const executor = createExecutor(device, { strict: true });
    const held = executor.hold(x);
    const failing = await executor.run(taken(4), { x, at }).catch((error: unknown) => error);
    expect(failing).toBeInstanceOf(Error);
    expect(failing instanceof Problem).toBe(device !== 'cpu');
    if (failing instanceof Problem) {
      expect(failing.message).toMatch(
        /^WebGPU failed: The input tensor cannot be .*\. Choose the CPU as the device/,
      );
    }
    const { y } = await executor.run(taken(3), { x, at });
    expect([...(y!.data as Float32Array)]).toEqual([5, 0, 11, 6]);
    held.release();
    await executor.release();
    const cpu = createExecutor('cpu');
    expect([...((await cpu.run(taken(3), { x, at }))['y']!.data as Float32Array)]).toEqual([5, 0, 11, 6]);
    await cpu.release();
  });
});
