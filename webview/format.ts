/** Numbers and tokens as a person reads them. */

const grouped = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });

/** `12,345`; a dash where the number is not known. */
export function count(value: number): string {
  return Number.isFinite(value) ? grouped.format(value) : '–';
}

/** `950`, `12.3k`, `1.05M`: at most four characters and a letter, for axes and cells. */
export function compact(value: number): string {
  if (!Number.isFinite(value)) return '–';
  const size = Math.abs(value);
  if (size < 10 && !Number.isInteger(value)) return trimmed(value, 1);
  if (size < 999.5) return String(Math.round(value));
  if (size < 999_500) return `${trimmed(value / 1e3, size < 99_950 ? 1 : 0)}k`;
  return `${trimmed(value / 1e6, 2)}M`;
}

/** Distances double, so they are written in powers of two: `512`, `1k` is 1,024, `32k` is 32,768. */
export function doubling(value: number): string {
  if (value >= 2 ** 20 && value % 2 ** 20 === 0) return `${value / 2 ** 20}M`;
  return value >= 1024 && value % 1024 === 0 ? `${value / 1024}k` : count(value);
}

function trimmed(value: number, digits: number): string {
  return String(Number(value.toFixed(digits)));
}

/** Labels of an axis' ticks: `20k` when every tick is a whole thousand and some are long, else `20,250`. */
export function ticksText(ticks: readonly number[]): (tick: number) => string {
  return ticks.every(tick => tick % 1000 === 0) && ticks.some(tick => tick >= 10_000) ? compact : count;
}

export function nats(value: number): string {
  return Number.isFinite(value) ? value.toFixed(2) : '–';
}

const figures = new Intl.NumberFormat('en', { maximumSignificantDigits: 3, useGrouping: true });

/** A measure of any size to three figures: `0.0312`, `5.69`, `2,410`. */
export function figure(value: number): string {
  return Number.isFinite(value) ? figures.format(value) : '–';
}

/** A share of mass: `31.2 %`, `<0.1 %`. */
export function share(value: number): string {
  if (!Number.isFinite(value)) return '–';
  const percent = value * 100;
  if (percent !== 0 && Math.abs(percent) < 0.1) return percent > 0 ? '<0.1 %' : '>−0.1 %';
  return `${signed(percent, 1)} %`;
}

/** An entry of the mixer matrix, with its sign where it has one: `0.312`, `<0.001`, `−0.04`. */
export function weight(value: number): string {
  if (!Number.isFinite(value)) return '–';
  if (value !== 0 && Math.abs(value) < 0.001) return value > 0 ? '<0.001' : '>−0.001';
  return signed(value, 3);
}

function signed(value: number, digits: number): string {
  return value.toFixed(digits).replace('-', '−');
}

/** `0.4 s`, `12 s`, `3 min 20 s`. */
export function duration(seconds: number): string {
  if (!Number.isFinite(seconds)) return '–';
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 120) return `${Math.round(seconds)} s`;
  const whole = Math.round(seconds);
  return `${Math.floor(whole / 60)} min ${whole % 60} s`;
}

const MARKS: Readonly<Record<string, string>> = { '\n': '⏎', '\r': '␍', '\t': '⇥', ' ': '·', '\u00a0': '⍽' };

/** A token's text with white space and control characters made visible, cut to `limit` characters. */
export function tokenText(text: string, limit = 24): string {
  if (text === '') return '(start)';
  const marked = Array.from(text.replaceAll('\r\n', '\n'), visible);
  return marked.length <= limit ? marked.join('') : `${marked.slice(0, limit - 1).join('')}…`;
}

function visible(character: string): string {
  const mark = MARKS[character];
  if (mark !== undefined) return mark;
  const code = character.codePointAt(0) ?? 0;
  return code < 0x20 ? String.fromCodePoint(0x2400 + code) : code === 0x7f ? '␡' : character;
}

/** A token's text in running text: only what would break the line is made visible. */
export function runningText(text: string): string {
  return text.replaceAll('\r\n', '⏎').replaceAll('\n', '⏎').replaceAll('\r', '␍').replaceAll('\t', '⇥');
}

export function plural(value: number, noun: string): string {
  return `${count(value)} ${noun}${value === 1 ? '' : 's'}`;
}
