/** A checkpoint folder in the Hugging Face layout, checked against its own config; weights stay on disk. */

import { basename, dirname, join } from 'node:path';
import { realpath, stat } from 'node:fs/promises';
import type { ModelInfo } from '../../protocol/inspection';
import { Problem } from '../../protocol/problem';
import { readBoundedText } from '../files';
import { parseConfig } from './config';
import type { LlamaConfig } from './config';
import { llamaTensors } from './llamaTensors';
import { elementCount, readHeader } from './safetensors';
import type { TensorEntry } from './safetensors';
import { readShards } from './shards';

export interface Checkpoint {
  /** The folder's real path. */
  readonly directory: string;
  readonly config: LlamaConfig;
  readonly tensors: ReadonlyMap<string, TensorEntry>;
  readonly info: ModelInfo;
  /** Changes whenever a file of weights does. */
  readonly stamp: string;
}

const MAX_CONFIG_BYTES = 4 * 1024 * 1024;
const WEIGHT_DTYPES: readonly string[] = ['F32', 'F16', 'BF16'];

/**
 * Opens a checkpoint folder: reads its config and the headers of its weights, and checks every tensor
 * that the architecture needs. Reads no weights.
 *
 * @throws Problem naming the missing file, the config field or the tensor that contradicts the config.
 */
export async function openCheckpoint(directory: string): Promise<Checkpoint> {
  const real = await resolveFolder(directory);
  const where = join(directory, 'config.json');
  const config = parseConfig(
    await readBoundedText(join(real, 'config.json'), MAX_CONFIG_BYTES, `the model's config ${where}`),
    where,
  );
  const tensors = await readTensors(real, directory);
  checkTensors(config, tensors, directory);
  const info = describe(real, directory, config, tensors);
  return { directory: real, config, tensors, info, stamp: await stampOf(tensors) };
}

async function stampOf(tensors: ReadonlyMap<string, TensorEntry>): Promise<string> {
  const files = new Set([...tensors.values()].map(({ file }) => file));
  const stamps = await Promise.all(
    [...files].sort().map(async file => `${file}@${(await stat(file)).mtimeMs}`),
  );
  return stamps.join('|');
}

/** What a checkpoint folder holds; as strict as `openCheckpoint`. */
export async function describeCheckpoint(directory: string): Promise<ModelInfo> {
  return (await openCheckpoint(directory)).info;
}

async function resolveFolder(directory: string): Promise<string> {
  const real = await realpath(directory).catch(() => undefined);
  if (real === undefined) {
    throw new Problem(
      `There is no folder ${directory}; expected a checkpoint folder with config.json, model.safetensors ` +
        'and tokenizer.json.',
    );
  }
  if ((await stat(real)).isDirectory()) return real;
  throw new Problem(`${directory} is a file; expected the checkpoint folder that holds config.json.`);
}

async function readTensors(real: string, directory: string): Promise<ReadonlyMap<string, TensorEntry>> {
  const single = join(real, 'model.safetensors');
  if (await exists(single)) return (await readHeader(single)).tensors;
  const index = join(real, 'model.safetensors.index.json');
  if (await exists(index)) return readShards(real, index);
  for (const pickle of ['pytorch_model.bin', 'pytorch_model.bin.index.json', 'consolidated.00.pth']) {
    if (await exists(join(real, pickle))) {
      throw new Problem(
        `${directory} holds ${pickle} but no model.safetensors. Pickle files can run code, so Longsight never ` +
          'opens them: save the model again with safe_serialization=True.',
      );
    }
  }
  throw new Problem(
    `Expected model.safetensors or model.safetensors.index.json in ${directory}, found neither. ` +
      'Choose the folder of a checkpoint saved in the Hugging Face layout.',
  );
}

/** Reports the first tensor that contradicts the config. */
function checkTensors(
  config: LlamaConfig,
  tensors: ReadonlyMap<string, TensorEntry>,
  directory: string,
): void {
  const { needed, unexpected } = llamaTensors(config);
  for (const { name, shape, because } of needed) {
    const found = tensors.get(name);
    const wanted = `[${shape.join(', ')}] (${because})`;
    if (found === undefined) {
      const hint = name === 'lm_head.weight' ? ', since tie_word_embeddings is false' : '';
      throw new Problem(`Expected a tensor ${name} ${wanted} in ${directory}${hint}, found none.`);
    }
    if (found.shape.length !== shape.length || found.shape.some((size, axis) => size !== shape[axis])) {
      throw new Problem(
        `Tensor ${name} in ${directory} contradicts config.json: expected ${wanted}, ` +
          `found [${found.shape.join(', ')}].`,
      );
    }
    if (!WEIGHT_DTYPES.includes(found.dtype)) {
      throw new Problem(
        `Tensor ${name} in ${directory} has type ${found.dtype}; expected ${WEIGHT_DTYPES.join(', ')}.`,
      );
    }
  }
  for (const name of unexpected) {
    if (!tensors.has(name)) continue;
    const field = name.endsWith('.weight')
      ? `num_hidden_layers is ${config.numHiddenLayers}`
      : `${name.includes('.mlp.') ? 'mlp_bias' : 'attention_bias'} is false`;
    throw new Problem(`Tensor ${name} in ${directory} contradicts config.json, where ${field}.`);
  }
}

function describe(
  real: string,
  directory: string,
  config: LlamaConfig,
  tensors: ReadonlyMap<string, TensorEntry>,
): ModelInfo {
  let parameters = 0;
  for (const tensor of tensors.values()) parameters += elementCount(tensor.shape);
  return {
    name: modelName(real, directory, config),
    directory: real,
    architecture: config.architecture,
    layers: config.numHiddenLayers,
    heads: config.numAttentionHeads,
    keyValueHeads: config.numKeyValueHeads,
    headWidth: config.headDim,
    vocabulary: config.vocabSize,
    parameters,
    context: config.maxPositionEmbeddings,
  };
}

/** The folder's name; in a Hugging Face cache, where that is a commit, the repository's. */
function modelName(real: string, directory: string, config: LlamaConfig): string {
  for (const path of [directory, real]) {
    const snapshots = dirname(path);
    const repository = basename(dirname(snapshots));
    if (basename(snapshots) === 'snapshots' && repository.startsWith('models--')) {
      return repository.slice('models--'.length).replaceAll('--', '/');
    }
  }
  const folder = basename(real);
  return /^[0-9a-f]{40}$/.test(folder) && config.nameOrPath ? basename(config.nameOrPath) : folder;
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
