/** Documents as they come from editors and files: not empty, not binary, not huge. */

import { Problem } from '../../protocol/problem';
import { readBoundedFile } from '../files';

const MAX_DOCUMENT_BYTES = 64 * 1024 * 1024;
/** A larger share of characters that are no valid text means that the file is not text. */
const MAX_REPLACED_SHARE = 0.1;

/** @throws Problem when the text is empty or looks like a binary file. */
export function checkDocument(text: string): void {
  if (text.length === 0) {
    throw new Problem('The document is empty; expected some text to inspect.');
  }
  const zeros = count(text, '\0');
  if (zeros > 0) {
    throw new Problem(
      `The document holds ${zeros} NUL ${zeros === 1 ? 'character' : 'characters'}, as binary files do; expected text.`,
    );
  }
  const replaced = count(text, '\ufffd');
  if (replaced > MAX_REPLACED_SHARE * text.length) {
    throw new Problem(
      `${replaced} of the document's ${text.length} characters are not valid UTF-8; expected text. ` +
        'It is a binary file or saved in another encoding.',
    );
  }
}

/**
 * Reads a text file as UTF-8, without its byte order mark.
 *
 * @throws Problem when it is missing, a folder, larger than 64 MB, empty or binary.
 */
export async function readDocument(path: string): Promise<string> {
  const bytes = await readBoundedFile(path, MAX_DOCUMENT_BYTES, `the document ${path}`);
  const text = new TextDecoder().decode(bytes);
  checkDocument(text);
  return text;
}

function count(text: string, character: string): number {
  let found = 0;
  for (let at = text.indexOf(character); at >= 0; at = text.indexOf(character, at + 1)) found++;
  return found;
}
