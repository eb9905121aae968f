/** The local Hugging Face cache as its tools lay it out: links from snapshots into blobs. */

import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { cachedModels, hubCacheFolder } from '../../src/extension/hubCache';
import { inFolder } from '../support/folders';

const [OLD, NEW] = ['1'.repeat(40), '2'.repeat(40)];

interface Snapshot {
  readonly commit?: string;
  /** What a file holds; null for a link to a blob that is not there. */
  readonly files: Readonly<Record<string, string | null>>;
}

/** @param main the commit of refs/main; none when undefined. */
async function repository(cache: string, name: string, snapshots: readonly Snapshot[], main?: string) {
  const root = join(cache, `models--${name.replaceAll('/', '--')}`);
  await mkdir(join(root, 'blobs'), { recursive: true });
  let blobs = 0;
  for (const { commit = NEW, files } of snapshots) {
    const folder = join(root, 'snapshots', commit);
    await mkdir(folder, { recursive: true });
    for (const [file, text] of Object.entries(files)) {
      const blob = `blob${blobs++}`;
      if (text !== null) await writeFile(join(root, 'blobs', blob), text);
      await symlink(join('..', '..', 'blobs', blob), join(folder, file));
    }
  }
  if (main === undefined) return;
  await mkdir(join(root, 'refs'));
  await writeFile(join(root, 'refs', 'main'), `${main}\n`);
}

const CONFIG = JSON.stringify({ model_type: 'qwen2' });
const INDEX = JSON.stringify({
  weight_map: { a: 'model-00001-of-00002.safetensors', b: 'model-00002-of-00002.safetensors' },
});
const SHARDED = { 'config.json': CONFIG, 'model.safetensors.index.json': INDEX };
const SHARD = 'model-00001-of-00002.safetensors';

describe('the models of a cache', () => {
  it('are listed by name, with their type and what they lack', async () => {
    await inFolder(async cache => {
      const whole = { 'config.json': CONFIG, 'model.safetensors': 'weights' };
      await repository(cache, 'org/whole', [{ files: whole }], NEW);
      await repository(cache, 'alone', [{ files: whole }]);
      await repository(cache, 'org/torn', [{ files: { ...whole, 'model.safetensors': null } }], NEW);
      await repository(cache, 'org/no-config', [{ files: { 'model.safetensors': 'weights' } }], NEW);
      await repository(
        cache,
        'org/pickled',
        [{ files: { 'config.json': CONFIG, 'pytorch_model.bin': 'x' } }],
        NEW,
      );
      await repository(cache, 'org/sharded', [
        { files: { ...SHARDED, [SHARD]: 'a', 'model-00002-of-00002.safetensors': 'b' } },
      ]);
      await repository(cache, 'org/half', [{ files: { ...SHARDED, [SHARD]: 'a' } }], NEW);
      await repository(cache, 'org/broken-json', [{ files: { ...whole, 'config.json': '{' } }], NEW);
      await mkdir(join(cache, 'datasets--org--text', 'snapshots', NEW), { recursive: true });
      await mkdir(join(cache, 'models--org--empty'));
      const found = await cachedModels(cache);
      expect(found.map(({ name, type, lacks }) => [name, type, lacks])).toEqual([
        ['alone', 'qwen2', undefined],
        ['org/broken-json', undefined, undefined],
        ['org/empty', undefined, 'it has no snapshot in use'],
        ['org/half', 'qwen2', 'model-00002-of-00002.safetensors is missing'],
        ['org/no-config', undefined, 'config.json is missing'],
        ['org/pickled', 'qwen2', 'model.safetensors is missing'],
        ['org/sharded', 'qwen2', undefined],
        ['org/torn', 'qwen2', 'model.safetensors is missing'],
        ['org/whole', 'qwen2', undefined],
      ]);
      expect(found.at(-1)!.directory).toBe(join(cache, 'models--org--whole'));
    });
  });

  it('are judged by the revision that refs/main names', async () => {
    await inFolder(async cache => {
      const snapshots = [
        { commit: OLD, files: { 'config.json': '{"model_type":"old"}', 'model.safetensors': 'weights' } },
        { commit: NEW, files: { 'config.json': CONFIG, 'model.safetensors': null } },
      ];
      await repository(cache, 'new', snapshots, NEW);
      await repository(cache, 'old', snapshots, OLD);
      await repository(cache, 'none', snapshots);
      await repository(cache, 'stranger', snapshots, '3'.repeat(40));
      const found = await cachedModels(cache);
      expect(found.map(({ name, type, lacks }) => [name, type, lacks])).toEqual([
        ['new', 'qwen2', 'model.safetensors is missing'],
        ['none', undefined, 'it has no snapshot in use'],
        ['old', 'old', undefined],
        ['stranger', undefined, 'it has no snapshot in use'],
      ]);
    });
  });

  it('do not lead out of their folder', async () => {
    await inFolder(async cache => {
      await writeFile(join(cache, 'secret.safetensors'), 'x');
      const index = JSON.stringify({ weight_map: { a: '../../../secret.safetensors' } });
      await repository(
        cache,
        'org/out',
        [{ files: { ...SHARDED, 'model.safetensors.index.json': index } }],
        NEW,
      );
      const [found] = await cachedModels(cache);
      expect(found!.lacks).toBe('../../../secret.safetensors is missing');
    });
  });

  it('are none where there is no cache', async () => {
    expect(await cachedModels('/there/is/no/such/cache')).toEqual([]);
  });
});

it.each([
  [{ HF_HUB_CACHE: '/a', HF_HOME: '/b' }, '/a'],
  [{ HUGGINGFACE_HUB_CACHE: '/old' }, '/old'],
  [{ HF_HOME: '/b', XDG_CACHE_HOME: '/c' }, '/b/hub'],
  [{ HF_HOME: '~/models' }, join(homedir(), 'models', 'hub')],
  [{ HF_HUB_CACHE: '', XDG_CACHE_HOME: '/c' }, '/c/huggingface/hub'],
  [{}, join(homedir(), '.cache', 'huggingface', 'hub')],
])('the cache of %j is %s', (environment, folder) => {
  expect(hubCacheFolder(environment)).toBe(folder);
});
