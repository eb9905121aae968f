/** Document text and numbers as they appear in Markdown: nothing in a document may become markup. */

/** Makes blanks visible: newline ⏎, tab ⇥, space ·. Other control characters become ␦. */
export function showBlanks(text: string): string {
  return text
    .replace(/\r\n|\r|\n/g, '⏎')
    .replaceAll('\t', '⇥')
    .replaceAll(' ', '·')
    .replace(/\p{Cc}|[\u2028\u2029]/gu, '␦');
}

/** The text shortened in the middle to at most `limit` characters (code points). */
export function shorten(text: string, limit: number): string {
  // Cut coarsely first: spreading a long text to find its end would cost its whole length.
  const ends = text.length > 4 * limit ? text.slice(0, 2 * limit) + text.slice(-2 * limit) : text;
  const points = [...ends];
  if (points.length <= limit) return ends;
  const half = Math.floor((limit - 1) / 2);
  return `${points.slice(0, limit - 1 - half).join('')}…${points.slice(points.length - half).join('')}`;
}

/** Text in a code span. */
export function code(text: string): string {
  const shown = showBlanks(text);
  if (shown === '') return '*empty*';
  const longest = Math.max(0, ...[...shown.matchAll(/`+/g)].map(run => run[0].length));
  const fence = '`'.repeat(longest + 1);
  const pad = shown.startsWith('`') || shown.endsWith('`') ? ' ' : '';
  return `${fence}${pad}${shown}${pad}${fence}`;
}

/** Text in a code span inside a table, where a bar would end the cell. */
export function codeCell(text: string): string {
  return code(text).replaceAll('|', '\\|');
}

/** Text outside code spans with every character that Markdown or its HTML could read as markup escaped. */
export function plain(text: string): string {
  return text.replace(/\r\n|\r|\n/g, ' ').replace(/[\\`*_{}[\]()#+\-.!|<>~&$@:]/g, '\\$&');
}

/** A weight or mass as a percentage with three significant digits at most. */
export function percent(share: number): string {
  const value = 100 * share;
  if (!Number.isFinite(value)) return '–';
  const size = Math.abs(value);
  return `${value.toFixed(size >= 10 ? 1 : size >= 1 ? 2 : 3)} %`;
}

/** A count with thousands separators. */
export function count(value: number): string {
  return value.toLocaleString('en');
}

/** A count with its noun, such as `1 token` or `2,000 tokens`. */
export function countOf(value: number, noun: string): string {
  return `${count(value)} ${noun}${value === 1 ? '' : 's'}`;
}

/** A figure with `digits` decimals; a dash where there is none. */
export function figure(value: number | undefined, digits: number): string {
  return value === undefined || !Number.isFinite(value) ? '–' : value.toFixed(digits);
}

/** A link that runs a command with arguments. */
export function commandLink(label: string, command: string, ...args: readonly unknown[]): string {
  // Parentheses are legal in a URI but would end the link.
  const encoded = encodeURIComponent(JSON.stringify(args)).replaceAll('(', '%28').replaceAll(')', '%29');
  const query = args.length === 0 ? '' : `?${encoded}`;
  return `[${label}](command:${command}${query})`;
}
