/** Float32 numbers on their way from one process to another: one array after the other in a file. */

import { open } from 'node:fs/promises';

import { Problem } from '../../protocol/problem';
import { writeReason } from '../files';

/** One read or write, at most: the system refuses more than 2 GiB. */
const PIECE = 2 ** 28;

export interface NumberReader {
  /** Fills `into` with the numbers that come next. @throws Problem where the file has fewer. */
  read(into: Float32Array): Promise<void>;
  close(): Promise<void>;
}

/**
 * @param path of a file that is not there yet.
 * @throws Problem when the disk does not take it.
 */
export async function writeNumbers(path: string, arrays: readonly Float32Array[]): Promise<void> {
  try {
    const handle = await open(path, 'wx', 0o600);
    try {
      for (const { buffer, byteOffset, byteLength } of arrays) {
        for (let at = 0; at < byteLength; at += PIECE) {
          const length = Math.min(PIECE, byteLength - at);
          await handle.writeFile(new Uint8Array(buffer, byteOffset + at, length));
        }
      }
    } finally {
      await handle.close();
    }
  } catch (error) {
    throw new Problem(
      `What the graph computed could not be written to ${path}: ${writeReason(error)}. Free some disk space, or inspect a selection.`,
    );
  }
}

export async function readNumbers(path: string): Promise<NumberReader> {
  const handle = await open(path, 'r').catch(torn);
  return {
    async read({ buffer, byteOffset, byteLength }) {
      for (let at = 0; at < byteLength;) {
        const piece = new Uint8Array(buffer, byteOffset + at, Math.min(PIECE, byteLength - at));
        const { bytesRead } = await handle.read(piece).catch(torn);
        if (bytesRead === 0) torn();
        at += bytesRead;
      }
    },
    close: () => handle.close(),
  };
}

function torn(): never {
  throw new Problem('What the graph computed could not be read back. Inspect the document again.');
}
