/** The document of a tensor dump: its tokens and where they stand in its text. */

import type { TokenTable } from '../protocol/inspection';
import { Problem } from '../protocol/problem';
import { readIntegers, type TensorFile } from './model/safetensors';
import { showShape } from './onnx/tensor';
import type { Source } from './source';

/**
 * What the file says of its tokens; without a word of it they are numbered.
 *
 * @param tokens `N` of its tensors.
 * @throws Problem naming the tensor or metadata that does not fit.
 */
export async function readTokens(file: TensorFile, tokens: number): Promise<Source> {
  const strings = tokenStrings(file, tokens);
  const text = file.metadata.get('text');
  const offsets = await integers(file, 'offsets', [tokens, 2]);
  const ids = (await integers(file, 'ids', [tokens])) ?? numbered(strings, tokens);
  const known = new Map(Array.from(ids, (id, token) => [id, strings?.[token] ?? `#${id}`]));
  const pieces = {
    piece: (id: number) => known.get(id) ?? '',
    text: (id: number) => known.get(id) ?? `#${id}`,
  };
  if (text !== undefined && offsets !== undefined) {
    return { text, table: placed(text, offsets, ids, file.file), pieces };
  }
  const words = strings ?? Array.from(ids, (_, token) => `${token} `);
  const starts = new Int32Array(tokens);
  const ends = new Int32Array(tokens);
  let at = 0;
  words.forEach((word, token) => {
    starts[token] = at;
    at += word.length;
    ends[token] = strings === undefined ? at - 1 : at;
  });
  return { text: words.join(''), table: { ids, starts, ends }, pieces };
}

/** A tensor of whole numbers, if there is one; a batch of one may stand before its shape. */
async function integers(
  file: TensorFile,
  name: string,
  shape: readonly number[],
): Promise<Int32Array | undefined> {
  const entry = file.tensors.get(name);
  if (entry === undefined) return undefined;
  const batch = entry.shape.slice(0, -shape.length);
  const fits = entry.shape.slice(-shape.length).join() === shape.join();
  if (fits && batch.every(length => length === 1)) return readIntegers(entry);
  throw new Problem(`In ${file.file}, '${name}' is ${showShape(entry.shape)}, expected ${showShape(shape)}.`);
}

function tokenStrings(file: TensorFile, tokens: number): readonly string[] | undefined {
  const written = file.metadata.get('tokens');
  if (written === undefined) return undefined;
  let list: unknown;
  try {
    list = JSON.parse(written);
  } catch {
    list = undefined;
  }
  if (Array.isArray(list) && list.length === tokens && list.every(item => typeof item === 'string'))
    return list;
  const found = Array.isArray(list) ? `a list of ${list.length}` : 'something else';
  throw new Problem(
    `In ${file.file}, the metadata 'tokens' must be a JSON list of ${tokens} texts; it is ${found}.`,
  );
}

/** The same number for the same text; without texts, a number for every token. */
function numbered(strings: readonly string[] | undefined, tokens: number): Int32Array {
  const numbers = new Map<string, number>();
  return Int32Array.from({ length: tokens }, (_, token) => {
    if (strings === undefined) return token;
    const text = strings[token]!;
    if (!numbers.has(text)) numbers.set(text, numbers.size);
    return numbers.get(text)!;
  });
}

/**
 * Offsets in code points, as Python counts characters, brought to UTF-16 code units. A token that covers
 * nothing, such as one that a tokeniser adds, stands where the token before it ends.
 */
function placed(text: string, offsets: Int32Array, ids: Int32Array, file: string): TokenTable {
  const units = unitsOfPoints(text);
  const starts = new Int32Array(ids.length);
  const ends = new Int32Array(ids.length);
  let [lastStart, lastEnd] = [0, 0];
  for (let token = 0; token < ids.length; token++) {
    const start = offsets[2 * token]!;
    const end = offsets[2 * token + 1]!;
    for (const offset of [start, end]) {
      if (offset >= 0 && offset < units.length) continue;
      throw new Problem(
        `In ${file}, token ${token} covers character ${offset}, but the text has ${units.length - 1}.`,
      );
    }
    if (start !== end) {
      if (start > end || start < lastStart || end < lastEnd) {
        throw new Problem(
          `In ${file}, token ${token} covers characters ${start} to ${end}, which is out of order after ${lastStart} to ${lastEnd}; expected tokens in the order of the text.`,
        );
      }
      [lastStart, lastEnd] = [start, end];
    }
    starts[token] = units[start === end ? lastEnd : start]!;
    ends[token] = units[start === end ? lastEnd : end]!;
  }
  return { ids, starts, ends };
}

/** Where each code point starts in UTF-16 code units, and where the last one ends. */
function unitsOfPoints(text: string): Int32Array {
  const units = new Int32Array(text.length + 1);
  let point = 0;
  let at = 0;
  for (const character of text) {
    units[point++] = at;
    at += character.length;
  }
  units[point] = at;
  return units.subarray(0, point + 1);
}
