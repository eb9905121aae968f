/** Rows of an embedding table, read from disk as they are needed: the table itself is never loaded. */

import { type FileHandle } from 'node:fs/promises';

import { widenBfloat, widenHalf } from './halfFloat';
import { type TensorEntry, WIDTHS } from './tensor';
import { openTensorFile, readExactly } from './tensorFile';

/** The rows of `table [V, M]` for `ids [N]`, as `[N, M]` float32. */
export async function embed(table: TensorEntry, ids: Int32Array): Promise<Float32Array> {
  const width = table.shape[1]!;
  const hidden = new Float32Array(ids.length * width);
  const rowBytes = width * WIDTHS[table.dtype];
  const first = new Map<number, number>();
  const handle = await openTensorFile(table.file);
  try {
    for (let token = 0; token < ids.length; token++) {
      const id = ids[token]!;
      const known = first.get(id);
      if (known !== undefined) {
        hidden.copyWithin(token * width, known * width, (known + 1) * width);
        continue;
      }
      first.set(id, token);
      await readRow(handle, table, table.offset + id * rowBytes, rowBytes, hidden, token * width);
    }
  } finally {
    await handle.close();
  }
  return hidden;
}

async function readRow(
  handle: FileHandle,
  { dtype, file }: TensorEntry,
  position: number,
  length: number,
  into: Float32Array,
  at: number,
): Promise<void> {
  const { buffer } = await readExactly(handle, position, length, file);
  if (dtype === 'F16') widenHalf(new Uint16Array(buffer), into, at);
  else if (dtype === 'BF16') widenBfloat(new Uint16Array(buffer), into, at);
  else into.set(new Float32Array(buffer), at);
}
