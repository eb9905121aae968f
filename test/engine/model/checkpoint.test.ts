import { mkdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { describeCheckpoint, openCheckpoint } from '../../../src/engine/model/checkpoint';
import { readFloats, readHeader, writeSafetensors } from '../../../src/engine/model/safetensors';
import type { TensorData } from '../../../src/engine/model/safetensors';
import { Problem } from '../../../src/protocol/problem';
import { writeRandomLlama } from '../../support/checkpoints';
import type { ConfigFields } from '../../support/checkpoints';
import { inFolder, LAB_BASE } from '../../support/folders';

const INDEX = 'model.safetensors.index.json';

/** Changes config.json after the weights are written, so that both contradict each other. */
async function amend(folder: string, changes: ConfigFields): Promise<void> {
  const path = join(folder, 'config.json');
  const json = JSON.parse(await readFile(path, 'utf8')) as object;
  await writeFile(path, JSON.stringify({ ...json, ...changes }));
}

describe('checkpoint folder', () => {
  it('opens the bundled model', async () => {
    const { info, blueprint, tensors } = await openCheckpoint(LAB_BASE);
    expect(info).toMatchObject({ name: 'lab-base', layers: 4, heads: 6, keyValueHeads: 3, headWidth: 32 });
    expect(info).toMatchObject({ vocabulary: 4096, parameters: 2410176, context: 131072 });
    expect(blueprint.config).toMatchObject({
      layers: Array(4).fill({ window: undefined, rope: { theta: 1e6 } }),
    });
    const embedding = await readFloats(tensors.get('model.embed_tokens.weight')!);
    const spread = Math.sqrt(embedding.reduce((sum, value) => sum + value * value, 0) / embedding.length);
    expect(spread).toBeGreaterThan(0.005);
    expect(spread).toBeLessThan(2);
  });

  it.each(['F32', 'F16', 'BF16'] as const)(
    'opens %s weights in one file and in shards alike',
    async dtype => {
      await inFolder(async folder => {
        const overrides = { attention_bias: true, mlp_bias: true, tie_word_embeddings: false };
        await writeRandomLlama(join(folder, 'one'), overrides, { dtype });
        await writeRandomLlama(join(folder, 'many'), overrides, { dtype, shards: 3 });
        const one = await openCheckpoint(join(folder, 'one'));
        const many = await openCheckpoint(join(folder, 'many'));
        expect([...many.tensors.keys()].sort()).toEqual([...one.tensors.keys()].sort());
        expect(new Set([...many.tensors.values()].map(entry => entry.file)).size).toBe(3);
        for (const [name, entry] of one.tensors) {
          expect(await readFloats(many.tensors.get(name)!)).toEqual(await readFloats(entry));
        }
        expect(many.info.parameters).toBe(one.info.parameters);
      });
    },
  );

  it('follows the links of a Hugging Face cache and names the repository', async () => {
    await inFolder(async folder => {
      const repository = join(folder, 'models--someone--tiny-llama');
      const snapshot = join(repository, 'snapshots', '0123456789012345678901234567890123456789');
      await writeRandomLlama(join(repository, 'blobs'));
      await mkdir(snapshot, { recursive: true });
      for (const name of ['config.json', 'model.safetensors']) {
        await rename(join(repository, 'blobs', name), join(repository, 'blobs', `hash-of-${name}`));
        await symlink(join('..', '..', 'blobs', `hash-of-${name}`), join(snapshot, name));
      }
      expect((await describeCheckpoint(snapshot)).name).toBe('someone/tiny-llama');
      await symlink(snapshot, join(folder, 'shortcut'));
      const { tensors } = await openCheckpoint(join(folder, 'shortcut'));
      expect(tensors.get('model.norm.weight')!.file).toContain('hash-of-model.safetensors');
    });
  });

  it.each<[string, ConfigFields, string]>([
    ['a wider model', { hidden_size: 32 }, 'expected [263, 32] (vocab_size, hidden_size), found [263, 24]'],
    ['more key heads', { num_key_value_heads: 4 }, 'k_proj.weight'],
    ['more layers', { num_hidden_layers: 4 }, 'Expected a tensor model.layers.3.input_layernorm.weight'],
    ['fewer layers', { num_hidden_layers: 2 }, 'where num_hidden_layers is 2'],
    ['an untied head', { tie_word_embeddings: false }, 'since tie_word_embeddings is false, found none'],
    ['biases', { attention_bias: true }, 'self_attn.q_proj.bias [32]'],
  ])('reports a config that asks for %s', async (_, changes, message) => {
    await inFolder(async folder => {
      await writeRandomLlama(folder);
      await amend(folder, changes);
      const error: unknown = await openCheckpoint(folder).catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(Problem);
      expect((error as Problem).message).toContain(message);
    });
  });

  it('reports biases that the config denies', async () => {
    await inFolder(async folder => {
      await writeRandomLlama(folder, { mlp_bias: true });
      await amend(folder, { mlp_bias: false });
      await expect(openCheckpoint(folder)).rejects.toThrow('gate_proj.bias');
    });
  });

  it('reports weights that are no floats', async () => {
    await inFolder(async folder => {
      await writeRandomLlama(folder);
      const path = join(folder, 'model.safetensors');
      const { tensors } = await readHeader(path);
      const changed: Record<string, TensorData> = {};
      for (const entry of tensors.values()) {
        changed[entry.name] = { dtype: 'F32', shape: entry.shape, data: await readFloats(entry) };
      }
      changed['model.norm.weight'] = { dtype: 'I32', shape: [24], data: new Int32Array(24) };
      await writeSafetensors(path, changed);
      await expect(openCheckpoint(folder)).rejects.toThrow('model.norm.weight');
      await expect(openCheckpoint(folder)).rejects.toThrow('type I32; expected F32, F16, BF16');
    });
  });

  it.each(['../x.safetensors', '/etc/x.safetensors', 'a\\x.safetensors', '.x.safetensors', 'x.bin', 7])(
    'refuses the shard name %s',
    async shard => {
      await inFolder(async folder => {
        await writeRandomLlama(join(folder, 'm'), {}, { shards: 2 });
        await writeSafetensors(join(folder, 'x.safetensors'), {});
        await writeFile(
          join(folder, 'm', INDEX),
          JSON.stringify({ weight_map: { 'model.norm.weight': shard } }),
        );
        await expect(openCheckpoint(join(folder, 'm'))).rejects.toThrow('the plain name');
      });
    },
  );

  it('reports damaged indexes and missing shards', async () => {
    await inFolder(async folder => {
      await writeRandomLlama(folder, {}, { shards: 2 });
      const shard = join(folder, 'model-00002-of-00002.safetensors');
      await rename(shard, `${shard}.part`);
      await expect(openCheckpoint(folder)).rejects.toThrow(
        'model-00002-of-00002.safetensors: there is no such',
      );
      await writeSafetensors(shard, {});
      await expect(openCheckpoint(folder)).rejects.toThrow('has no such tensor');
      await writeFile(join(folder, INDEX), '{}');
      await expect(openCheckpoint(folder)).rejects.toThrow('weight_map');
      await writeFile(join(folder, INDEX), '{');
      await expect(openCheckpoint(folder)).rejects.toThrow('to be JSON');
    });
  });

  it('says what a folder lacks', async () => {
    await inFolder(async folder => {
      await expect(openCheckpoint(join(folder, 'none'))).rejects.toThrow('There is no folder');
      await expect(openCheckpoint(folder)).rejects.toThrow('config.json');
      await writeRandomLlama(folder);
      await expect(openCheckpoint(join(folder, 'config.json'))).rejects.toThrow('is a file');
      await rm(join(folder, 'model.safetensors'));
      await expect(openCheckpoint(folder)).rejects.toThrow('found neither');
      await writeFile(join(folder, 'pytorch_model.bin'), 'x');
      await expect(openCheckpoint(folder)).rejects.toThrow('Pickle files can run code');
      await writeFile(join(folder, 'config.json'), ' '.repeat(5_000_000));
      await expect(openCheckpoint(folder)).rejects.toThrow('at most 4194304 bytes');
    });
  });
});
