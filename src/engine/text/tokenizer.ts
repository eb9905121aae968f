/** The tokeniser of a checkpoint folder: ids, and the exact characters of the document under each token. */

import { Tokenizer } from '@huggingface/tokenizers';
import { join } from 'node:path';
import type { TokenTable } from '../../protocol/inspection';
import { Problem } from '../../protocol/problem';
import { align } from './align';
import type { Surface } from './align';
import { toByteText } from './byteText';
import type { Rewrite } from './byteText';
import { pieceBytes, showBytes } from './pieces';
import type { PieceStyle } from './pieces';
import { characterNormalizer, pieceStyle, readTokenizerFiles } from './tokenizerFiles';
import type { TokenizerFiles } from './tokenizerFiles';

/**
 * Opens `tokenizer.json` (and `tokenizer_config.json` where there is one).
 *
 * @param vocabulary How many ids the model knows.
 * @throws Problem when the file is missing, too large, damaged or of a kind that is not known.
 */
export async function openTokenizer(directory: string, vocabulary: number): Promise<TextTokenizer> {
  const files = await readTokenizerFiles(directory);
  try {
    return new TextTokenizer(files, vocabulary);
  } catch (error) {
    if (error instanceof Problem) throw error;
    throw new Problem(
      `Could not use the tokeniser ${join(directory, 'tokenizer.json')}: ${(error as Error).message}.`,
    );
  }
}

export class TextTokenizer {
  private readonly vocabulary: number;
  private readonly tokenizer: Tokenizer;
  private readonly style: PieceStyle;
  private readonly rewrite: Rewrite | undefined;
  private readonly literals: ReadonlySet<string>;
  private readonly unknown: string | undefined;
  /** How many tokens the post-processor puts before and after every text. */
  private readonly inserted: { readonly before: number; readonly after: number };
  private readonly surfaces = new Map<string, Surface>();

  constructor(files: TokenizerFiles, vocabulary: number) {
    this.vocabulary = vocabulary;
    this.tokenizer = new Tokenizer(files.json, files.config);
    this.style = pieceStyle(files.json);
    this.rewrite = characterNormalizer(files.json);
    this.literals = new Set(
      [...this.tokenizer.get_added_tokens_decoder().values()].map(token => token.content),
    );
    const unknown = files.json.model['unk_token'];
    this.unknown = typeof unknown === 'string' ? unknown : undefined;
    this.inserted = this.countInserted();
  }

  /**
   * Tokenises a whole document. Takes about a second for a megabyte and does not yield.
   *
   * @throws Problem when the tokeniser yields an id that the model does not have.
   */
  encode(text: string): TokenTable {
    const { ids, tokens } = this.tokenizer.encode(text);
    const { before, after } = this.inserted;
    const count = ids.length;
    const table = { ids: new Int32Array(count), starts: new Int32Array(count), ends: new Int32Array(count) };
    const body: Surface[] = [];
    for (let t = 0; t < count; t++) {
      table.ids[t] = this.checkId(ids[t], tokens[t]!);
      if (t >= before && t < count - after) body.push(this.surface(tokens[t]!));
    }
    align(text, toByteText(text, this.rewrite), body, table.starts, table.ends, before);
    table.starts.fill(text.length, count - after);
    table.ends.fill(text.length, count - after);
    return table;
  }

  /** The vocabulary entry as the tokeniser writes it, such as `Ġthe`; empty for an id without one. */
  piece(id: number): string {
    return this.tokenizer.id_to_token(id) ?? '';
  }

  /** The text that a token stands for on its own; bytes that are no whole character are shown as `\xNN`. */
  text(id: number): string {
    return showBytes(this.surface(this.piece(id)).bytes);
  }

  private checkId(id: number | undefined, token: string): number {
    if (id === undefined || !Number.isInteger(id)) {
      throw new Problem(
        `The tokeniser has no id for ${JSON.stringify(token)} and no token for unknown text; ` +
          'its vocabulary is incomplete.',
      );
    }
    if (id >= 0 && id < this.vocabulary) return id;
    throw new Problem(
      `The tokeniser gives ${JSON.stringify(token)} the id ${id}, but the model has ${this.vocabulary} tokens ` +
        `(0 to ${this.vocabulary - 1}). tokenizer.json and config.json (vocab_size) do not belong together.`,
    );
  }

  private surface(token: string): Surface {
    let surface = this.surfaces.get(token);
    if (surface === undefined) {
      const literal = this.literals.has(token) ? token : undefined;
      const bytes = literal === undefined ? pieceBytes(token, this.style) : new TextEncoder().encode(token);
      surface = { bytes, literal, unknown: token === this.unknown };
      this.surfaces.set(token, surface);
    }
    return surface;
  }

  private countInserted(): { before: number; after: number } {
    const probe = 'a';
    const whole = this.tokenizer.encode(probe).tokens;
    const bare = this.tokenizer.encode(probe, { add_special_tokens: false }).tokens;
    const extra = whole.length - bare.length;
    for (let before = 0; before <= extra; before++) {
      if (bare.every((token, i) => whole[before + i] === token)) return { before, after: extra - before };
    }
    return { before: 0, after: 0 };
  }
}
