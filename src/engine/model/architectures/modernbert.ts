/**
 * ModernBERT (arXiv 2412.13663): a pre-norm encoder with rotary positions and a gated feed-forward, in
 * which most layers see a window to both sides and every few see everything.
 */

import * as v from 'valibot';
import type { GraphBuilder } from '../../onnx/builder';
import type { Value } from '../../onnx/graph';
import { type Activation, activation } from '../activations';
import { architecture, type Family, type Parts } from '../architecture';
import type { ModelConfig } from '../config';
import {
  biasesIf,
  check,
  epsilon,
  flag,
  layerWindows,
  positive,
  readCommon,
  readEqualHeads,
  size,
  SIZE_FIELDS,
} from '../configFields';
import type { Decoder } from '../decoder';
import { embedTokens } from '../embedding';
import { ending } from '../head';
import { columns, mergeHeads, rotate, splitHeads } from '../layers';
import { rotaryOf } from '../rope';
import { readRope, type Rope, ROPE_FIELDS } from '../ropeConfig';
import type { TensorList } from '../tensorList';

interface ModernBertConfig extends ModelConfig {
  readonly intermediateSize: number;
  readonly activation: Activation;
  readonly headActivation: Activation;
  readonly epsilon: number;
  /** Keys with `|i - j| < window` are seen; undefined sees all. */
  readonly layers: readonly { readonly window: number | undefined; readonly rope: Rope }[];
  readonly normBias: boolean;
  readonly attentionBias: true | string;
  readonly mlpBias: true | string;
  readonly headBias: true | string;
  readonly decoderBias: boolean;
}

const Schema = v.looseObject({
  ...SIZE_FIELDS,
  ...ROPE_FIELDS,
  max_position_embeddings: v.optional(size(2 ** 31), 8192),
  intermediate_size: size(2 ** 20),
  hidden_activation: v.optional(v.string(), 'gelu'),
  norm_eps: v.optional(epsilon, 1e-5),
  norm_bias: flag(false),
  attention_bias: flag(false),
  mlp_bias: flag(false),
  decoder_bias: flag(true),
  classifier_bias: flag(false),
  classifier_activation: v.optional(v.string(), 'gelu'),
  global_attn_every_n_layers: v.nullish(size(1024), 3),
  local_attention: v.optional(size(2 ** 24), 128),
  layer_types: v.nullish(v.array(v.string())),
  global_rope_theta: v.nullish(positive),
  local_rope_theta: v.optional(v.nullable(positive), 10000),
  tie_word_embeddings: flag(true),
});

const family: Family<ModernBertConfig> = {
  prefix: 'model.',
  anchor: 'embeddings.tok_embeddings.weight',
  headTensor: 'decoder.bias',
  tensors,
  stages,
};

export const modernbert = architecture('modernbert', 'ModernBert', family, (json, where) => {
  const raw = check(Schema, json, where);
  const heads = readEqualHeads(raw, where);
  const layers = raw.num_hidden_layers;
  const defaults = { headDim: heads.headDim, context: raw.max_position_embeddings };
  const globalTheta = raw.global_rope_theta ?? 160000;
  const full = readRope(raw, { ...defaults, theta: globalTheta, layers: 'full_attention' }, where);
  const localTheta = raw.local_rope_theta ?? globalTheta;
  const sliding = readRope(raw, { ...defaults, theta: localTheta, layers: 'sliding_attention' }, where);
  const types =
    raw.layer_types ??
    Array.from({ length: layers }, (_, layer) =>
      layer % raw.global_attn_every_n_layers === 0 ? 'full_attention' : 'sliding_attention',
    );
  const window = Math.floor(raw.local_attention / 2) + 1;
  return {
    ...readCommon(raw, 'ModernBert', where),
    ...heads,
    modelType: 'modernbert',
    vocabSize: raw.vocab_size,
    hiddenSize: raw.hidden_size,
    numHiddenLayers: layers,
    maxPositionEmbeddings: raw.max_position_embeddings,
    tieWordEmbeddings: raw.tie_word_embeddings,
    intermediateSize: raw.intermediate_size,
    activation: activation(raw.hidden_activation, 'hidden_activation', where),
    headActivation: activation(raw.classifier_activation, 'classifier_activation', where),
    epsilon: raw.norm_eps,
    layers: layerWindows(types, layers, window, where).map(reach => ({
      window: reach,
      rope: reach === undefined ? full : sliding,
    })),
    normBias: raw.norm_bias,
    attentionBias: biasesIf(raw.attention_bias, 'attention_bias'),
    mlpBias: biasesIf(raw.mlp_bias, 'mlp_bias'),
    headBias: biasesIf(raw.classifier_bias, 'classifier_bias'),
    decoderBias: raw.decoder_bias,
  };
});

function tensors(config: ModernBertConfig, list: TensorList, head: boolean): void {
  const { hiddenSize: hidden, intermediateSize: inner, vocabSize, numHiddenLayers: layers } = config;
  const table = 'vocab_size, hidden_size';
  const square = 'hidden_size, hidden_size';
  const norm = (name: string) => list.norm(name, hidden, 'hidden_size', config.normBias);
  list.add('model.embeddings.tok_embeddings.weight', [vocabSize, hidden], table);
  norm('model.embeddings.norm');
  for (let layer = 0; layer < layers; layer++) {
    const at = `model.layers.${layer}`;
    if (layer > 0) norm(`${at}.attn_norm`);
    list.linear(`${at}.attn.Wqkv`, 3 * hidden, hidden, '3 * hidden_size, hidden_size', config.attentionBias);
    list.linear(`${at}.attn.Wo`, hidden, hidden, square, config.attentionBias);
    norm(`${at}.mlp_norm`);
    const wide = '2 * intermediate_size, hidden_size';
    list.linear(`${at}.mlp.Wi`, 2 * inner, hidden, wide, config.mlpBias);
    list.linear(`${at}.mlp.Wo`, hidden, inner, 'hidden_size, intermediate_size', config.mlpBias);
  }
  list.refuse(`model.layers.${layers}.mlp_norm.weight`, `num_hidden_layers is ${layers}`);
  norm('model.final_norm');
  if (!head) return;
  list.linear('head.dense', hidden, hidden, square, config.headBias);
  norm('head.norm');
  if (!config.tieWordEmbeddings) list.add('decoder.weight', [vocabSize, hidden], table);
  if (config.decoderBias) list.add('decoder.bias', [vocabSize], 'vocab_size');
}

function stages(config: ModernBertConfig, parts: Parts): Decoder {
  const { weights } = parts;
  const { hiddenSize, headDim, numAttentionHeads: heads, intermediateSize, layers } = config;
  const embedding = weights.entry('model.embeddings.tok_embeddings.weight');
  const norm = (g: GraphBuilder, x: Value, name: string) => weights.layerNorm(g, x, name, config.epsilon);
  const embedded = weights.program('embed', g => {
    const rows = g.input('rows', 'float32', ['B', hiddenSize]);
    g.output('embedded', norm(g, rows, 'model.embeddings.norm'));
  });

  return {
    info: parts.info,
    hidden: hiddenSize,
    layerCost: hiddenSize * (4 * hiddenSize + 3 * intermediateSize),
    attention: layer => ({ causal: false, window: layers[layer]!.window, softcap: undefined }),
    embed: (ids, executor) => embedTokens({ tokens: embedding, norm: embedded }, ids, executor),
    rotary: (tokens, layer) => rotaryOf(layers[layer]!.rope, tokens),

    project: layer =>
      weights.program(`project ${layer}`, g => {
        const at = `model.layers.${layer}`;
        const hidden = g.input('hidden', 'float32', ['B', hiddenSize]);
        const cos = g.input('cos', 'float32', ['B', headDim / 2]);
        const sin = g.input('sin', 'float32', ['B', headDim / 2]);
        // The norm of the embedding does for the first layer.
        const x = layer === 0 ? hidden : norm(g, hidden, `${at}.attn_norm`);
        const all = weights.linear(g, x, `${at}.attn.Wqkv`);
        const [q, k, v] = columns(g, all, hiddenSize, hiddenSize, hiddenSize);
        g.output('q', rotate(g, splitHeads(g, q!, heads, headDim), cos, sin, headDim));
        g.output('k', rotate(g, splitHeads(g, k!, heads, headDim), cos, sin, headDim));
        g.output('v', splitHeads(g, v!, heads, headDim));
      }),

    finish: layer =>
      weights.program(`finish ${layer}`, g => {
        const at = `model.layers.${layer}`;
        const hidden = g.input('hidden', 'float32', ['B', hiddenSize]);
        const y = g.input('y', 'float32', [heads, 'B', headDim]);
        const middle = g.add(hidden, weights.linear(g, mergeHeads(g, y, heads, headDim), `${at}.attn.Wo`));
        const both = weights.linear(g, norm(g, middle, `${at}.mlp_norm`), `${at}.mlp.Wi`);
        const [inner, gate] = columns(g, both, intermediateSize, intermediateSize);
        const fed = g.mul(config.activation(g, inner!), gate!);
        g.output('next', g.add(middle, weights.linear(g, fed, `${at}.mlp.Wo`)));
      }),

    ...ending(parts, {
      ...{ hiddenSize, vocabSize: config.vocabSize, causal: false },
      norm: (g, hidden) => norm(g, hidden, 'model.final_norm'),
      logits(g, x) {
        const inner = config.headActivation(g, weights.linear(g, x, 'head.dense'));
        const table = config.tieWordEmbeddings ? 'model.embeddings.tok_embeddings' : 'decoder';
        const bias = config.decoderBias ? weights.get(g, 'decoder.bias') : undefined;
        return g.linear(norm(g, inner, 'head.norm'), weights.get(g, `${table}.weight`), bias);
      },
    }),
  };
}
