/** Models of several architectures through the whole pipeline, by token ids, without a tokeniser. */

import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';

import { createEngine } from '../../src/engine/engine';
import { EVERYWHERE, type VariantChoice } from '../../src/protocol/inspection';
import { readFloats, readHeader } from '../../src/engine/model/safetensors';
import { bertForward, modernbertForward } from '../support/bertReference';
import { type ConfigFields, type RandomOptions, writeRandomCheckpoint } from '../support/checkpoints';
import { inFolder } from '../support/folders';
import { gpt2Forward, neoxForward } from '../support/gptReference';
import { llamaForward } from '../support/llamaReference';
import type { ReferenceRun } from '../support/reference';

const engine = createEngine({ started: () => undefined, progress: () => undefined, log: () => undefined });
afterAll(() => engine.close('model'));

/** More than a block, so that windows reach across its end. */
const TOKENS = 290;
const ids = Array.from({ length: TOKENS }, (_, t) => (t * t * 11 + t * 5 + 2) % 83);

const SIZES: ConfigFields = {
  ...{ vocab_size: 83, hidden_size: 24, intermediate_size: 37, num_hidden_layers: 2 },
  ...{ num_attention_heads: 3, max_position_embeddings: 320 },
};

type Forward = (directory: string, ids: ArrayLike<number>) => Promise<ReferenceRun>;
const llamaLike: Forward = (directory, tokens) => llamaForward({ directory }, tokens);

it.each<[string, ConfigFields, RandomOptions, Forward]>([
  ['Mistral', { model_type: 'mistral', sliding_window: 70, num_key_value_heads: 1 }, {}, llamaLike],
  [
    'Gemma2',
    {
      ...{ model_type: 'gemma2', num_key_value_heads: 1, head_dim: 8, query_pre_attn_scalar: 6 },
      ...{ sliding_window: 40, attn_logit_softcapping: 3, final_logit_softcapping: 5 },
    },
    { dtype: 'F16' },
    llamaLike,
  ],
  [
    'Gemma3',
    {
      ...{ model_type: 'gemma3_text', num_key_value_heads: 1, head_dim: 10, query_pre_attn_scalar: 13 },
      ...{ sliding_window: 60, sliding_window_pattern: 2, tie_word_embeddings: true },
    },
    { dtype: 'BF16', shards: 2 },
    llamaLike,
  ],
  [
    'GPT2',
    {
      model_type: 'gpt2',
      n_embd: 24,
      n_layer: 2,
      n_head: 3,
      n_positions: 320,
      architectures: ['GPT2LMHeadModel'],
    },
    { bare: true },
    gpt2Forward,
  ],
  ['GPTNeoX', { model_type: 'gpt_neox', architectures: ['GPTNeoXForCausalLM'] }, {}, neoxForward],
  ['Bert', { model_type: 'bert', architectures: ['BertModel'] }, { bare: true, dtype: 'F16' }, bertForward],
  ['Longformer', { model_type: 'longformer', attention_window: 64, pad_token_id: 1 }, {}, bertForward],
  ['ModernBert', { model_type: 'modernbert', local_attention: 50 }, {}, modernbertForward],
])('inspects %s as it is', async (family, fields, options, forward) => {
  await inFolder(async folder => {
    await writeRandomCheckpoint(folder, { ...SIZES, ...fields }, options);
    const logits = join(folder, 'out.bin');
    const summary = await engine.inspect({
      ...{ id: 'model', text: ids.join(' '), ids, model: folder, logits, device: 'cpu', maxTokens: 1000 },
      variant: { id: 'native', params: {} },
      schedule: { mode: 'live', layers: 'all', others: [] },
    });
    expect(summary.model.architecture).toContain(family);
    const expected = await forward(folder, ids);
    const [written] = (await readHeader(logits)).tensors.values();
    expect(written!.name).toBe(options.bare === true && family === 'Bert' ? 'hidden' : 'logits');
    expect(written!.shape).toEqual([TOKENS, expected.last.length / TOKENS]);
    expectClose(await readFloats(written!), expected.last);
    for (const token of [0, 100, 255, 256, TOKENS - 1]) {
      for (const layer of [0, 1]) {
        const head = token % 3;
        const [row] = await engine.rows([{ id: 'model', layer, head, token, top: TOKENS, profile: 0 }]);
        const found = new Float64Array(TOKENS);
        for (const { index, weight } of row!.keys) found[index] = weight;
        expectClose(found, expected.attention(layer, head).subarray(token * TOKENS, (token + 1) * TOKENS));
      }
    }
  });
});

it('lays a variant over an encoder to both sides, as the encoder itself looks', async () => {
  await inFolder(async folder => {
    const fields = { ...SIZES, model_type: 'longformer', attention_window: 64, pad_token_id: 1 };
    await writeRandomCheckpoint(folder, fields);
    const run = async (variant: VariantChoice, file: string) => {
      const logits = join(folder, file);
      await engine.inspect({
        ...{ id: 'model', text: ids.join(' '), ids, model: folder, logits, device: 'cpu', maxTokens: 1000 },
        ...{ variant, schedule: { mode: 'live', layers: 'all', others: [] } },
      });
      return readFloats((await readHeader(logits)).tensors.get('logits')!);
    };
    const own = await run({ id: 'native', params: {} }, 'own');
    expectClose(await run({ id: 'local', params: { window: 33 } }, 'both'), own);
    const causal = await run({ id: 'local', params: { window: 33, causal: true } }, 'causal');
    expect(Math.abs(causal[0]! - own[0]!)).toBeGreaterThan(1e-3);
  });
});

describe('a Longformer with global tokens', () => {
  const fields = { ...SIZES, model_type: 'longformer', attention_window: [16, 24], pad_token_id: 1 };
  const asked = { id: 'model', text: ids.join(' '), ids, device: 'cpu', maxTokens: 1000 } as const;
  const native = { variant: { id: 'native', params: {} }, schedule: EVERYWHERE };

  it.each([
    { globalTokens: '0', globals: [0], bare: false },
    { globalTokens: '0,130-132, 289', globals: [0, 130, 131, 132, 289], bare: true },
    { globalTokens: 'all', globals: ids.map((_, t) => t), bare: false },
  ])('gives them projections of their own: $globalTokens', async ({ globalTokens, globals, bare }) => {
    await inFolder(async folder => {
      await writeRandomCheckpoint(folder, fields, { bare });
      const logits = join(folder, 'out.bin');
      const summary = await engine.inspect({ ...asked, ...native, model: folder, logits, globalTokens });
      expect(summary.notes).toContain(`Global tokens: ${globalTokens}, with projections of their own.`);
      expect(summary.layerVariants).toEqual([
        { id: 'longformer', params: { window: 8, causal: false } },
        { id: 'longformer', params: { window: 12, causal: false } },
      ]);
      const expected = await bertForward(folder, ids, globals);
      const [written] = (await readHeader(logits)).tensors.values();
      expectClose(await readFloats(written!), expected.last);
      for (const token of [0, 9, 131, 200, TOKENS - 1]) {
        const ref = { id: 'model', layer: token % 2, head: token % 3, token, top: TOKENS, profile: 0 };
        const [row] = await engine.rows([ref]);
        const found = new Float64Array(TOKENS);
        for (const { index, weight } of row!.keys) found[index] = weight;
        const own = expected.attention(ref.layer, ref.head).subarray(token * TOKENS, (token + 1) * TOKENS);
        expectClose(found, own);
      }
    });
  });

  it('holds a variant against their own values, block by block and row by row', async () => {
    await inFolder(async folder => {
      await writeRandomCheckpoint(folder, fields);
      await engine.inspect({
        ...{
          ...asked,
          model: folder,
          globalTokens: '0,140',
          variant: { id: 'local', params: { window: 9 } },
        },
        schedule: { ...EVERYWHERE, mode: 'shadow' },
      });
      for (const token of [0, 100, 140]) {
        const ref = { id: 'model', layer: 1, head: 2, token, top: 1, profile: 0, against: true };
        const [row] = await engine.rows([ref]);
        const { error } = await engine.stats('model', ref);
        expect(row!.against!.error).toBeCloseTo(error[token]!, 4);
        expect(error[token]).toBeGreaterThan(0.01);
      }
    });
  });

  it('refuses tokens that the document does not have', async () => {
    await inFolder(async folder => {
      await writeRandomCheckpoint(folder, fields);
      const run = engine.inspect({ ...asked, ...native, model: folder, globalTokens: '0-290' });
      await expect(run).rejects.toThrow("The global tokens '0-290' cannot be read");
    });
  });

  it('says that they change nothing where no layer has any', async () => {
    await inFolder(async folder => {
      await writeRandomCheckpoint(folder, { ...SIZES, model_type: 'bert' });
      const summary = await engine.inspect({ ...asked, ...native, model: folder, globalTokens: '0' });
      expect(summary.notes.join(' ')).toContain('no layer attends with global tokens');
    });
  });
});

function expectClose(found: ArrayLike<number>, expected: ArrayLike<number>): void {
  expect(found.length).toBe(expected.length);
  let gap = 0;
  for (let at = 0; at < expected.length; at++) gap = Math.max(gap, Math.abs(found[at]! - expected[at]!));
  expect(gap).toBeLessThan(1e-4);
}
