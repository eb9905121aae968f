/** What the entries of a vocabulary stand for, as bytes. */

/** The three ways in which vocabularies write text. */
export interface PieceStyle {
  /** Every character of a piece stands for one byte, as in GPT-2. */
  readonly byteLevel: boolean;
  /** What marks a piece that continues a word (`##`); empty for none. */
  readonly continuing: string;
  /** What marks a piece that ends a word (`</w>`); empty for none. */
  readonly ending: string;
}

const encoder = new TextEncoder();

/** GPT-2's table: printable bytes stand for themselves, the others are numbered from U+0100. */
function byteTable(): ReadonlyMap<string, number> {
  const table = new Map<string, number>();
  let next = 0x100;
  for (let byte = 0; byte < 256; byte++) {
    const printable = (byte > 0x20 && byte < 0x7f) || (byte > 0xa0 && byte !== 0xad);
    table.set(String.fromCharCode(printable ? byte : next++), byte);
  }
  return table;
}

const BYTES = byteTable();

/** The bytes of the text that a piece stands for; a leading space where the piece begins a word with one. */
export function pieceBytes(piece: string, style: PieceStyle): Uint8Array {
  if (style.byteLevel) {
    const bytes = new Uint8Array(piece.length);
    for (let i = 0; i < piece.length; i++) {
      const byte = BYTES.get(piece[i]!);
      if (byte === undefined) return encoder.encode(piece);
      bytes[i] = byte;
    }
    return bytes;
  }
  const byte = /^<0x([0-9A-F]{2})>$/.exec(piece)?.[1];
  if (byte !== undefined) return Uint8Array.of(parseInt(byte, 16));
  let text = piece.replaceAll('▁', ' ');
  const { continuing, ending } = style;
  if (continuing && text.length > continuing.length && text.startsWith(continuing)) {
    text = text.slice(continuing.length);
  }
  if (ending && text.endsWith(ending)) text = text.slice(0, -ending.length);
  return encoder.encode(text);
}

/** Bytes as text; those that are no whole character are shown as `\xNN`. */
export function showBytes(bytes: Uint8Array): string {
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  let shown = '';
  for (let at = 0; at < bytes.length;) {
    const lead = bytes[at]!;
    const width = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    try {
      shown += decoder.decode(bytes.subarray(at, at + width));
      at += width;
    } catch {
      shown += `\\x${lead.toString(16).toUpperCase().padStart(2, '0')}`;
      at++;
    }
  }
  return shown;
}
