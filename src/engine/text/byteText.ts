/** A text as the bytes that a tokeniser sees, each byte tied to the characters that it came from. */

/**
 * Byte `p` of `bytes[0 … length]` came from characters `starts[p] … ends[p]` (UTF-16 code units). Both
 * are non-decreasing; the bytes of one character share its range.
 */
export interface ByteText {
  readonly length: number;
  readonly bytes: Uint8Array;
  readonly starts: Int32Array;
  readonly ends: Int32Array;
}

/** How a tokeniser rewrites a character with its combining marks, before splitting. */
export type Rewrite = (cluster: string) => string;

const FIRST_MARK = 0x300;
/** A character with its combining marks, or a run of Korean letters that may compose. */
const CLUSTER = /[\u1100-\u11ff\ua960-\ua97f\ud7b0-\ud7ff]+|[^]\p{M}*/uy;

/**
 * @param rewrite Applied to every character with its marks; undefined when the tokeniser changes nothing.
 */
export function toByteText(text: string, rewrite: Rewrite | undefined): ByteText {
  const builder = new Builder(text.length);
  const known = new Map<string, string>();
  const rewritten = (cluster: string): string => {
    let result = known.get(cluster);
    if (result === undefined) known.set(cluster, (result = rewrite?.(cluster) ?? cluster));
    return result;
  };
  for (let at = 0; at < text.length;) {
    const first = text.charCodeAt(at);
    const plain = first < 0x80 && !(text.charCodeAt(at + 1) >= FIRST_MARK);
    if (rewrite === undefined) {
      at = plain ? builder.ascii(first, at) : builder.character(text, at);
    } else {
      const end = plain ? at + 1 : clusterEnd(text, at);
      const cluster = text.slice(at, end);
      const result = rewritten(cluster);
      if (result === cluster) while (at < end) at = builder.character(text, at);
      else builder.string(result, at, end);
      at = end;
    }
  }
  return builder.finish();
}

function clusterEnd(text: string, at: number): number {
  CLUSTER.lastIndex = at;
  return CLUSTER.test(text) ? CLUSTER.lastIndex : at + 1;
}

class Builder {
  private length = 0;
  private bytes: Uint8Array;
  private starts: Int32Array;
  private ends: Int32Array;

  constructor(characters: number) {
    const room = characters + (characters >> 3) + 64;
    this.bytes = new Uint8Array(room);
    this.starts = new Int32Array(room);
    this.ends = new Int32Array(room);
  }

  ascii(byte: number, at: number): number {
    this.push(byte, at, at + 1);
    return at + 1;
  }

  /** Adds the character at `at` and returns where the next one starts. */
  character(text: string, at: number): number {
    const code = text.codePointAt(at)!;
    const end = at + (code > 0xffff ? 2 : 1);
    this.code(code, at, end);
    return end;
  }

  string(result: string, start: number, end: number): void {
    for (const character of result) this.code(character.codePointAt(0)!, start, end);
  }

  finish(): ByteText {
    return { length: this.length, bytes: this.bytes, starts: this.starts, ends: this.ends };
  }

  private code(code: number, start: number, end: number): void {
    if (code < 0x80) {
      this.push(code, start, end);
      return;
    }
    // A lone surrogate has no UTF-8; tokenisers see the replacement character.
    const safe = code >= 0xd800 && code <= 0xdfff ? 0xfffd : code;
    if (safe < 0x800) {
      this.push(0xc0 | (safe >> 6), start, end);
    } else {
      if (safe < 0x10000) {
        this.push(0xe0 | (safe >> 12), start, end);
      } else {
        this.push(0xf0 | (safe >> 18), start, end);
        this.push(0x80 | ((safe >> 12) & 0x3f), start, end);
      }
      this.push(0x80 | ((safe >> 6) & 0x3f), start, end);
    }
    this.push(0x80 | (safe & 0x3f), start, end);
  }

  private push(byte: number, start: number, end: number): void {
    if (this.length === this.bytes.length) this.grow();
    this.bytes[this.length] = byte;
    this.starts[this.length] = start;
    this.ends[this.length] = end;
    this.length++;
  }

  private grow(): void {
    const room = this.length + (this.length >> 1) + 64;
    const widen = <A extends Uint8Array | Int32Array>(from: A, into: A): A => (into.set(from), into);
    this.bytes = widen(this.bytes, new Uint8Array(room));
    this.starts = widen(this.starts, new Int32Array(room));
    this.ends = widen(this.ends, new Int32Array(room));
  }
}
