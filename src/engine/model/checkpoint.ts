/** A checkpoint folder in the Hugging Face layout, checked against its own config; weights stay on disk. */

import { basename, dirname, join } from 'node:path';
import { createHash } from 'node:crypto';
import { readdir, readFile, realpath, stat } from 'node:fs/promises';
import type { ModelInfo } from '../../protocol/inspection';
import { Problem } from '../../protocol/problem';
import { readBoundedText } from '../files';
import type { Blueprint } from './architecture';
import { parseConfig } from './architectures';
import type { ModelConfig } from './config';
import { elementCount, readHeader } from './safetensors';
import type { TensorEntry } from './safetensors';
import { readShards } from './shards';
import { canonicalNames } from './tensorNames';
import type { TensorList } from './tensorList';

export interface Checkpoint {
  /** The folder's real path. */
  readonly directory: string;
  readonly config: ModelConfig;
  /** The config as an architecture understands it. */
  readonly blueprint: Blueprint;
  /** By the names that the architecture's models with a head have. */
  readonly tensors: ReadonlyMap<string, TensorEntry>;
  /** Whether there is a head over the vocabulary. */
  readonly head: boolean;
  readonly info: ModelInfo;
  /** Changes whenever the config or a file of weights does. */
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
  const text = await readBoundedText(
    join(real, 'config.json'),
    MAX_CONFIG_BYTES,
    `the model's config ${where}`,
  );
  const blueprint = parseConfig(text, where);
  const { config, layout } = blueprint;
  const published = await readTensors(real, directory);
  const tensors = canonicalNames(layout, published);
  const head = config.languageHead ?? tellsHead(blueprint, published, tensors);
  checkTensors(blueprint.tensors(head), tensors, directory);
  return {
    directory: real,
    config,
    blueprint,
    tensors,
    head,
    info: describe(real, directory, config, published),
    stamp: await stampOf(text, tensors),
  };
}

/** Whether the tensors of a checkpoint that names no class have a head among them. */
function tellsHead(
  { config, layout }: Blueprint,
  published: ReadonlyMap<string, TensorEntry>,
  tensors: ReadonlyMap<string, TensorEntry>,
): boolean {
  if (tensors.has(layout.headTensor)) return true;
  const isTied = config.tieWordEmbeddings && layout.tiedHeadIsSilent === true;
  return isTied && published.has(`${layout.prefix}${layout.anchor}`);
}

async function stampOf(config: string, tensors: ReadonlyMap<string, TensorEntry>): Promise<string> {
  const files = new Set([...tensors.values()].map(({ file }) => file));
  const stamps = await Promise.all(
    [...files].sort().map(async file => `${file}@${(await stat(file)).mtimeMs}`),
  );
  return [createHash('sha256').update(config).digest('hex'), ...stamps].join('|');
}

/** What a checkpoint folder holds; as strict as `openCheckpoint`. */
export async function describeCheckpoint(directory: string): Promise<ModelInfo> {
  return (await openCheckpoint(directory)).info;
}

async function resolveFolder(directory: string): Promise<string> {
  const real = await realpath(directory).catch(() => undefined);
  if (real === undefined) {
    throw new Problem(
      `There is no folder ${directory}; expected a checkpoint folder with config.json and model.safetensors.`,
    );
  }
  if (!(await stat(real)).isDirectory()) {
    throw new Problem(`${directory} is a file; expected the checkpoint folder that holds config.json.`);
  }
  return (await exists(join(real, 'config.json'))) ? real : ((await snapshotOf(real)) ?? real);
}

/** The snapshot in use of a repository's folder in a Hugging Face cache; undefined for other folders. */
export async function snapshotOf(repository: string): Promise<string | undefined> {
  const snapshots = join(repository, 'snapshots');
  if (!(await exists(snapshots))) return undefined;
  const commits = await readdir(snapshots);
  const main = await readFile(join(repository, 'refs', 'main'), 'utf8').catch(() => '');
  const commit =
    commits.find(name => name === main.trim()) ?? (commits.length === 1 ? commits[0] : undefined);
  if (commit !== undefined) return join(snapshots, commit);
  throw new Problem(
    `${repository} holds ${commits.length} snapshots and refs/main names none of them; choose a folder in snapshots.`,
  );
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
  { needed, unexpected }: TensorList,
  tensors: ReadonlyMap<string, TensorEntry>,
  directory: string,
): void {
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
  for (const { name, because } of unexpected) {
    if (tensors.has(name)) {
      throw new Problem(`Tensor ${name} in ${directory} contradicts config.json, where ${because}.`);
    }
  }
}

function describe(
  real: string,
  directory: string,
  config: ModelConfig,
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
function modelName(real: string, directory: string, config: ModelConfig): string {
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
