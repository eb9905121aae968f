/** Ties tokens to the characters that they came from by walking text and tokens side by side. */

import type { ByteText } from './byteText';

/** A token to place. */
export interface Surface {
  readonly bytes: Uint8Array;
  /** An added token's text, looked for in the document as it is; undefined for ordinary tokens. */
  readonly literal: string | undefined;
  /** Stands for text that the vocabulary cannot write. */
  readonly unknown: boolean;
}

const SPACE = 0x20;
/** How far ahead, in bytes, and over how many tokens the walk looks for firm ground after a mismatch. */
const SEARCH_BYTES = 512;
const SEARCH_TOKENS = 8;
/** After so many fruitless searches the walk only steps on, so that it stays linear. */
const MAX_SEARCHES = 1000;

/**
 * Fills `starts` and `ends` for tokens `first … first + surfaces.length`. Takes time linear in text and
 * tokens. Where text and tokens differ (a normaliser rewrote more than single characters), the tokens in
 * doubt all cover the whole stretch up to the next place where both agree again. Never throws.
 */
export function align(
  text: string,
  source: ByteText,
  surfaces: readonly Surface[],
  starts: Int32Array,
  ends: Int32Array,
  first: number,
): void {
  const walk = new Walk(text, source);
  for (let t = 0; t < surfaces.length;) {
    const surface = surfaces[t]!;
    if (!surface.unknown || surface.literal !== undefined) {
      const range = walk.place(surface, walk.at);
      if (range !== undefined) {
        starts[first + t] = range.start;
        ends[first + t] = range.end;
        walk.at = range.next;
        t++;
        continue;
      }
    }
    const { count, next } = walk.findGround(surfaces, t);
    const [start, end] = walk.range(walk.skipSpace(walk.at), next);
    for (let k = 0; k < count; k++) {
      starts[first + t + k] = start;
      ends[first + t + k] = end;
    }
    walk.at = next;
    t += count;
  }
}

interface Placed {
  readonly start: number;
  readonly end: number;
  /** Byte at which the next token is looked for. */
  readonly next: number;
}

class Walk {
  /** The first byte not yet covered. */
  at = 0;
  /** Fruitless searches so far. */
  private searches = 0;

  private readonly text: string;
  private readonly source: ByteText;

  constructor(text: string, source: ByteText) {
    this.text = text;
    this.source = source;
  }

  /** Where a token lies if it comes next at byte `at`, white space aside. */
  place(surface: Surface, at: number): Placed | undefined {
    return surface.literal === undefined
      ? this.placeBytes(surface.bytes, at)
      : this.placeLiteral(surface, at);
  }

  private placeLiteral({ literal, bytes }: Surface, at: number): Placed | undefined {
    const from = this.skipSpace(at);
    for (const p of from === at ? [at] : [at, from]) {
      const start = this.start(p);
      if (literal === '' || !this.text.startsWith(literal!, start)) continue;
      const end = start + literal!.length;
      let next = p;
      while (next < this.source.length && this.source.starts[next]! < end) next++;
      return { start, end, next };
    }
    return this.placeBytes(bytes, at);
  }

  private placeBytes(bytes: Uint8Array, at: number): Placed | undefined {
    const exact = this.match(bytes, 0, at);
    if (exact >= 0) return this.placed(at, exact);
    // Tokenisers put a space before the first word, take any white space for a space, and may drop it.
    const own = bytes[0] === SPACE ? 1 : 0;
    const word = this.skipSpace(at);
    const loose = own < bytes.length ? this.match(bytes, own, word) : word;
    if (loose < 0) return undefined;
    return this.placed(own === 1 && word > at ? word - 1 : word, loose);
  }

  private placed(from: number, next: number): Placed {
    const [start, end] = this.range(from, next);
    return { start, end, next };
  }

  /** The byte after `bytes[from …]` when they stand at `at`; -1 when they do not. */
  private match(bytes: Uint8Array, from: number, at: number): number {
    const { bytes: text, length } = this.source;
    const count = bytes.length - from;
    if (at + count > length) return -1;
    for (let i = 0; i < count; i++) if (text[at + i] !== bytes[from + i]) return -1;
    return at + count;
  }

  /** Characters under bytes `from … to`; an empty range at `from` when there are none. */
  range(from: number, to: number): [number, number] {
    const start = this.start(from);
    return to <= from ? [start, start] : [start, this.source.ends[to - 1]!];
  }

  private start(at: number): number {
    return at < this.source.length ? this.source.starts[at]! : this.text.length;
  }

  skipSpace(at: number): number {
    const { bytes, length } = this.source;
    while (at < length && (bytes[at] === SPACE || (bytes[at]! >= 9 && bytes[at]! <= 13))) at++;
    return at;
  }

  /**
   * The nearest place where a coming token and its successor both fit: how many tokens from `t` on are in
   * doubt, and the byte at which certainty begins again. No token in doubt means that text was dropped.
   */
  findGround(surfaces: readonly Surface[], t: number): { count: number; next: number } {
    const { length, bytes } = this.source;
    const last = Math.min(length, this.at + SEARCH_BYTES);
    const tokens = Math.min(SEARCH_TOKENS, surfaces.length - t);
    for (let p = this.at; p < last && this.searches < MAX_SEARCHES; p++) {
      if ((bytes[p]! & 0xc0) === 0x80) continue;
      for (let k = p === this.at ? 1 : 0; k < tokens; k++) {
        if (this.isGround(surfaces, t + k, p)) return { count: k, next: p };
      }
    }
    this.searches++;
    if (last === length && t + tokens === surfaces.length) return { count: tokens, next: length };
    return { count: 1, next: Math.min(length, this.at + surfaces[t]!.bytes.length) };
  }

  private isGround(surfaces: readonly Surface[], t: number, p: number): boolean {
    const surface = surfaces[t]!;
    if (surface.unknown) return false;
    const own = this.place(surface, p);
    if (own === undefined || own.next === p) return false;
    const following = surfaces[t + 1];
    return following === undefined || following.unknown || this.place(following, own.next) !== undefined;
  }
}
