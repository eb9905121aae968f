/** Finding tokens at characters, in O(log N). */

import type { TokenTable } from '../protocol/inspection';

/** The first index in `0 … length` for which `holds` is true; `holds` must turn true once and stay so. */
export function firstWhere(length: number, holds: (index: number) => boolean): number {
  let low = 0;
  let high = length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (holds(middle)) high = middle;
    else low = middle + 1;
  }
  return low;
}

/**
 * The token of the character at `offset`; at the end of the text, or where no token covers the
 * character, the last token before it. Where several tokens split one character, the last of them: the
 * first that has seen the whole character. Undefined before the first token with characters.
 */
export function tokenAt(table: TokenTable, offset: number): number | undefined {
  const after = firstWhere(table.starts.length, index => table.starts[index]! > offset);
  for (let token = after - 1; token >= 0; token--) {
    if (table.ends[token]! > table.starts[token]!) return token;
  }
  return undefined;
}

/** Like `tokenAt`, but undefined where no token covers the character. */
export function tokenOver(table: TokenTable, offset: number): number | undefined {
  const token = tokenAt(table, offset);
  return token !== undefined && offset < table.ends[token]! ? token : undefined;
}

/** The first token that ends at or after `offset`: those before lie wholly before it and do not touch it. */
export function firstTouching(table: TokenTable, offset: number): number {
  return firstWhere(table.ends.length, index => table.ends[index]! >= offset);
}
