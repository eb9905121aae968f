/** What configs of every architecture may say, what is taken where they are silent, what is refused. */

import { mkdir, rename, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseConfig } from '../../../src/engine/model/architectures';
import { openCheckpoint } from '../../../src/engine/model/checkpoint';
import { decoder } from '../../../src/engine/model/decoder';
import type { GatedDecoderConfig } from '../../../src/engine/model/gatedDecoder';
import {
  readFloats,
  readHeader,
  type TensorData,
  writeSafetensors,
} from '../../../src/engine/model/safetensors';
import { type ConfigFields, writeRandomCheckpoint } from '../../support/checkpoints';
import { inFolder } from '../../support/folders';

const SIZES: ConfigFields = {
  ...{ vocab_size: 50, hidden_size: 32, intermediate_size: 40, num_hidden_layers: 6 },
  ...{ num_attention_heads: 4, num_key_value_heads: 2, max_position_embeddings: 64 },
};

const parse = (fields: ConfigFields) =>
  parseConfig(JSON.stringify({ ...SIZES, ...fields }), 'config.json').config;
const layers = (fields: ConfigFields) => (parse(fields) as GatedDecoderConfig).layers;
const windows = (fields: ConfigFields) => layers(fields).map(({ window }) => window);
const thetas = (fields: ConfigFields) => layers(fields).map(({ rope }) => rope.theta);

describe('windows of layers', () => {
  it.each<[string, ConfigFields, (number | undefined)[]]>([
    ['Mistral, by default', { model_type: 'mistral' }, Array(6).fill(4096)],
    ['Mistral without', { model_type: 'mistral', sliding_window: null }, Array(6).fill(undefined)],
    ['Qwen2, by default', { model_type: 'qwen2', sliding_window: 8 }, Array(6).fill(undefined)],
    [
      'Qwen2 above max_window_layers',
      { model_type: 'qwen2', use_sliding_window: true, sliding_window: 8, max_window_layers: 4 },
      [undefined, undefined, undefined, undefined, 8, 8],
    ],
    ['Gemma 2', { model_type: 'gemma2', sliding_window: 8 }, [8, undefined, 8, undefined, 8, undefined]],
    ['Gemma 3', { model_type: 'gemma3_text', sliding_window: 8 }, [8, 8, 8, 8, 8, undefined]],
    [
      'Gemma 3 that sees both ways, 4 to each side',
      { model_type: 'gemma3_text', sliding_window: 8, use_bidirectional_attention: true },
      [5, 5, 5, 5, 5, undefined],
    ],
    [
      'Gemma 3 with a pattern under its newer name',
      { model_type: 'gemma3_text', sliding_window: 8, _sliding_window_pattern: 3 },
      [8, 8, undefined, 8, 8, undefined],
    ],
    [
      'ModernBERT, 5 to each side',
      { model_type: 'modernbert', local_attention: 10 },
      [undefined, 6, 6, undefined, 6, 6],
    ],
  ])('%s', (_, fields, expected) => {
    expect(windows(fields)).toEqual(expected);
  });

  it('of Longformer reach half of attention_window to each side', () => {
    const config = parse({
      model_type: 'longformer',
      attention_window: [2, 4, 6, 8, 10, 12],
      pad_token_id: 1,
    });
    expect(config).toMatchObject({ windows: [2, 3, 4, 5, 6, 7], maxPositionEmbeddings: 62 });
  });
});

describe('rotations', () => {
  it.each<[string, ConfigFields, number[]]>([
    ['Gemma 3, by default', { model_type: 'gemma3_text' }, [1e4, 1e4, 1e4, 1e4, 1e4, 1e6]],
    [
      'Gemma 3 of newer configs',
      {
        ...{ model_type: 'gemma3_text', sliding_window_pattern: 2 },
        rope_parameters: { full_attention: { rope_theta: 7 }, sliding_attention: { rope_theta: 5 } },
      },
      [5, 7, 5, 7, 5, 7],
    ],
    ['ModernBERT, by default', { model_type: 'modernbert' }, [16e4, 1e4, 1e4, 16e4, 1e4, 1e4]],
    [
      'ModernBERT with one of them for all',
      { model_type: 'modernbert', global_rope_theta: 9, local_rope_theta: null },
      Array(6).fill(9),
    ],
  ])('%s', (_, fields, expected) => {
    expect(thetas(fields)).toEqual(expected);
  });

  it('of GPT-NeoX turn a share of the head', () => {
    expect(parse({ model_type: 'gpt_neox' })).toMatchObject({ rope: { width: 2, theta: 10000 } });
    expect(parse({ model_type: 'gpt_neox', rotary_pct: 0.5, rotary_emb_base: 7 })).toMatchObject({
      rope: { width: 4, theta: 7 },
    });
  });

  it('of Phi-3 grow louder with the context', () => {
    const rope_scaling = { type: 'su', short_factor: [1, 1, 1, 1], long_factor: [2, 2, 2, 2] };
    const fields = { model_type: 'phi3', rope_scaling, original_max_position_embeddings: 16 };
    expect(layers(fields)[0]!.rope.scaling).toEqual({
      ...{ type: 'longrope', shortFactor: [1, 1, 1, 1], longFactor: [2, 2, 2, 2] },
      originalMaxPositionEmbeddings: 16,
      attentionFactor: Math.sqrt(1 + Math.log(4) / Math.log(16)),
    });
  });
});

describe('LongRoPE', () => {
  const factors = { short_factor: [1, 1, 1, 1], long_factor: [2, 2, 2, 2] };
  const gain = (fields: ConfigFields) =>
    (layers({ model_type: 'phi3', ...fields })[0]!.rope.scaling as { attentionFactor: number })
      .attentionFactor;

  it.each<[string, ConfigFields, number]>([
    ['takes the ratio of both lengths', { rope_scaling: { type: 'longrope', factor: 9, ...factors } }, 4],
    [
      'takes a factor of newer configs',
      { rope_parameters: { rope_type: 'longrope', factor: 9, ...factors } },
      9,
    ],
    ['falls back to the ratio', { rope_parameters: { rope_type: 'longrope', ...factors } }, 4],
  ])('%s', (_, fields, factor) => {
    const expected = Math.sqrt(1 + Math.log(factor) / Math.log(16));
    expect(gain({ ...fields, original_max_position_embeddings: 16 })).toBeCloseTo(expected, 12);
  });

  it('takes a gain that is given', () => {
    const rope_parameters = { rope_type: 'longrope', attention_factor: 1.25, ...factors };
    expect(gain({ rope_parameters })).toBe(1.25);
  });
});

describe('refuses by field and value', () => {
  it.each<[ConfigFields, string]>([
    [
      { model_type: 'bert', position_embedding_type: 'relative_key' },
      'position_embedding_type is "relative_key"',
    ],
    [{ model_type: 'bert', hidden_act: 'xielu' }, 'hidden_act is "xielu"'],
    [{ model_type: 'bert', add_cross_attention: true }, 'add_cross_attention is true'],
    [{ model_type: 'bert', architectures: ['RobertaModel'] }, 'expected a class of the Bert family'],
    [{ model_type: 'roberta', pad_token_id: null }, 'pad_token_id is null'],
    [{ model_type: 'longformer', attention_window: 7 }, 'attention_window is 7; expected an even number'],
    [{ model_type: 'longformer', attention_window: [4, 4] }, 'one for each of 6 layers'],
    [
      { model_type: 'gpt2', n_embd: 30, n_head: 4, n_layer: 1 },
      'n_embd is 30; expected a multiple of n_head, 4',
    ],
    [
      { model_type: 'gpt2', n_embd: 32, n_head: 4, n_layer: 1, activation_function: 'x' },
      'activation_function is "x"',
    ],
    [
      { model_type: 'gpt_neox', rotary_pct: 0.4, rope_scaling: { type: 'yarn', factor: 2 } },
      'head_dim is 8, of which 3 numbers are rotated',
    ],
    [{ model_type: 'gpt_neox', rotary_pct: 0.1 }, 'head_dim is 8, of which 0 numbers are rotated'],
    [{ model_type: 'qwen3', layer_types: ['full_attention'] }, 'layer_types has 1 entries'],
    [{ model_type: 'qwen3', layer_types: Array(6).fill('linear') }, 'layer_types holds "linear"'],
    [
      { model_type: 'qwen3', layer_types: Array(6).fill('sliding_attention') },
      'sliding_window is missing; layer_types has sliding layers',
    ],
    [
      { model_type: 'gemma3_text', attn_logit_softcapping: 50 },
      'attn_logit_softcapping is 50; Longsight computes null only',
    ],
    [{ model_type: 'gemma2', use_bidirectional_attention: true }, 'use_bidirectional_attention is true'],
    [
      { model_type: 'roberta', attention_mode: 'sliding_chunks_no_overlap' },
      'attention_mode is "sliding_chunks_no_overlap"',
    ],
    [{ model_type: 'roberta', attention_mode: 'tvm', autoregressive: true }, 'autoregressive is true'],
    [
      { model_type: 'roberta', attention_mode: 'tvm', attention_dilation: [1, 2] },
      'attention_dilation is [1,2]',
    ],
    [{ model_type: 'gemma2', hidden_activation: 'glu' }, 'hidden_activation is "glu"'],
    [{ model_type: 'mistral', num_key_value_heads: 3 }, 'num_attention_heads is 4; expected a multiple'],
    [
      { model_type: 'phi3', rope_scaling: { type: 'longrope', short_factor: [1, 2], long_factor: [1] } },
      'short_factor holds 2 numbers; expected 4',
    ],
    [{ model_type: 'qwen2', quantization_config: { quant_method: 'awq' } }, 'quantization_config (awq)'],
    [{ model_type: 't5' }, 'model_type is "t5"; Longsight opens llama, mistral, qwen2, qwen3, gemma2'],
  ])('%o', (fields, message) => {
    expect(() => parse(fields)).toThrow(message);
  });
});

it('takes what published configs of Gemma 3 with images leave out', () => {
  const text_config = {
    ...{ model_type: 'gemma3_text', hidden_size: 2560, intermediate_size: 10240, num_hidden_layers: 34 },
    ...{ rope_scaling: { factor: 8, rope_type: 'linear' }, sliding_window: 1024 },
  };
  const json = { model_type: 'gemma3', architectures: ['Gemma3ForConditionalGeneration'], text_config };
  const { config, tensors } = parseConfig(JSON.stringify(json), 'config.json');
  expect(config).toMatchObject({
    ...{ numAttentionHeads: 8, numKeyValueHeads: 4, headDim: 256, vocabSize: 262208 },
    ...{ languageHead: true, tieWordEmbeddings: true },
  });
  const { layers } = config as GatedDecoderConfig;
  expect(layers[4]).toMatchObject({ window: 1024, rope: { theta: 1e4, scaling: { type: 'default' } } });
  expect(layers[5]).toMatchObject({
    ...{ window: undefined, rope: { theta: 1e6, scaling: { type: 'linear', factor: 8 } } },
  });
  const query = tensors(true).needed.find(({ name }) => name === 'model.layers.0.self_attn.q_proj.weight');
  expect(query!.shape).toEqual([2048, 2560]);
});

const BERT: ConfigFields = {
  ...{ ...SIZES, model_type: 'bert', architectures: ['BertForMaskedLM'] },
};

describe('checkpoints as they are found', () => {
  it('knows architectures by their class', async () => {
    await inFolder(async folder => {
      await writeRandomCheckpoint(folder, { ...SIZES, model_type: 'phi3' });
      const fields = { ...SIZES, architectures: ['Phi3ForCausalLM'] };
      await writeFile(join(folder, 'config.json'), JSON.stringify(fields));
      expect((await openCheckpoint(folder)).info).toMatchObject({
        architecture: 'Phi3ForCausalLM',
        headWidth: 8,
      });
    });
  });

  it('opens a class with another head as what is below it', async () => {
    await inFolder(async folder => {
      await writeRandomCheckpoint(folder, { ...SIZES, model_type: 'llama' });
      const fields = { ...SIZES, model_type: 'llama', architectures: ['LlamaForSequenceClassification'] };
      await writeFile(join(folder, 'config.json'), JSON.stringify(fields));
      expect(decoder(await openCheckpoint(folder)).last.output).toBe('hidden');
    });
  });

  it('takes the older names of LayerNorm', async () => {
    await inFolder(async folder => {
      await writeRandomCheckpoint(folder, BERT);
      const path = join(folder, 'model.safetensors');
      const renamed: Record<string, TensorData> = {};
      for (const entry of (await readHeader(path)).tensors.values()) {
        const name = entry.name
          .replace('LayerNorm.weight', 'LayerNorm.gamma')
          .replace('LayerNorm.bias', 'LayerNorm.beta');
        renamed[name] = { dtype: 'F32', shape: entry.shape, data: await readFloats(entry) };
      }
      await writeSafetensors(path, renamed);
      const { tensors } = await openCheckpoint(folder);
      expect(tensors.get('bert.embeddings.LayerNorm.weight')!.name).toBe('bert.embeddings.LayerNorm.gamma');
    });
  });

  it('opens the text model of a Gemma 3 with images', async () => {
    await inFolder(async folder => {
      const text = { ...SIZES, model_type: 'gemma3_text', head_dim: 8 };
      await writeRandomCheckpoint(folder, text);
      const path = join(folder, 'model.safetensors');
      const renamed: Record<string, TensorData> = {};
      for (const entry of (await readHeader(path)).tensors.values()) {
        renamed[`language_model.${entry.name}`] = {
          dtype: 'BF16',
          shape: entry.shape,
          data: await readFloats(entry),
        };
      }
      await writeSafetensors(path, renamed);
      const fields = {
        model_type: 'gemma3',
        architectures: ['Gemma3ForConditionalGeneration'],
        text_config: text,
      };
      await writeFile(join(folder, 'config.json'), JSON.stringify(fields));
      const checkpoint = await openCheckpoint(folder);
      expect(decoder(checkpoint).last.output).toBe('logits');
      expect(checkpoint.info).toMatchObject({ layers: 6, headWidth: 8 });
    });
  });

  it('finds the snapshot in use in a repository of the Hugging Face cache', async () => {
    await inFolder(async folder => {
      const repository = join(folder, 'models--someone--tiny');
      const snapshots = join(repository, 'snapshots');
      const [first, second] = ['1'.repeat(40), '2'.repeat(40)];
      await writeRandomCheckpoint(join(repository, 'blobs'), { ...SIZES, model_type: 'qwen2' });
      await mkdir(join(snapshots, second), { recursive: true });
      for (const name of ['config.json', 'model.safetensors']) {
        await rename(join(repository, 'blobs', name), join(repository, 'blobs', `blob-${name}`));
        await symlink(join('..', '..', 'blobs', `blob-${name}`), join(snapshots, second, name));
      }
      expect((await openCheckpoint(repository)).info.name).toBe('someone/tiny');
      await mkdir(join(snapshots, first));
      await expect(openCheckpoint(repository)).rejects.toThrow('holds 2 snapshots');
      await mkdir(join(repository, 'refs'));
      await writeFile(join(repository, 'refs', 'main'), second);
      const { info, tensors } = await openCheckpoint(repository);
      expect(info).toMatchObject({ name: 'someone/tiny', architecture: 'Qwen2' });
      expect(tensors.get('model.norm.weight')!.file).toContain('blob-model.safetensors');
    });
  });
});
