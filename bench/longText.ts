/** Documents of any length: paragraphs of prose and code, drawn in ever new orders. */

import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { openTokenizer } from '../src/engine/text/tokenizer';
import { openCheckpoint } from '../src/engine/model/checkpoint';
import { seeded } from '../src/engine/variants/primitives/seeded';
import { model, root } from './paths';

/** A text of exactly `tokens` tokens of the bundled model, or a few less where the cut splits one. */
export async function longText(tokens: number): Promise<string> {
  const paragraphs = [...files('examples', '.md'), ...files('src/protocol', '.ts')].flatMap(text =>
    text.split(/\n{2,}/),
  );
  const { below } = seeded(tokens);
  const parts: string[] = [];
  // The bundled model's tokens hold about three characters.
  for (let length = 0; length < 6 * tokens;) {
    const drawn = paragraphs[below(paragraphs.length)]!;
    parts.push(drawn);
    length += drawn.length + 2;
  }
  const text = parts.join('\n\n');
  const { directory, config } = await openCheckpoint(model);
  const { ids, ends } = (await openTokenizer(directory, config.vocabSize)).encode(text);
  if (ids.length < tokens) throw new Error(`The text for ${tokens} tokens has only ${ids.length}.`);
  return text.slice(0, ends[tokens - 1]);
}

/** Keeps a text in a file while `use` runs, for a process that is to hold nothing else of its making. */
export async function withTextFile<T>(tokens: number, use: (file: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'longsight-bench-'));
  try {
    const file = join(folder, 'text.md');
    writeFileSync(file, await longText(tokens));
    return await use(file);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function files(folder: string, suffix: string): string[] {
  return readdirSync(join(root, folder))
    .filter(name => name.endsWith(suffix))
    .map(name => readFileSync(join(root, folder, name), 'utf8'));
}
