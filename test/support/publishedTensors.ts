/** The tensors of each architecture by the names and shapes in which they are published. */

import type { ConfigFields } from './reference';

export type TensorShapes = [name: string, shape: number[]][];

interface Options {
  /** Without the head, and without the prefix that the body has beside one. */
  readonly bare?: boolean;
}

/** Reads the fields that a list needs; the test's own configs name them all. */
function reader(fields: ConfigFields) {
  return (name: string, fallback?: number): number => {
    const value = (fields[name] as number | null | undefined) ?? fallback;
    if (value === undefined) throw new Error(`The test config has no ${name}.`);
    return value;
  };
}

function decoderTensors(fields: ConfigFields, { bare = false }: Options): TensorShapes {
  const number = reader(fields);
  const type = fields['model_type'] as string;
  const gemma = type.startsWith('gemma');
  const [C, I, V] = [number('hidden_size'), number('intermediate_size'), number('vocab_size')];
  const H = number('num_attention_heads');
  const G = number('num_key_value_heads', H);
  const D = number('head_dim', C / H);
  const attentionBias = type === 'qwen2' || fields['attention_bias'] === true;
  const outputBias = fields['attention_bias'] === true;
  const mlpBias = fields['mlp_bias'] === true;
  const body = bare ? '' : 'model.';
  const list: TensorShapes = [[`${body}embed_tokens.weight`, [V, C]]];
  const linear = (name: string, rows: number, columns: number, biased = false) => {
    list.push([`${name}.weight`, [rows, columns]]);
    if (biased) list.push([`${name}.bias`, [rows]]);
  };
  for (let layer = 0; layer < number('num_hidden_layers'); layer++) {
    const at = `${body}layers.${layer}`;
    if (type === 'phi3') {
      linear(`${at}.self_attn.o_proj`, C, H * D);
      linear(`${at}.self_attn.qkv_proj`, (H + 2 * G) * D, C);
      linear(`${at}.mlp.gate_up_proj`, 2 * I, C);
      linear(`${at}.mlp.down_proj`, C, I);
    } else {
      linear(`${at}.self_attn.q_proj`, H * D, C, attentionBias);
      linear(`${at}.self_attn.k_proj`, G * D, C, attentionBias);
      linear(`${at}.self_attn.v_proj`, G * D, C, attentionBias);
      linear(`${at}.self_attn.o_proj`, C, H * D, outputBias);
      linear(`${at}.mlp.gate_proj`, I, C, mlpBias);
      linear(`${at}.mlp.up_proj`, I, C, mlpBias);
      linear(`${at}.mlp.down_proj`, C, I, mlpBias);
    }
    if (type === 'qwen3' || type === 'gemma3_text') {
      list.push([`${at}.self_attn.q_norm.weight`, [D]], [`${at}.self_attn.k_norm.weight`, [D]]);
    }
    const norms = ['input_layernorm', 'post_attention_layernorm'];
    if (gemma) norms.push('pre_feedforward_layernorm', 'post_feedforward_layernorm');
    for (const name of norms) list.push([`${at}.${name}.weight`, [C]]);
  }
  list.push([`${body}norm.weight`, [C]]);
  const tied = (fields['tie_word_embeddings'] as boolean | undefined) ?? gemma;
  if (!tied && !bare) list.push(['lm_head.weight', [V, C]]);
  return list;
}

function gpt2Tensors(fields: ConfigFields, { bare = false }: Options): TensorShapes {
  const number = reader(fields);
  const [C, V] = [number('n_embd'), number('vocab_size')];
  const I = number('n_inner', 4 * C);
  const body = bare ? '' : 'transformer.';
  const list: TensorShapes = [
    [`${body}wte.weight`, [V, C]],
    [`${body}wpe.weight`, [number('n_positions'), C]],
  ];
  const both = (name: string, ...shape: number[]) =>
    list.push([`${name}.weight`, shape], [`${name}.bias`, [shape.at(-1)!]]);
  for (let layer = 0; layer < number('n_layer'); layer++) {
    const at = `${body}h.${layer}`;
    both(`${at}.ln_1`, C);
    both(`${at}.attn.c_attn`, C, 3 * C);
    both(`${at}.attn.c_proj`, C, C);
    both(`${at}.ln_2`, C);
    both(`${at}.mlp.c_fc`, C, I);
    both(`${at}.mlp.c_proj`, I, C);
  }
  both(`${body}ln_f`, C);
  if (!bare && fields['tie_word_embeddings'] === false) list.push(['lm_head.weight', [V, C]]);
  return list;
}

function neoxTensors(fields: ConfigFields, { bare = false }: Options): TensorShapes {
  const number = reader(fields);
  const [C, I, V] = [number('hidden_size'), number('intermediate_size'), number('vocab_size')];
  const body = bare ? '' : 'gpt_neox.';
  const list: TensorShapes = [[`${body}embed_in.weight`, [V, C]]];
  const both = (name: string, biased: boolean, ...shape: number[]) => {
    list.push([`${name}.weight`, shape]);
    if (biased) list.push([`${name}.bias`, [shape[0]!]]);
  };
  const attentionBias = fields['attention_bias'] !== false;
  for (let layer = 0; layer < number('num_hidden_layers'); layer++) {
    const at = `${body}layers.${layer}`;
    both(`${at}.input_layernorm`, true, C);
    both(`${at}.post_attention_layernorm`, true, C);
    both(`${at}.attention.query_key_value`, attentionBias, 3 * C, C);
    both(`${at}.attention.dense`, attentionBias, C, C);
    both(`${at}.mlp.dense_h_to_4h`, true, I, C);
    both(`${at}.mlp.dense_4h_to_h`, true, C, I);
  }
  both(`${body}final_layer_norm`, true, C);
  if (!bare && fields['tie_word_embeddings'] !== true) list.push(['embed_out.weight', [V, C]]);
  return list;
}

/** BERT, RoBERTa and Longformer. */
function bertTensors(fields: ConfigFields, { bare = false }: Options): TensorShapes {
  const number = reader(fields);
  const type = fields['model_type'] as string;
  const [C, I, V] = [number('hidden_size'), number('intermediate_size'), number('vocab_size')];
  const body = bare ? '' : `${type}.`;
  const list: TensorShapes = [
    [`${body}embeddings.word_embeddings.weight`, [V, C]],
    [`${body}embeddings.position_embeddings.weight`, [number('max_position_embeddings'), C]],
    [`${body}embeddings.token_type_embeddings.weight`, [number('type_vocab_size', 2), C]],
  ];
  const both = (name: string, ...shape: number[]) =>
    list.push([`${name}.weight`, shape], [`${name}.bias`, [shape[0]!]]);
  both(`${body}embeddings.LayerNorm`, C);
  const projections = ['query', 'key', 'value'];
  if (type === 'longformer') projections.push('query_global', 'key_global', 'value_global');
  for (let layer = 0; layer < number('num_hidden_layers'); layer++) {
    const at = `${body}encoder.layer.${layer}`;
    for (const name of projections) both(`${at}.attention.self.${name}`, C, C);
    both(`${at}.attention.output.dense`, C, C);
    both(`${at}.attention.output.LayerNorm`, C);
    both(`${at}.intermediate.dense`, I, C);
    both(`${at}.output.dense`, C, I);
    both(`${at}.output.LayerNorm`, C);
  }
  if (bare) {
    both('pooler.dense', C, C);
    return list;
  }
  const untied = fields['tie_word_embeddings'] === false;
  if (type === 'bert') {
    list.push(['cls.predictions.bias', [V]]);
    both('cls.predictions.transform.dense', C, C);
    both('cls.predictions.transform.LayerNorm', C);
    if (untied) list.push(['cls.predictions.decoder.weight', [V, C]]);
  } else {
    list.push(['lm_head.bias', [V]]);
    both('lm_head.dense', C, C);
    both('lm_head.layer_norm', C);
    if (untied) list.push(['lm_head.decoder.weight', [V, C]]);
  }
  return list;
}

function modernbertTensors(fields: ConfigFields, { bare = false }: Options): TensorShapes {
  const number = reader(fields);
  const [C, I, V] = [number('hidden_size'), number('intermediate_size'), number('vocab_size')];
  const body = bare ? '' : 'model.';
  const list: TensorShapes = [[`${body}embeddings.tok_embeddings.weight`, [V, C]]];
  const normBias = fields['norm_bias'] === true;
  const add = (name: string, biased: boolean, ...shape: number[]) => {
    list.push([`${name}.weight`, shape]);
    if (biased) list.push([`${name}.bias`, [shape[0]!]]);
  };
  add(`${body}embeddings.norm`, normBias, C);
  for (let layer = 0; layer < number('num_hidden_layers'); layer++) {
    const at = `${body}layers.${layer}`;
    if (layer > 0) add(`${at}.attn_norm`, normBias, C);
    add(`${at}.attn.Wqkv`, fields['attention_bias'] === true, 3 * C, C);
    add(`${at}.attn.Wo`, fields['attention_bias'] === true, C, C);
    add(`${at}.mlp_norm`, normBias, C);
    add(`${at}.mlp.Wi`, fields['mlp_bias'] === true, 2 * I, C);
    add(`${at}.mlp.Wo`, fields['mlp_bias'] === true, C, I);
  }
  add(`${body}final_norm`, normBias, C);
  if (bare) return list;
  add('head.dense', fields['classifier_bias'] === true, C, C);
  add('head.norm', normBias, C);
  if (fields['tie_word_embeddings'] === false) list.push(['decoder.weight', [V, C]]);
  if (fields['decoder_bias'] !== false) list.push(['decoder.bias', [V]]);
  return list;
}

/** Mamba and Mamba-2, by the names of their Transformers classes. */
function mambaTensors(fields: ConfigFields, { bare = false }: Options): TensorShapes {
  const number = reader(fields);
  const second = fields['model_type'] === 'mamba2';
  const [C, V, K] = [number('hidden_size'), number('vocab_size'), number('conv_kernel', 4)];
  const S = number('state_size', second ? 128 : 16);
  const E = number('expand', 2) * C;
  const body = bare ? '' : 'backbone.';
  const list: TensorShapes = [[`${body}embeddings.weight`, [V, C]]];
  const linear = (name: string, rows: number, columns: number, biased: boolean) => {
    list.push([`${name}.weight`, [rows, columns]]);
    if (biased) list.push([`${name}.bias`, [rows]]);
  };
  const biased = fields['use_bias'] === true;
  for (let layer = 0; layer < number('num_hidden_layers'); layer++) {
    const mixer = `${body}layers.${layer}.mixer`;
    const [H, G] = second ? [number('num_heads'), number('n_groups', 8)] : [0, 0];
    const conv = second ? E + 2 * G * S : E;
    list.push([`${body}layers.${layer}.norm.weight`, [C]]);
    if (second) list.push([`${mixer}.dt_bias`, [H]], [`${mixer}.A_log`, [H]], [`${mixer}.D`, [H]]);
    else list.push([`${mixer}.A_log`, [E, S]], [`${mixer}.D`, [E]]);
    list.push([`${mixer}.conv1d.weight`, [conv, 1, K]]);
    if (fields['use_conv_bias'] !== false) list.push([`${mixer}.conv1d.bias`, [conv]]);
    linear(`${mixer}.in_proj`, second ? E + conv + H : 2 * E, C, biased);
    if (second) {
      list.push([`${mixer}.norm.weight`, [E]]);
    } else {
      const R = number('time_step_rank', Math.ceil(C / 16));
      linear(`${mixer}.x_proj`, R + 2 * S, E, false);
      linear(`${mixer}.dt_proj`, E, R, true);
    }
    linear(`${mixer}.out_proj`, C, E, biased);
  }
  list.push([`${body}norm_f.weight`, [C]]);
  const tied = (fields['tie_word_embeddings'] as boolean | undefined) ?? !second;
  if (!tied && !bare) list.push(['lm_head.weight', [V, C]]);
  return list;
}

const LISTS: Readonly<Record<string, (fields: ConfigFields, options: Options) => TensorShapes>> = {
  gpt2: gpt2Tensors,
  gpt_neox: neoxTensors,
  bert: bertTensors,
  roberta: bertTensors,
  longformer: bertTensors,
  modernbert: modernbertTensors,
  mamba: mambaTensors,
  mamba2: mambaTensors,
};

/** What a checkpoint of this config holds. */
export function publishedTensors(fields: ConfigFields, options: Options = {}): TensorShapes {
  return (LISTS[fields['model_type'] as string] ?? decoderTensors)(fields, options);
}
