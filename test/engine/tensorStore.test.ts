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
