import { join } from 'node:path';
import { expect, it } from 'vitest';

import { readHeader, writeSafetensors } from '../../src/engine/model/safetensors';
import { GraphBuilder } from '../../src/engine/onnx/builder';
import { floats } from '../../src/engine/onnx/tensor';
import { createExecutor } from '../../src/engine/runtime/executor';
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
