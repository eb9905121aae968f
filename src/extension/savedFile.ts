/** What a file of the panel is called and holds. */

import { basename, extname } from 'node:path';
import type { SavedFile } from '../protocol/panel';
import { Problem } from '../protocol/problem';

/** The document's name without its extension. */
export function stemOf(name: string): string {
  return basename(name, extname(name));
}

/** A name that every file system takes. */
export function plainName(name: string): string {
  const plain = name
    .replace(/[\u0000-\u001f<>:"/\\|?*]+/g, ' ')
    .replace(/\s+/g, ' ')
    .replace(/^[. ]+|[. ]+$/g, '');
  return plain === '' ? 'longsight' : plain.slice(0, 120);
}

const PNG = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);

/** @throws Problem for a picture that is none. */
export function bytesOf({ kind, content }: Pick<SavedFile, 'kind' | 'content'>): Buffer {
  if (kind !== 'png') return Buffer.from(content, 'utf8');
  const bytes = Buffer.from(content, 'base64');
  if (bytes.subarray(0, PNG.length).equals(PNG)) return bytes;
  throw new Problem('The panel sent something else than a picture; reload the window and try again.');
}
