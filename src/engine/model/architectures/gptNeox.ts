/**
 * GPT-NeoX (arXiv 2204.06745), of which Pythia is made: LayerNorm, rotary positions on a part of each
 * head, q, k and v fused head by head, attention and feed-forward side by side.
 */

import * as v from 'valibot';
import { type Activation, activation } from '../activations';
import { architecture, type Family, type Parts } from '../architecture';
import type { ModelConfig } from '../config';
import {
  biasesIf,
  check,
  epsilon,
  flag,
  readCommon,
  readEqualHeads,
  size,
  SIZE_FIELDS,
} from '../configFields';
import type { Decoder } from '../decoder';
import { embedTokens } from '../embedding';
import { ending } from '../head';
import { mergeHeads, rotate } from '../layers';
import { rotaryOf } from '../rope';
import { readRope, type Rope, ROPE_FIELDS } from '../ropeConfig';
import type { TensorList } from '../tensorList';

interface NeoxConfig extends ModelConfig {
  readonly intermediateSize: number;
  readonly activation: Activation;
  readonly epsilon: number;
  readonly rope: Rope;
  /** Whether attention and feed-forward both read the layer's input. */
  readonly parallel: boolean;
  readonly attentionBias: true | string;
}

const Schema = v.looseObject({
  ...SIZE_FIELDS,
  ...ROPE_FIELDS,
  intermediate_size: size(2 ** 20),
  hidden_act: v.optional(v.string(), 'gelu'),
  rotary_pct: v.nullish(v.pipe(v.number(), v.gtValue(0), v.maxValue(1))),
  rotary_emb_base: v.nullish(v.pipe(v.number(), v.gtValue(0))),
  layer_norm_eps: v.optional(epsilon, 1e-5),
  use_parallel_residual: flag(true),
  attention_bias: flag(true),
  tie_word_embeddings: flag(false),
});

const family: Family<NeoxConfig> = {
  prefix: 'gpt_neox.',
  anchor: 'embed_in.weight',
  headTensor: 'embed_out.weight',
  tiedHeadIsSilent: true,
  renamed: [['lm_head.weight', 'embed_out.weight']],
  tensors,
  stages,
};

export const gptNeox = architecture('gpt_neox', 'GPTNeoX', family, (json, where) => {
  const raw = check(Schema, json, where);
  const heads = readEqualHeads(raw, where);
  const context = raw.max_position_embeddings;
  const defaults = {
    headDim: heads.headDim,
    context,
    theta: raw.rotary_emb_base ?? 10000,
    share: raw.rotary_pct ?? 0.25,
  };
  return {
    ...readCommon(raw, 'GPTNeoX', where),
    ...heads,
    modelType: 'gpt_neox',
    vocabSize: raw.vocab_size,
    hiddenSize: raw.hidden_size,
    numHiddenLayers: raw.num_hidden_layers,
    maxPositionEmbeddings: context,
    tieWordEmbeddings: raw.tie_word_embeddings,
    intermediateSize: raw.intermediate_size,
    activation: activation(raw.hidden_act, 'hidden_act', where),
    epsilon: raw.layer_norm_eps,
    rope: readRope(raw, defaults, where),
    parallel: raw.use_parallel_residual,
    attentionBias: biasesIf(raw.attention_bias, 'attention_bias'),
  };
});

function tensors(config: NeoxConfig, list: TensorList, head: boolean): void {
  const { hiddenSize: hidden, intermediateSize: inner, vocabSize, numHiddenLayers: layers } = config;
  const { attentionBias } = config;
  list.add('gpt_neox.embed_in.weight', [vocabSize, hidden], 'vocab_size, hidden_size');
  for (let layer = 0; layer < layers; layer++) {
    const at = `gpt_neox.layers.${layer}`;
    const own = `${at}.attention`;
    list.norm(`${at}.input_layernorm`, hidden, 'hidden_size', true);
    list.norm(`${at}.post_attention_layernorm`, hidden, 'hidden_size', true);
    list.linear(`${own}.query_key_value`, 3 * hidden, hidden, '3 * hidden_size, hidden_size', attentionBias);
    list.linear(`${own}.dense`, hidden, hidden, 'hidden_size, hidden_size', attentionBias);
    list.linear(`${at}.mlp.dense_h_to_4h`, inner, hidden, 'intermediate_size, hidden_size', true);
    list.linear(`${at}.mlp.dense_4h_to_h`, hidden, inner, 'hidden_size, intermediate_size', true);
  }
  list.refuse(`gpt_neox.layers.${layers}.input_layernorm.weight`, `num_hidden_layers is ${layers}`);
  list.norm('gpt_neox.final_layer_norm', hidden, 'hidden_size', true);
  if (head && !config.tieWordEmbeddings) {
    list.add('embed_out.weight', [vocabSize, hidden], 'vocab_size, hidden_size');
  }
}

function stages(config: NeoxConfig, parts: Parts): Decoder {
  const { weights } = parts;
  const { hiddenSize, headDim, numAttentionHeads: heads, intermediateSize, rope } = config;
  const embedding = weights.entry('gpt_neox.embed_in.weight');
  return {
    info: parts.info,
    hidden: hiddenSize,
    layerCost: hiddenSize * (4 * hiddenSize + 2 * intermediateSize),
    attention: () => ({ causal: true, window: undefined, softcap: undefined }),
    embed: (ids, executor) => embedTokens({ tokens: embedding }, ids, executor),
    rotary: tokens => rotaryOf(rope, tokens),

    project: layer =>
      weights.program(`project ${layer}`, g => {
        const at = `gpt_neox.layers.${layer}`;
        const hidden = g.input('hidden', 'float32', ['B', hiddenSize]);
        const cos = g.input('cos', 'float32', ['B', rope.width / 2]);
        const sin = g.input('sin', 'float32', ['B', rope.width / 2]);
        const x = weights.layerNorm(g, hidden, `${at}.input_layernorm`, config.epsilon);
        const all = weights.linear(g, x, `${at}.attention.query_key_value`);
        const perHead = g.reshape(all, ['B', heads, 3 * headDim]);
        const part = (index: number) =>
          g.transpose(g.slice(perHead, 2, index * headDim, (index + 1) * headDim, headDim), 1, 0, 2);
        g.output('q', rotate(g, part(0), cos, sin, headDim, rope.width));
        g.output('k', rotate(g, part(1), cos, sin, headDim, rope.width));
        g.output('v', part(2));
      }),

    finish: layer =>
      weights.program(`finish ${layer}`, g => {
        const at = `gpt_neox.layers.${layer}`;
        const hidden = g.input('hidden', 'float32', ['B', hiddenSize]);
        const y = g.input('y', 'float32', [heads, 'B', headDim]);
        const attended = weights.linear(g, mergeHeads(g, y, heads, headDim), `${at}.attention.dense`);
        const middle = g.add(hidden, attended);
        const read = config.parallel ? hidden : middle;
        const x = weights.layerNorm(g, read, `${at}.post_attention_layernorm`, config.epsilon);
        const inner = config.activation(g, weights.linear(g, x, `${at}.mlp.dense_h_to_4h`));
        g.output('next', g.add(middle, weights.linear(g, inner, `${at}.mlp.dense_4h_to_h`)));
      }),

    ...ending(parts, {
      ...{ hiddenSize, vocabSize: config.vocabSize, causal: true },
      norm: (g, hidden) => weights.layerNorm(g, hidden, 'gpt_neox.final_layer_norm', config.epsilon),
      logits: (g, x) => weights.linear(g, x, config.tieWordEmbeddings ? 'gpt_neox.embed_in' : 'embed_out'),
    }),
  };
}
