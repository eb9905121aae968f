import { open, stat } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { Problem } from '../../protocol/problem';
import { reason } from '../files';

/** @throws Problem when the file is missing, not an ordinary file, or may not be read. */
export async function openTensorFile(path: string): Promise<FileHandle> {
  try {
    if ((await stat(path)).isFile()) return await open(path, 'r');
  } catch (error) {
    throw new Problem(`Could not open the safetensors file ${path}: ${reason(error)}.`);
  }
  throw new Problem(`Expected the safetensors file ${path} to be a file, but it is a folder or a device.`);
}

/** @throws Problem when the file ends before `position + length`. */
export async function readExactly(
  handle: FileHandle,
  position: number,
  length: number,
  path: string,
): Promise<Uint8Array<ArrayBuffer>> {
  const buffer = new Uint8Array(length);
  let done = 0;
  while (done < length) {
    const { bytesRead } = await handle.read(buffer, done, length - done, position + done);
    if (bytesRead === 0) {
      throw new Problem(
        `The safetensors file ${path} is torn: expected ${length} bytes at ${position}, found ${done}. Download it again.`,
      );
    }
    done += bytesRead;
  }
  return buffer;
}
