import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { spawnSync } from 'node:child_process';
import { expect, it } from 'vitest';

import { Problem } from '../../src/protocol/problem';
import { removeLeftovers, TensorStore } from '../../src/engine/tensorStore';
import { inFolder } from '../support/folders';

const SIZE = 1000;
const BYTES = SIZE * 4;

function filled(store: TensorStore, seed: number) {
  const tensor = store.tensor([10, SIZE / 10]);
  tensor.data.forEach((_, at) => (tensor.data[at] = seed + at / 7));
  return { tensor, copy: tensor.data.slice() };
}

it('keeps what fits, writes out the rest, and reads it back unchanged', async () => {
  await inFolder(async directory => {
    const store = new TensorStore({ directory, budget: 2 * BYTES });
    const made = [];
    for (let seed = 0; seed < 5; seed++) {
      made.push(filled(store, seed));
      await store.settle();
      expect(store.resident).toBeLessThanOrEqual(2 * BYTES);
    }
    expect(await readdir(directory)).toHaveLength(1);
    for (const { tensor, copy } of [...made, ...made.toReversed()]) {
      expect(tensor.data).toEqual(copy);
      expect(store.resident).toBeLessThanOrEqual(3 * BYTES);
    }
    await store.close();
    expect(await readdir(directory)).toEqual([]);
  });
});

it('keeps together what is read together, also where that exceeds the budget', async () => {
  await inFolder(async directory => {
    const store = new TensorStore({ directory, budget: 0 });
    const made = [0, 1, 2, 3].map(seed => filled(store, seed));
    await store.settle();
    const [first, second, third] = made.map(({ tensor }) => tensor);
    await store.recall([first!, second!]);
    expect(store.resident).toBe(2 * BYTES);
    const held = [first!.data, second!.data];
    expect([first!.data, second!.data].every((data, at) => data === held[at])).toBe(true);
    expect(held).toEqual(made.slice(0, 2).map(({ copy }) => copy));
    await store.recall([third!, { type: 'float32', shape: [1], data: new Float32Array(1) }]);
    expect(store.resident).toBe(BYTES);
    expect(third!.data).toEqual(made[2]!.copy);
    await store.close();
    await store.recall([first!]);
    expect(() => first!.data).toThrow(Problem);
  });
});

it('answers every one of many recalls at once', async () => {
  await inFolder(async directory => {
    const store = new TensorStore({ directory, budget: 0 });
    const made = [0, 1, 2].map(seed => filled(store, seed));
    await store.settle();
    await Promise.all([0, 1, 2, 0, 1, 2].map(at => store.recall([made[at]!.tensor])));
    for (const { tensor, copy } of made) expect(tensor.data).toEqual(copy);
    await store.close();
  });
});

it('makes no file where everything fits', async () => {
  await inFolder(async directory => {
    const store = new TensorStore({ directory: join(directory, 'none'), budget: BYTES });
    filled(store, 1);
    await store.settle();
    await store.close();
    expect(await readdir(directory)).toEqual([]);
  });
});

it('removes what a crashed process left, and nothing else', async () => {
  await inFolder(async directory => {
    const gone = spawnSync(process.execPath, ['-e', '']).pid;
    const ours = `${process.pid}-1.longsight-tensors`;
    for (const name of [`${gone}-1.longsight-tensors`, ours, `${gone}-notes.txt`]) {
      await writeFile(join(directory, name), 'x');
    }
    removeLeftovers(directory);
    expect((await readdir(directory)).sort()).toEqual([ours, `${gone}-notes.txt`].sort());
  });
});

it('says in a sentence that the disk does not take it', async () => {
  await inFolder(async directory => {
    await writeFile(join(directory, 'file'), '');
    const store = new TensorStore({ directory: join(directory, 'file'), budget: 0 });
    filled(store, 1);
    await expect(store.settle()).rejects.toThrow(/could not be written to .*file/);
    await store.close();
  });
});

it('says in a sentence that what was written out is gone', async () => {
  await inFolder(async directory => {
    const store = new TensorStore({ directory, budget: 0 });
    const { tensor } = filled(store, 1);
    await store.settle();
    await store.close();
    expect(() => tensor.data).toThrow(Problem);
  });
});
