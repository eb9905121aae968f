/** Words, sentences and paragraphs of a document, as runs of tokens. */

import type { TokenTable } from '../../protocol/inspection';

export type UnitKind = 'word' | 'sentence' | 'paragraph';

/** Longer stretches are segmented in parts, since the segmenter's cost grows faster than the text. */
const MAX_SEGMENTED = 4096;

/** The end of a blank line, or of several: where the next paragraph starts. */
const BLANK_LINES = /(?:\r\n|\n|\r)(?:[^\S\r\n]*(?:\r\n|\n|\r))+/g;

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

/** Where words or sentences start. White space goes with the unit before it. */
function segmentStarts(text: string, kind: 'word' | 'sentence'): number[] {
  const segmenter = new Intl.Segmenter('en', { granularity: kind });
  const starts: number[] = [];
  for (const [from, to] of stretches(text)) {
    if (kind === 'sentence' && from > 0) starts.push(from);
    for (const { segment, index } of segmenter.segment(text.slice(from, to))) {
      const blank = kind === 'word' && isSpace(segment.charCodeAt(0));
      if (!blank && from + index > 0) starts.push(from + index);
    }
  }
  return starts;
}

/** Consecutive parts of the text, cut at paragraphs, then at lines, then anywhere between characters. */
function* stretches(text: string): Generator<readonly [number, number]> {
  const starts = [...paragraphStarts(text), text.length];
  let from = 0;
  for (const end of starts) {
    while (end - from > MAX_SEGMENTED) {
      const cut = cutBefore(text, from, from + MAX_SEGMENTED);
      yield [from, cut];
      from = cut;
    }
    if (end > from) yield [from, end];
    from = end;
  }
}

/** A place at or before `limit`, after a line's end or a space where there is one, never inside a pair. */
function cutBefore(text: string, from: number, limit: number): number {
  const half = from + (MAX_SEGMENTED >> 1);
  for (const mark of ['\n', ' ']) {
    const at = text.lastIndexOf(mark, limit - 1);
    if (at >= half) return at + 1;
  }
  const code = text.charCodeAt(limit);
  return code >= 0xdc00 && code <= 0xdfff ? limit - 1 : limit;
}
