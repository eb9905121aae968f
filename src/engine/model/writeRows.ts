/** Writes one `[N, W]` tensor as a safetensors file, a block of rows at a time. */

import { open, rename, rm, stat } from 'node:fs/promises';

import { Problem } from '../../protocol/problem';
import { writeReason } from '../files';

export interface RowWriter {
  /** Rows in order, `[B, W]` laid flat. */
  write(rows: Float32Array): Promise<void>;
  /** Puts the whole file in its place. */
  finish(): Promise<void>;
  /** Leaves nothing of what was written. */
  discard(): Promise<void>;
}

/**
 * A writer to a file beside `path`, which is replaced only when all is written.
 *
 * @param shape `[N, W]` of all that will be written.
 * @throws Problem when the file cannot be made; so do the writer's own functions.
 */
export async function openRowWriter(
  path: string,
  name: string,
  shape: readonly [number, number],
): Promise<RowWriter> {
  const bytes = shape[0] * shape[1] * Float32Array.BYTES_PER_ELEMENT;
  const bare = JSON.stringify({ [name]: { dtype: 'F32', shape, data_offsets: [0, bytes] } });
  const header = Buffer.from(bare.padEnd(Math.ceil(bare.length / 8) * 8));
  const prefix = Buffer.alloc(8);
  prefix.writeBigUInt64LE(BigInt(header.length));
  const refuse = (error: unknown): never => {
    throw new Problem(`Could not write ${path}: ${writeReason(error)}.`);
  };
  // A device or a pipe is written to as it is.
  const isFile = await stat(path).then(
    found => found.isFile(),
    () => true,
  );
  const part = isFile ? `${path}.${process.pid}.part` : path;
  const file = await open(part, 'w').catch(refuse);
  const discard = async () => {
    await file.close();
    if (isFile) await rm(part, { force: true });
  };
  try {
    await file.writeFile(Buffer.concat([prefix, header]));
  } catch (error) {
    await discard();
    return refuse(error);
  }
  return {
    write: rows =>
      file.writeFile(new Uint8Array(rows.buffer, rows.byteOffset, rows.byteLength)).catch(refuse),
    async finish() {
      await file.close();
      if (isFile) await rename(part, path).catch(refuse);
    },
    discard,
  };
}
