/** Writes one `[N, W]` tensor as a safetensors file, a block of rows at a time. */

import { open } from 'node:fs/promises';

import { Problem } from '../../protocol/problem';

export interface RowWriter {
  /** Rows in order, `[B, W]` laid flat. */
  write(rows: Float32Array): Promise<void>;
  close(): Promise<void>;
}

/**
 * @param shape `[N, W]` of all that will be written.
 * @throws Problem when the file cannot be made.
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
  const file = await open(path, 'w').catch((error: unknown) => {
    throw new Problem(`Could not write ${path}: ${(error as Error).message}.`);
  });
  await file.writeFile(Buffer.concat([prefix, header]));
  return {
    write: rows => file.writeFile(new Uint8Array(rows.buffer, rows.byteOffset, rows.byteLength)),
    close: () => file.close(),
  };
}
