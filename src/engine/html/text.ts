/** Stretches of the document in a report. */

import type { TokenTable } from '../../protocol/inspection';
import { type Markup, tag } from './markup';

/** Characters before and after a token in a snippet. */
const AROUND = 32;

/** Characters of the token itself, at most. */
const OF_TOKEN = 256;

export interface Document {
  readonly text: string;
  readonly table: TokenTable;
}

/** A token among its neighbours on one line; the token is marked. */
export function snippet({ text, table }: Document, token: number, around = AROUND): Markup {
  const start = table.starts[token]!;
  const end = table.ends[token]!;
  const before = text.slice(Math.max(0, start - around), start);
  const after = text.slice(end, end + around);
  const shown = visible(text.slice(start, Math.min(end, start + OF_TOKEN)));
  return tag(
    'span',
    { class: 'text' },
    start > around ? '…' : '',
    visible(before),
    tag('mark', {}, shown === '' ? '(start)' : shown),
    end > start + OF_TOKEN ? '…' : '',
    visible(after),
    end + around < text.length ? '…' : '',
  );
}

export function lineOf({ text, table }: Document, token: number): number {
  let line = 1;
  for (let at = text.indexOf('\n'); at >= 0 && at < table.starts[token]!; at = text.indexOf('\n', at + 1)) {
    line += 1;
  }
  return line;
}

function visible(text: string): string {
  return text
    .replaceAll('\r\n', '⏎')
    .replace(/[\r\n]/g, '⏎')
    .replaceAll('\t', '⇥');
}
