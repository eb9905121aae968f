/** Decoders of every architecture against plain loops: logits and attention rows, from published names. */

import { afterAll, describe, expect, it } from 'vitest';
import { createExecutor } from '../../../src/engine/runtime/executor';
import { type Case, expectEqual, IDS as ids } from '../../support/architectures';
import { type ConfigFields, writeRandomCheckpoint } from '../../support/checkpoints';
import { inFolder } from '../../support/folders';
import { gpt2Forward, neoxForward } from '../../support/gptReference';
import { llamaForward } from '../../support/llamaReference';
import { runModel } from '../../support/modelRun';
import { ACTIVATIONS } from '../../support/plain';

const executor = createExecutor('cpu');
afterAll(() => executor.release());

/** Sizes that every decoder of the tests has; nothing is a power of two that need not be. */
const SIZES: ConfigFields = {
  vocab_size: 97,
  hidden_size: 36,
  intermediate_size: 53,
  num_hidden_layers: 3,
  num_attention_heads: 6,
  num_key_value_heads: 2,
  head_dim: 10,
  max_position_embeddings: 512,
  torch_dtype: 'float32',
};

const LLAMA_LIKE: Case[] = [
  ['Llama', { model_type: 'llama', architectures: ['LlamaForCausalLM'] }],
  ['Llama body without a head', { model_type: 'llama', architectures: ['LlamaModel'] }, { bare: true }],
  [
    'Llama body without a class',
    { model_type: 'llama', tie_word_embeddings: false },
    { bare: true, dtype: 'F16', shards: 2 },
  ],
  [
    'Mistral with a window',
    { model_type: 'mistral', architectures: ['MistralForCausalLM'], sliding_window: 9, head_dim: null },
  ],
  ['Mistral without a window', { model_type: 'mistral', sliding_window: null, tie_word_embeddings: true }],
  [
    'Qwen2 in shards of bfloat16',
    { model_type: 'qwen2', architectures: ['Qwen2ForCausalLM'], tie_word_embeddings: true },
    { dtype: 'BF16', shards: 3 },
  ],
  [
    'Qwen2 whose upper layers slide',
    {
      ...{ model_type: 'qwen2', architectures: ['Qwen2ForCausalLM'], head_dim: undefined },
      ...{ use_sliding_window: true, sliding_window: 7, max_window_layers: 1, rope_theta: 1e6 },
    },
  ],
  [
    'Qwen2 with layer_types and a stretched rotation',
    {
      ...{ model_type: 'qwen2', architectures: ['Qwen2ForCausalLM'], dtype: 'float32' },
      ...{ use_sliding_window: true, sliding_window: 5, max_window_layers: 28 },
      layer_types: ['full_attention', 'sliding_attention', 'full_attention'],
      rope_parameters: {
        ...{ rope_type: 'yarn', factor: 4, original_max_position_embeddings: 32, rope_theta: 50000 },
      },
    },
  ],
  ['Qwen3', { model_type: 'qwen3', architectures: ['Qwen3ForCausalLM'], tie_word_embeddings: true }],
  ['Qwen3 with biases', { model_type: 'qwen3', architectures: ['Qwen3ForCausalLM'], attention_bias: true }],
  [
    'Gemma 2',
    {
      ...{ model_type: 'gemma2', architectures: ['Gemma2ForCausalLM'], query_pre_attn_scalar: 12 },
      ...{ sliding_window: 11, attn_logit_softcapping: 2, final_logit_softcapping: 3 },
    },
  ],
  [
    'Gemma 2 with the caps of its class',
    { model_type: 'gemma2', architectures: ['Gemma2ForCausalLM'], sliding_window: 30, attention_bias: true },
    { dtype: 'BF16', shards: 2 },
  ],
  [
    'Gemma 2 without caps',
    {
      ...{ model_type: 'gemma2', architectures: ['Gemma2Model'], attn_logit_softcapping: null },
      ...{ layer_types: ['full_attention', 'full_attention', 'sliding_attention'], sliding_window: 9 },
    },
    { bare: true },
  ],
  [
    'Gemma 3 of older configs',
    {
      ...{ model_type: 'gemma3_text', architectures: ['Gemma3ForCausalLM'], query_pre_attn_scalar: 17 },
      ...{ sliding_window: 6, sliding_window_pattern: 2, rope_theta: 1e6, rope_local_base_freq: 5000 },
      rope_scaling: { rope_type: 'linear', factor: 8 },
    },
  ],
  [
    'Gemma 3 of newer configs',
    {
      ...{ model_type: 'gemma3_text', architectures: ['Gemma3ForCausalLM'], query_pre_attn_scalar: 10 },
      ...{ sliding_window: 6, final_logit_softcapping: 4 },
      layer_types: ['sliding_attention', 'full_attention', 'sliding_attention'],
      rope_parameters: {
        full_attention: { rope_type: 'linear', factor: 8, rope_theta: 1e6 },
        sliding_attention: { rope_type: 'default', rope_theta: 2000 },
      },
    },
    { dtype: 'BF16' },
  ],
  [
    'Gemma 3 that sees both ways',
    {
      ...{ model_type: 'gemma3_text', architectures: ['Gemma3TextModel'], sliding_window: 9 },
      ...{ sliding_window_pattern: 2, use_bidirectional_attention: true },
    },
    { bare: true },
  ],
  [
    'Llama beyond its context, which a dynamic rotation is counted from',
    {
      ...{ model_type: 'llama', architectures: ['LlamaForCausalLM'], max_position_embeddings: 24 },
      rope_scaling: { rope_type: 'dynamic', factor: 3, original_max_position_embeddings: 12 },
    },
  ],
  [
    'Llama stretched from the whole of its context',
    {
      ...{ model_type: 'llama', architectures: ['LlamaForCausalLM'], max_position_embeddings: 40 },
      rope_parameters: {
        ...{ rope_type: 'llama3', rope_theta: 900, factor: 8, low_freq_factor: 1, high_freq_factor: 4 },
      },
    },
  ],
  ['Gemma 3 body', { model_type: 'gemma3_text', architectures: ['Gemma3TextModel'] }, { bare: true }],
  ['Phi-3', { model_type: 'phi3', architectures: ['Phi3ForCausalLM'], head_dim: undefined }],
  [
    'Phi-3 beyond its trained length, partly rotated, with a window',
    {
      ...{ model_type: 'phi3', architectures: ['Phi3ForCausalLM'], sliding_window: 20, head_dim: 16 },
      ...{ original_max_position_embeddings: 32, partial_rotary_factor: 0.75 },
      rope_scaling: {
        type: 'longrope',
        short_factor: [1, 1.1, 1.2, 1.3, 1.4, 1.5],
        long_factor: [1, 1.5, 2.5, 4, 8, 12],
      },
    },
  ],
  [
    'Phi-3 within its trained length, with an older name',
    {
      ...{ model_type: 'phi3', architectures: ['Phi3ForCausalLM'], original_max_position_embeddings: 128 },
      rope_scaling: { type: 'su', short_factor: [1, 1.1, 1.2, 1.3, 1.4], long_factor: [1, 2, 3, 4, 5] },
    },
  ],
];

describe("Llama's family equals plain loops", () => {
  it.each(LLAMA_LIKE)('%s', async (_, fields, options) => {
    await expectEqual(executor, { ...SIZES, ...fields }, options, directory =>
      llamaForward({ directory }, ids),
    );
  });
});

describe('activations equal plain loops', () => {
  const fields = { ...SIZES, model_type: 'llama', architectures: ['LlamaForCausalLM'], num_hidden_layers: 1 };
  it.each(Object.keys(ACTIVATIONS))('%s', async hidden_act => {
    await expectEqual(executor, { ...fields, hidden_act }, undefined, directory =>
      llamaForward({ directory }, ids),
    );
  });
});

const GPT2: ConfigFields = {
  ...{ model_type: 'gpt2', architectures: ['GPT2LMHeadModel'], vocab_size: 97, n_embd: 35, n_layer: 3 },
  ...{ n_head: 5, n_positions: 64, layer_norm_epsilon: 1e-5 },
};

describe('GPT-2 equals plain loops', () => {
  it.each<Case>([
    ['with a tied head', GPT2],
    ['without a head or a prefix', { ...GPT2, architectures: ['GPT2Model'] }, { bare: true, dtype: 'F16' }],
    ['with a tied head and no prefix', GPT2, { bare: true, dtype: 'BF16', shards: 2 }],
    [
      'with an untied head and scales of its own',
      {
        ...GPT2,
        ...{ n_inner: 41, activation_function: 'relu', tie_word_embeddings: false },
        ...{ scale_attn_by_inverse_layer_idx: true, scale_attn_weights: false },
      },
    ],
  ])('%s', async (_, fields, options) => {
    await expectEqual(executor, fields, options, directory => gpt2Forward(directory, ids));
  });

  it('says when a document is longer than its positions, and which tokens it knows', async () => {
    await inFolder(async folder => {
      await writeRandomCheckpoint(folder, GPT2);
      await expect(runModel(folder, new Int32Array(65), executor)).rejects.toThrow(
        '65 tokens; the model has',
      );
      await expect(runModel(folder, Int32Array.of(3, 97), executor)).rejects.toThrow('0 to 96; found 97');
    });
  });
});

const NEOX: ConfigFields = {
  ...{ model_type: 'gpt_neox', architectures: ['GPTNeoXForCausalLM'], vocab_size: 97, hidden_size: 48 },
  ...{ num_hidden_layers: 3, num_attention_heads: 3, intermediate_size: 61, max_position_embeddings: 128 },
};

describe('GPT-NeoX equals plain loops', () => {
  it.each<Case>([
    ['with a quarter of each head rotated', NEOX],
    ['of Pythia', { ...NEOX, rotary_pct: 0.5, rotary_emb_base: 5000, rope_scaling: null }, { dtype: 'F16' }],
    [
      'of newer configs, one half after the other',
      {
        ...NEOX,
        ...{ use_parallel_residual: false, hidden_act: 'gelu_new', attention_bias: false },
        rope_parameters: { rope_type: 'default', rope_theta: 20000, partial_rotary_factor: 1 },
      },
    ],
    ['of which an odd share of each head is rotated', { ...NEOX, rotary_pct: 0.32, rotary_emb_base: 50 }],
    ['of which three numbers of each head are rotated', { ...NEOX, rotary_pct: 0.2, rotary_emb_base: 9 }],
    [
      'without a head',
      { ...NEOX, architectures: ['GPTNeoXModel'] },
      { bare: true, dtype: 'BF16', shards: 3 },
    ],
  ])('%s', async (_, fields, options) => {
    await expectEqual(executor, fields, options, directory => neoxForward(directory, ids));
  });
});
