/** The models that Hugging Face's tools have downloaded to this machine: what is there, and what is whole. */

import { open, readdir, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';

export interface CachedModel {
  /** Such as `Qwen/Qwen2-0.5B`. */
  readonly name: string;
  /** The repository's folder in the cache, `models--org--name`; the snapshot in use is found below it. */
  readonly directory: string;
  /** `model_type` of its config. */
  readonly type: string | undefined;
  /** What keeps it from being opened, as the end of a sentence; undefined for a whole one. */
  readonly lacks: string | undefined;
}

type Environment = Readonly<Record<string, string | undefined>>;

const MOST_MODELS = 500;
const MOST_CONFIG_BYTES = 4 * 2 ** 20;
const MOST_INDEX_BYTES = 64 * 2 ** 20;
const PREFIX = 'models--';

/** Where the cache is, by the variables that Hugging Face's tools read, in their order. */
export function hubCacheFolder(environment: Environment = process.env): string {
  const given = (name: string) => (environment[name] === '' ? undefined : environment[name]);
  const cache = given('HF_HUB_CACHE') ?? given('HUGGINGFACE_HUB_CACHE');
  if (cache !== undefined) return expanded(cache);
  const home = given('HF_HOME') ?? join(given('XDG_CACHE_HOME') ?? join(homedir(), '.cache'), 'huggingface');
  return join(expanded(home), 'hub');
}

function expanded(path: string): string {
  return path === '~' || path.startsWith('~/') ? join(homedir(), path.slice(1)) : path;
}

/** The models of a cache by name; none where there is no cache. */
export async function cachedModels(cache: string = hubCacheFolder()): Promise<readonly CachedModel[]> {
  const names = await readdir(cache).catch(() => []);
  const repositories = names.filter(name => name.startsWith(PREFIX)).sort();
  return Promise.all(
    repositories.slice(0, MOST_MODELS).map(async repository => {
      const directory = join(cache, repository);
      const name = repositoryName(repository) ?? repository;
      return { name, directory, ...(await lookInto(directory)) };
    }),
  );
}

/** What a folder of the cache holds, such as `Qwen/Qwen2-0.5B`; undefined for other folders. */
export function repositoryName(folder: string): string | undefined {
  return folder.startsWith(PREFIX) ? folder.slice(PREFIX.length).replaceAll('--', '/') : undefined;
}

async function lookInto(repository: string): Promise<Pick<CachedModel, 'type' | 'lacks'>> {
  const snapshot = await snapshotInUse(repository);
  if (snapshot === undefined) return { type: undefined, lacks: 'it has no snapshot in use' };
  const config = await readJson(join(snapshot, 'config.json'), MOST_CONFIG_BYTES);
  const type = fieldOf(config, 'model_type');
  const known = typeof type === 'string' ? type : undefined;
  if (config === undefined) return { type: known, lacks: 'config.json is missing' };
  return { type: known, lacks: await missingWeights(snapshot) };
}

/** The one that refs/main names, or the only one. */
async function snapshotInUse(repository: string): Promise<string | undefined> {
  const snapshots = join(repository, 'snapshots');
  const commits = await readdir(snapshots).catch(() => []);
  const main = (await readBounded(join(repository, 'refs', 'main'), 1024))?.trim();
  const commit = commits.find(name => name === main) ?? (commits.length === 1 ? commits[0] : undefined);
  return commit === undefined ? undefined : join(snapshots, commit);
}

/** Links to blobs that were not downloaded to the end lead nowhere. */
async function missingWeights(snapshot: string): Promise<string | undefined> {
  if (await isFile(join(snapshot, 'model.safetensors'))) return undefined;
  const index = await readJson(join(snapshot, 'model.safetensors.index.json'), MOST_INDEX_BYTES);
  const map = fieldOf(index, 'weight_map');
  if (typeof map !== 'object' || map === null) return 'model.safetensors is missing';
  for (const shard of new Set(Object.values(map))) {
    const isPlain = typeof shard === 'string' && !/[/\\]/.test(shard);
    if (!isPlain || !(await isFile(join(snapshot, shard)))) return `${String(shard)} is missing`;
  }
  return undefined;
}

function fieldOf(json: unknown, name: string): unknown {
  return typeof json === 'object' && json !== null ? (json as Record<string, unknown>)[name] : undefined;
}

async function readJson(path: string, limit: number): Promise<unknown> {
  const text = await readBounded(path, limit);
  try {
    return text === undefined ? undefined : (JSON.parse(text) as unknown);
  } catch {
    return {};
  }
}

/** Undefined for what is missing, larger than `limit` bytes or no ordinary file. */
async function readBounded(path: string, limit: number): Promise<string | undefined> {
  if (!(await isFile(path))) return undefined;
  const handle = await open(path, 'r').catch(() => undefined);
  if (handle === undefined) return undefined;
  try {
    const { size } = await handle.stat();
    return size > limit ? undefined : await handle.readFile('utf8');
  } finally {
    await handle.close();
  }
}

async function isFile(path: string): Promise<boolean> {
  return stat(path).then(
    found => found.isFile(),
    () => false,
  );
}
