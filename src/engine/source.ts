/** What a run reads: the tokens of a text, or token ids given as they are. */

import type { InspectRequest } from '../protocol/engine';
import type { TokenTable } from '../protocol/inspection';
import { Problem } from '../protocol/problem';
import { checkDocument } from './text/document';
import { openTokenizer } from './text/tokenizer';

/** Words for token ids. */
export interface Pieces {
  /** The vocabulary entry as the tokeniser writes it, such as `Ġthe`; empty for an id without one. */
  piece(id: number): string;
  /** The text that a token stands for on its own. */
  text(id: number): string;
}

export interface Source {
  readonly text: string;
  readonly table: TokenTable;
  readonly pieces: Pieces;
}

/**
 * @param directory of the checkpoint.
 * @param vocabulary how many ids the model knows.
 * @throws Problem for a text or ids that cannot be inspected.
 */
export async function readSource(
  { text, ids, maxTokens }: Pick<InspectRequest, 'text' | 'ids' | 'maxTokens'>,
  directory: string,
  vocabulary: number,
): Promise<Source> {
  const source = ids === undefined ? await fromText(text, directory, vocabulary) : fromIds(ids, vocabulary);
  checkLength(source, maxTokens);
  return source;
}

/** @throws Problem for no tokens, and for more than the limit. */
export function checkLength({ table }: Source, maxTokens: number): void {
  const count = table.ids.length;
  if (count === 0) throw new Problem('The tokeniser makes no token of this document.');
  if (count <= maxTokens) return;
  throw new Problem(
    `The document has ${count} tokens, more than the limit of ${maxTokens}. ` +
      'Inspect a selection, or raise the limit (longsight.maxTokens).',
  );
}

async function fromText(text: string, directory: string, vocabulary: number): Promise<Source> {
  checkDocument(text);
  const tokenizer = await openTokenizer(directory, vocabulary);
  return { text, table: tokenizer.encode(text), pieces: tokenizer };
}

/** The document is the ids themselves, written with blanks between them. */
function fromIds(ids: readonly number[], vocabulary: number): Source {
  const wrong = ids.find(id => !Number.isInteger(id) || id < 0 || id >= vocabulary);
  if (wrong !== undefined) {
    throw new Problem(`The token id ${wrong} is not in the model's vocabulary, 0 to ${vocabulary - 1}.`);
  }
  if (ids.length === 0) throw new Problem('Expected at least one token id; found none.');
  const starts = new Int32Array(ids.length);
  const ends = new Int32Array(ids.length);
  let at = 0;
  ids.forEach((id, token) => {
    starts[token] = at;
    ends[token] = at + String(id).length;
    at = ends[token] + 1;
  });
  return {
    text: ids.join(' '),
    table: { ids: Int32Array.from(ids), starts, ends },
    pieces: { piece: id => `#${id}`, text: id => `#${id}` },
  };
}
