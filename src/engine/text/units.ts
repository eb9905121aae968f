/** Words, sentences and paragraphs of a document, as runs of tokens. */

import type { TokenTable } from '../../protocol/inspection';

export type UnitKind = 'word' | 'sentence' | 'paragraph';

/** Longer stretches are segmented in parts: the segmenter's cost a character grows with the text it is given. */
const MAX_SEGMENTED = 2048;

/** The end of a blank line, or of several: where the next paragraph starts. */
const BLANK_LINES = /(?:\r\n|\n|\r(?!\n))(?:[^\S\r\n]*(?:\r\n|\n|\r(?!\n)))+/g;

/**
 * The unit of every token, `[N]`: starts at 0 and never falls, and every value up to the last occurs. A
 * token belongs to the unit that holds its first character that is no white space, so the space before a
 * word, where it is a part of the word's token, does not move the word to the unit before.
 */
export function unitsOf(text: string, table: TokenTable, kind: UnitKind): Int32Array {
  const boundaries = kind === 'paragraph' ? paragraphStarts(text) : segmentStarts(text, kind);
  const units = new Int32Array(table.ids.length);
  let next = 0;
  let unit = -1;
  let passed = -1;
  for (let t = 0; t < units.length; t++) {
    const anchor = firstInk(text, table.starts[t]!, table.ends[t]!);
    while (next < boundaries.length && boundaries[next]! <= anchor) next++;
    if (unit < 0 || next > passed) unit++;
    passed = Math.max(passed, next);
    units[t] = unit;
  }
  return units;
}

/** The first character in `start … end` that is no white space; `start` when there is none. */
function firstInk(text: string, start: number, end: number): number {
  for (let at = start; at < end; at++) if (!isSpace(text.charCodeAt(at))) return at;
  return start;
}

function isSpace(code: number): boolean {
  return code === 0x20 || (code >= 9 && code <= 13) || code === 0xa0 || code === 0x2028 || code === 0x2029;
}

/** Where paragraphs start, apart from the first: after each run of blank lines. */
function paragraphStarts(text: string): number[] {
  const starts: number[] = [];
  for (const gap of text.matchAll(BLANK_LINES)) starts.push(gap.index + gap[0].length);
  return starts;
}

/** Where words or sentences start. White space never starts one. */
function segmentStarts(text: string, kind: 'word' | 'sentence'): number[] {
  const segmenter = new Intl.Segmenter('en', { granularity: kind });
  const starts: number[] = [];
  let from = 0;
  for (const end of [...paragraphStarts(text), text.length]) {
    const paragraph = kind === 'sentence' ? unwrap(text.slice(from, end)) : text.slice(from, end);
    for (const at of partStarts(segmenter, paragraph)) {
      if (!isSpace(paragraph.charCodeAt(at))) starts.push(from + at);
    }
    from = end;
  }
  return starts;
}

/** Where the segments of a stretch start, found in parts; each part begins where the last segment did. */
function* partStarts(segmenter: Intl.Segmenter, stretch: string): Generator<number> {
  for (let from = 0; from < stretch.length;) {
    const part = stretch.slice(from, from + MAX_SEGMENTED);
    const starts = Array.from(segmenter.segment(part), segment => segment.index);
    const isLast = from + part.length === stretch.length;
    // The last segment may be cut short by the part's end: it is found again, whole, by the next part.
    const keep = isLast || starts.length === 1 ? starts.length : starts.length - 1;
    for (let i = 0; i < keep; i++) yield from + starts[i]!;
    from += keep === starts.length ? part.length : starts[keep]!;
  }
}

/** Lines of prose, broken for width only: long, and ending and going on inside a sentence. */
const WRAPPED = /(?<=[^\r\n]{40}[\p{L}\p{N},])(?:\r\n|\n)(?=\p{L}|[("'`])/gu;

/** Joins wrapped lines without moving a character, so that a line's end does not end the sentence. */
function unwrap(paragraph: string): string {
  return paragraph.replace(WRAPPED, end => ' '.repeat(end.length));
}
