/** The same model as it has been written down over the years: other config keys, other names, stray buffers. */

import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';

import {
  readFloats,
  readHeader,
  type TensorData,
  writeSafetensors,
} from '../../../src/engine/model/safetensors';
import { createExecutor } from '../../../src/engine/runtime/executor';
import { type ConfigFields, type RandomOptions, writeRandomCheckpoint } from '../../support/checkpoints';
import { inFolder } from '../../support/folders';
import { runModel } from '../../support/modelRun';

const executor = createExecutor('cpu');
afterAll(() => executor.release());

const IDS = Int32Array.from({ length: 23 }, (_, t) => (t * t * 7 + t * 13 + 5) % 97);

const SIZES: ConfigFields = {
  ...{ vocab_size: 97, hidden_size: 32, num_hidden_layers: 2, num_attention_heads: 4 },
  ...{ intermediate_size: 47, max_position_embeddings: 80, tie_word_embeddings: false },
};
const LLAMA: ConfigFields = {
  ...{ ...SIZES, model_type: 'llama', architectures: ['LlamaForCausalLM'], num_key_value_heads: 2 },
  ...{ rms_norm_eps: 1e-5, rope_theta: 5000, hidden_act: 'silu', torch_dtype: 'float32' },
};
const TIED_LLAMA: ConfigFields = { ...LLAMA, tie_word_embeddings: true };
const QWEN2: ConfigFields = { ...LLAMA, model_type: 'qwen2', architectures: ['Qwen2ForCausalLM'] };
const PHI3: ConfigFields = { ...LLAMA, model_type: 'phi3', architectures: ['Phi3ForCausalLM'] };
const GEMMA3: ConfigFields = {
  ...{ ...SIZES, model_type: 'gemma3_text', architectures: ['Gemma3ForCausalLM'], tie_word_embeddings: true },
  ...{ num_key_value_heads: 2, head_dim: 8, query_pre_attn_scalar: 8, sliding_window: 7 },
  ...{ sliding_window_pattern: 2, rope_theta: 3000, rope_local_base_freq: 70 },
};
const GPT2: ConfigFields = {
  ...{ model_type: 'gpt2', architectures: ['GPT2LMHeadModel'], vocab_size: 97, n_embd: 32, n_layer: 2 },
  ...{ n_head: 4, n_positions: 80 },
};
const NEOX: ConfigFields = {
  ...{ ...SIZES, model_type: 'gpt_neox', architectures: ['GPTNeoXForCausalLM'], rotary_pct: 0.5 },
  ...{ rotary_emb_base: 4000, hidden_act: 'gelu' },
};
const BERT: ConfigFields = {
  ...{ ...SIZES, model_type: 'bert', architectures: ['BertForMaskedLM'], type_vocab_size: 2 },
  ...{ tie_word_embeddings: true },
};
const ROBERTA: ConfigFields = {
  ...{ ...BERT, model_type: 'roberta', architectures: ['RobertaForMaskedLM'], pad_token_id: 1 },
  ...{ type_vocab_size: 1 },
};
const LONGFORMER: ConfigFields = {
  ...{ ...ROBERTA, model_type: 'longformer', architectures: ['LongformerForMaskedLM'] },
  attention_window: [4, 10],
};
const MODERNBERT: ConfigFields = {
  ...{ ...SIZES, model_type: 'modernbert', architectures: ['ModernBertForMaskedLM'], local_attention: 10 },
  ...{ global_rope_theta: 1000, local_rope_theta: 60, tie_word_embeddings: true },
};

type Tensors = Record<string, TensorData>;

interface Dialect {
  readonly of: ConfigFields;
  readonly written?: RandomOptions;
  /** Replaces fields; undefined removes one. */
  readonly fields?: ConfigFields;
  /** In place of all fields. */
  readonly config?: (fields: ConfigFields) => ConfigFields;
  /** What a tensor is called. */
  readonly name?: (name: string) => string;
  readonly more?: (tensors: Tensors) => Tensors;
}

const floats = (...shape: number[]): TensorData => ({
  ...{ dtype: 'F32', shape, data: new Float32Array(shape.reduce((a, b) => a * b, 1)).fill(0.37) },
});
const whole = (...shape: number[]): TensorData => ({
  ...{ dtype: 'I64', shape, data: new Int32Array(shape.reduce((a, b) => a * b, 1)) },
});
const replaced = (from: string | RegExp, to: string) => (name: string) => name.replace(from, to);
const full = { rope_type: 'default', rope_theta: 3000 };
const sliding = { rope_type: 'default', rope_theta: 70 };

const DIALECTS: readonly [string, Dialect][] = [
  [
    'Llama of newer configs',
    {
      of: LLAMA,
      fields: {
        ...{ rope_theta: undefined, torch_dtype: undefined, dtype: 'float32', head_dim: 8 },
        ...{ rope_parameters: { rope_theta: 5000, rope_type: 'default' }, transformers_version: '5.0.0' },
        ...{ attention_bias: false, mlp_bias: false, pretraining_tp: 1, quantization_config: null },
      },
    },
  ],
  ['Llama with the plain scaling named', { of: LLAMA, fields: { rope_scaling: { type: 'default' } } }],
  [
    'Llama with frequencies among its tensors',
    { of: LLAMA, more: () => ({ 'model.layers.0.self_attn.rotary_emb.inv_freq': floats(4) }) },
  ],
  [
    'Llama with its tied head written out',
    { of: TIED_LLAMA, more: all => ({ 'lm_head.weight': all['model.embed_tokens.weight']! }) },
  ],
  ['Llama without class or type', { of: LLAMA, fields: { architectures: undefined } }],
  [
    'Llama under the body of a question answerer',
    {
      of: TIED_LLAMA,
      written: { bare: true },
      fields: { architectures: ['LlamaForQuestionAnswering'] },
      name: name => `transformer.${name}`,
      more: () => ({ 'qa_outputs.weight': floats(2, 32), 'qa_outputs.bias': floats(2) }),
    },
  ],
  [
    'Qwen2 of newer configs',
    {
      of: QWEN2,
      fields: {
        ...{ rope_theta: undefined, rope_parameters: { rope_theta: 5000, rope_type: 'default' } },
        ...{ use_sliding_window: false, sliding_window: null, max_window_layers: 28 },
        layer_types: ['full_attention', 'full_attention'],
      },
    },
  ],
  [
    'Phi-3 of newer configs',
    {
      of: PHI3,
      fields: {
        ...{ rope_theta: undefined, original_max_position_embeddings: 80, sliding_window: null },
        rope_parameters: { rope_theta: 5000, rope_type: 'default', partial_rotary_factor: 1 },
      },
    },
  ],
  [
    'Gemma 3 of newer configs',
    {
      of: GEMMA3,
      fields: {
        ...{ rope_theta: undefined, rope_local_base_freq: undefined, sliding_window_pattern: undefined },
        ...{ _sliding_window_pattern: 6, layer_types: ['sliding_attention', 'full_attention'] },
        ...{ rope_parameters: { full_attention: full, sliding_attention: sliding }, rope_scaling: null },
        ...{
          attn_logit_softcapping: null,
          final_logit_softcapping: null,
          use_bidirectional_attention: false,
        },
      },
    },
  ],
  ...(['model.language_model.', 'language_model.model.', 'language_model.'] as const).map(
    (prefix): [string, Dialect] => [
      `Gemma 3 with images, its text under ${prefix}`,
      {
        of: GEMMA3,
        config: fields => ({
          ...{ model_type: 'gemma3', architectures: ['Gemma3ForConditionalGeneration'] },
          ...{ vision_config: { hidden_size: 8 }, mm_tokens_per_image: 256, text_config: fields },
        }),
        name: replaced(/^model\./, prefix),
        more: () => ({ 'vision_tower.vision_model.embeddings.patch_embedding.bias': floats(8) }),
      },
    ],
  ),
  [
    'GPT-2 with its masks among its tensors',
    {
      of: GPT2,
      fields: {
        ...{ n_ctx: 80, n_inner: null, scale_attn_by_inverse_layer_idx: false, summary_type: 'cls_index' },
        ...{ reorder_and_upcast_attn: true, task_specific_params: { x: { do_sample: true } } },
      },
      more: () => ({
        'transformer.h.0.attn.bias': whole(1, 1, 80, 80),
        'transformer.h.0.attn.masked_bias': floats(),
      }),
    },
  ],
  [
    'GPT-2 with its tied head written out and no prefix',
    {
      of: GPT2,
      name: replaced(/^transformer\./, ''),
      more: all => ({
        'lm_head.weight': all['transformer.wte.weight']!,
        'h.1.attn.bias': floats(1, 1, 80, 80),
      }),
    },
  ],
  [
    'GPT-NeoX of newer configs',
    {
      of: NEOX,
      fields: {
        ...{ rotary_pct: undefined, rotary_emb_base: undefined },
        rope_parameters: { rope_theta: 4000, rope_type: 'default', partial_rotary_factor: 0.5 },
      },
    },
  ],
  ['GPT-NeoX with its head under the newer name', { of: NEOX, name: replaced('embed_out', 'lm_head') }],
  [
    'GPT-NeoX with its buffers among its tensors',
    {
      of: NEOX,
      fields: { rope_theta: 4000, partial_rotary_factor: 0.5, use_parallel_residual: true },
      more: () => ({
        'gpt_neox.layers.0.attention.bias': whole(1, 1, 80, 80),
        'gpt_neox.layers.0.attention.masked_bias': floats(),
        'gpt_neox.layers.0.attention.rotary_emb.inv_freq': floats(2),
      }),
    },
  ],
  [
    'BERT for pre-training, with positions, a pooler and a second head',
    {
      of: BERT,
      fields: {
        architectures: ['BertForPreTraining'],
        position_embedding_type: 'absolute',
        gradient_checkpointing: false,
      },
      name: name =>
        name.replace(/LayerNorm\.weight$/, 'LayerNorm.gamma').replace(/LayerNorm\.bias$/, 'LayerNorm.beta'),
      more: all => ({
        'bert.embeddings.position_ids': whole(1, 80),
        ...{ 'bert.pooler.dense.weight': floats(32, 32), 'bert.pooler.dense.bias': floats(32) },
        ...{ 'cls.seq_relationship.weight': floats(2, 32), 'cls.seq_relationship.bias': floats(2) },
        'cls.predictions.decoder.weight': all['bert.embeddings.word_embeddings.weight']!,
        'cls.predictions.decoder.bias': all['cls.predictions.bias']!,
      }),
    },
  ],
  [
    'RoBERTa with its decoder written out',
    {
      of: ROBERTA,
      fields: { gradient_checkpointing: false, classifier_dropout: null },
      more: all => ({
        'lm_head.decoder.weight': all['roberta.embeddings.word_embeddings.weight']!,
        'lm_head.decoder.bias': all['lm_head.bias']!,
        'roberta.embeddings.token_type_ids': whole(1, 80),
      }),
    },
  ],
  [
    'Longformer of its own code',
    {
      of: LONGFORMER,
      fields: {
        ...{ model_type: 'roberta', attention_window: [2, 5], attention_dilation: [1, 1] },
        ...{ attention_mode: 'sliding_chunks', autoregressive: false },
      },
      name: replaced(/^longformer\./, 'roberta.'),
    },
  ],
  [
    'the body of a Longformer of its own code',
    {
      of: { ...LONGFORMER, architectures: ['LongformerModel'] },
      written: { bare: true },
      fields: {
        ...{ model_type: 'roberta', architectures: ['Longformer'], attention_window: [2, 5] },
        ...{ attention_mode: 'tvm', attention_dilation: [1, 1] },
      },
    },
  ],
  [
    'RoBERTa, as Longformer calls it where nothing is windowed',
    {
      of: ROBERTA,
      fields: { architectures: ['LongformerForMaskedLM'], attention_mode: 'n2', attention_window: null },
    },
  ],
  [
    'ModernBERT of newer configs',
    {
      of: MODERNBERT,
      fields: {
        ...{ global_rope_theta: undefined, local_rope_theta: undefined, reference_compile: null },
        ...{ layer_types: ['full_attention', 'sliding_attention'], classifier_pooling: 'mean' },
        rope_parameters: {
          full_attention: { rope_type: 'default', rope_theta: 1000 },
          sliding_attention: { rope_type: 'default', rope_theta: 60 },
        },
      },
      more: all => ({ 'decoder.weight': all['model.embeddings.tok_embeddings.weight']! }),
    },
  ],
];

describe('the numbers are the same for', () => {
  it.each(DIALECTS)('%s', async (_, { of, written = {}, fields = {}, config, name = same => same, more }) => {
    await inFolder(async folder => {
      const [plain, other] = [join(folder, 'plain'), join(folder, 'other')];
      await writeRandomCheckpoint(plain, of, written);
      const tensors: Tensors = {};
      for (const entry of (await readHeader(join(plain, 'model.safetensors'))).tensors.values()) {
        tensors[entry.name] = { dtype: 'F32', shape: entry.shape, data: await readFloats(entry) };
      }
      const renamed = Object.fromEntries(Object.entries(tensors).map(([key, value]) => [name(key), value]));
      const given = JSON.parse(await readFile(join(plain, 'config.json'), 'utf8')) as ConfigFields;
      const changed = { ...given, ...fields };
      await mkdir(other);
      await writeFile(join(other, 'config.json'), JSON.stringify(config?.(changed) ?? changed));
      await writeSafetensors(
        join(other, 'model.safetensors'),
        { ...renamed, ...more?.(tensors) },
        { format: 'pt' },
      );
      const bare = written.bare ? { ...of, architectures: undefined, tie_word_embeddings: false } : of;
      if (written.bare) await writeFile(join(plain, 'config.json'), JSON.stringify(bare));
      const expected = await runModel(plain, IDS, executor);
      const found = await runModel(other, IDS, executor);
      expect(found.decoder.last.output).toBe(expected.decoder.last.output);
      expect(found.last).toEqual(expected.last);
    });
  });
});
