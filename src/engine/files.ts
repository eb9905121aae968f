import { open, stat } from 'node:fs/promises';
import { Problem } from '../protocol/problem';

/**
 * Reads a whole file that may not be larger than `limit` bytes; `what` names it in messages, as in
 * "the model's config /a/config.json".
 *
 * @throws Problem when it is missing, a folder, unreadable or too large.
 */
export async function readBoundedFile(path: string, limit: number, what: string): Promise<Buffer> {
  try {
    // Before opening: a pipe would block until somebody writes to it.
    const info = await stat(path);
    if (info.isDirectory()) throw new Problem(`Expected ${what} to be a file, but it is a folder.`);
    if (!info.isFile()) throw new Problem(`Expected ${what} to be an ordinary file.`);
    const handle = await open(path, 'r');
    try {
      const { size } = await handle.stat();
      if (size > limit) throw new Problem(`Expected ${what} to have at most ${limit} bytes, found ${size}.`);
      return await handle.readFile();
    } finally {
      await handle.close();
    }
  } catch (error) {
    throw error instanceof Problem ? error : new Problem(`Could not read ${what}: ${reason(error)}.`);
  }
}

/** `readBoundedFile` as UTF-8 text, without a byte order mark. */
export async function readBoundedText(path: string, limit: number, what: string): Promise<string> {
  return new TextDecoder().decode(await readBoundedFile(path, limit, what));
}

/** Why a file could not be read, as the end of a sentence. */
export function reason(error: unknown): string {
  const code = (error as NodeJS.ErrnoException).code;
  if (code === 'ENOENT' || code === 'ENOTDIR') return 'there is no such file';
  if (code === 'EACCES' || code === 'EPERM') return 'reading it is not permitted';
  return error instanceof Error ? error.message : String(error);
}

/** Why a file could not be written, likewise. */
export function writeReason(error: unknown): string {
  const code = (error as NodeJS.ErrnoException).code;
  if (code === 'ENOENT' || code === 'ENOTDIR') return 'its folder does not exist';
  if (code === 'EACCES' || code === 'EPERM') return 'writing there is not permitted';
  return reason(error);
}
