/** What exporters put beside a model's graph: its tokeniser and a few fields of its config. */

import { stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import * as v from 'valibot';

import { readBoundedText } from '../files';

const MAX_CONFIG_BYTES = 4 * 1024 * 1024;

const Count = v.optional(v.fallback(v.optional(v.pipe(v.number(), v.integer(), v.minValue(1))), undefined));
const Config = v.looseObject({ max_position_embeddings: Count, n_positions: Count });

export interface Beside {
  readonly name: string;
  /** The folder of the tokeniser. */
  readonly directory: string;
  /** Tokens that the model was made for, where the config says so. */
  readonly context: number | undefined;
}

/** @param path of the ONNX file; an `onnx` folder shares the tokeniser of the folder that it lies in. */
export async function readBeside(path: string): Promise<Beside> {
  const folder = dirname(path);
  const shared = basename(folder) === 'onnx' ? dirname(folder) : folder;
  const own = basename(path, '.onnx');
  const directory = (await exists(join(folder, 'tokenizer.json'))) ? folder : shared;
  const name = /^(model|decoder_model|encoder_model)$/.test(own) ? repositoryName(shared) : own;
  return { name, directory, context: (await contextOf(folder)) ?? (await contextOf(shared)) };
}

/** The folder's name; of a snapshot in a Hugging Face cache, the repository's. */
function repositoryName(folder: string): string {
  const repository = basename(dirname(dirname(folder)));
  return basename(dirname(folder)) === 'snapshots' && repository.startsWith('models--')
    ? repository.slice('models--'.length).replaceAll('--', '/')
    : basename(folder);
}

/** A config is a help here, and its absence no trouble. */
async function contextOf(folder: string): Promise<number | undefined> {
  const path = join(folder, 'config.json');
  if (!(await exists(path))) return undefined;
  try {
    const text = await readBoundedText(path, MAX_CONFIG_BYTES, `the model's config ${path}`);
    const config = v.parse(Config, JSON.parse(text));
    return config.max_position_embeddings ?? config.n_positions;
  } catch {
    return undefined;
  }
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    info => info.isFile(),
    () => false,
  );
}
