/**
 * Mamba (arXiv 2312.00752): every layer is a selective scan behind a short causal convolution, gated by a second
 * half of its input projection. There is no attention and no feed-forward; rows are those of the hidden attention.
 */

import * as v from 'valibot';
import { type Activation, activation } from '../activations';
import { architecture, type Family, type Parts } from '../architecture';
import type { ModelConfig } from '../config';
import {
  biasesIf,
  check,
  COMMON_FIELDS,
  epsilon,
  expectField,
  flag,
  positive,
  readCommon,
  size,
} from '../configFields';
import type { Decoder } from '../decoder';
import { embedTokens } from '../embedding';
import { ending } from '../head';
import { columns, mergeHeads, rmsNorm, splitHeads } from '../layers';
import { UNROTATED } from '../rope';
import { causalConv, linearPart, reachingBlock } from '../stateSpace';
import type { TensorList } from '../tensorList';

/** What both generations of Mamba say of themselves. */
export const STATE_SPACE_FIELDS = {
  ...COMMON_FIELDS,
  expand: v.optional(positive, 2),
  conv_kernel: v.optional(size(64), 4),
  layer_norm_epsilon: v.optional(epsilon, 1e-5),
  use_bias: flag(false),
  use_conv_bias: flag(true),
  hidden_act: v.optional(v.string(), 'silu'),
};

/** A config without a context is that of a model that takes any length; this is the longest document. */
export const ANY_LENGTH = 2 ** 24;

/** Names of the past, and of the code that came before the Transformers classes. */
export const STATE_SPACE_NAMES: Pick<Family<ModelConfig>, 'prefix' | 'anchor' | 'headTensor' | 'renamed'> = {
  prefix: 'backbone.',
  anchor: 'embeddings.weight',
  headTensor: 'lm_head.weight',
  renamed: [['backbone.embedding.weight', 'backbone.embeddings.weight']],
};

interface MambaConfig extends ModelConfig {
  /** `E` */
  readonly intermediateSize: number;
  /** `S` */
  readonly stateSize: number;
  readonly timeStepRank: number;
  readonly convKernel: number;
  readonly biases: { readonly projections: true | string; readonly conv: true | string };
  readonly activation: Activation;
  readonly epsilon: number;
}

const Schema = v.looseObject({
  ...STATE_SPACE_FIELDS,
  vocab_size: v.optional(size(2 ** 24), 50280),
  hidden_size: v.optional(size(2 ** 17), 768),
  num_hidden_layers: v.optional(size(1024), 32),
  state_size: v.optional(size(4096), 16),
  intermediate_size: v.nullish(size(2 ** 20)),
  time_step_rank: v.optional(v.union([v.literal('auto'), size(2 ** 17)]), 'auto'),
  tie_word_embeddings: flag(true),
});

const family: Family<MambaConfig> = { ...STATE_SPACE_NAMES, tiedHeadIsSilent: true, tensors, stages };

export const mamba = architecture('mamba', 'Mamba', family, (json, where) => {
  const raw = check(Schema, json, where);
  // Whether another function gates as well depends on the version and the kernel of the published code.
  expectField(json, 'hidden_act', ['silu', 'swish'], where);
  const intermediateSize = raw.intermediate_size ?? Math.floor(raw.expand * raw.hidden_size);
  return {
    ...readCommon(raw, 'Mamba', where),
    modelType: 'mamba',
    vocabSize: raw.vocab_size,
    hiddenSize: raw.hidden_size,
    numHiddenLayers: raw.num_hidden_layers,
    numAttentionHeads: 1,
    numKeyValueHeads: 1,
    headDim: intermediateSize,
    maxPositionEmbeddings: ANY_LENGTH,
    tieWordEmbeddings: raw.tie_word_embeddings,
    intermediateSize,
    stateSize: raw.state_size,
    timeStepRank: raw.time_step_rank === 'auto' ? Math.ceil(raw.hidden_size / 16) : raw.time_step_rank,
    convKernel: raw.conv_kernel,
    biases: {
      projections: biasesIf(raw.use_bias, 'use_bias'),
      conv: biasesIf(raw.use_conv_bias, 'use_conv_bias'),
    },
    activation: activation(raw.hidden_act, 'hidden_act', where),
    epsilon: raw.layer_norm_epsilon,
  };
});

function tensors(config: MambaConfig, list: TensorList, head: boolean): void {
  const { hiddenSize: hidden, intermediateSize: inner, stateSize, timeStepRank: rank, biases } = config;
  const { vocabSize, numHiddenLayers: layers } = config;
  list.add('backbone.embeddings.weight', [vocabSize, hidden], 'vocab_size, hidden_size');
  for (let layer = 0; layer < layers; layer++) {
    const at = `backbone.layers.${layer}`;
    list.norm(`${at}.norm`, hidden, 'hidden_size');
    const mixer = `${at}.mixer`;
    const half = 'intermediate_size';
    list.linear(`${mixer}.in_proj`, 2 * inner, hidden, `2 * ${half}, hidden_size`, biases.projections);
    list.add(`${mixer}.conv1d.weight`, [inner, 1, config.convKernel], `${half}, 1, conv_kernel`);
    if (biases.conv === true) list.add(`${mixer}.conv1d.bias`, [inner], half);
    else list.refuse(`${mixer}.conv1d.bias`, biases.conv);
    list.add(
      `${mixer}.x_proj.weight`,
      [rank + 2 * stateSize, inner],
      `time_step_rank + 2 * state_size, ${half}`,
    );
    list.linear(`${mixer}.dt_proj`, inner, rank, `${half}, time_step_rank`, true);
    list.add(`${mixer}.A_log`, [inner, stateSize], `${half}, state_size`);
    list.add(`${mixer}.D`, [inner], half);
    list.linear(`${mixer}.out_proj`, hidden, inner, `hidden_size, ${half}`, biases.projections);
  }
  list.refuse(`backbone.layers.${layers}.norm.weight`, `num_hidden_layers is ${layers}`);
  list.norm('backbone.norm_f', hidden, 'hidden_size');
  if (head && !config.tieWordEmbeddings) {
    list.add('lm_head.weight', [vocabSize, hidden], 'vocab_size, hidden_size');
  }
}

function stages(config: MambaConfig, parts: Parts): Decoder {
  const { weights } = parts;
  const { hiddenSize, intermediateSize: inner, stateSize, timeStepRank: rank, convKernel: kernel } = config;
  const embedding = weights.entry('backbone.embeddings.weight');
  return {
    info: parts.info,
    hidden: hiddenSize,
    layerCost: inner * (4 * hiddenSize + 2 * rank + 2 * stateSize + kernel),
    attention: () => ({ causal: true, window: undefined, softcap: undefined, mixer: 'mamba' }),
    inputs: () => ({
      q: { heads: 1, width: stateSize },
      k: { heads: 1, width: stateSize },
      v: { heads: 1, width: inner },
      tokens: { delta: { heads: 1, width: inner } },
      fixed: ['A'],
    }),
    overlap: kernel - 1,
    finishReads: 'values',
    embed: (ids, executor) => embedTokens({ tokens: embedding }, ids, executor),
    rotary: () => UNROTATED,

    project: layer =>
      weights.program(`project ${layer}`, g => {
        const at = `backbone.layers.${layer}`;
        const { hidden, within } = reachingBlock(g, hiddenSize, kernel - 1);
        const x = rmsNorm(g, hidden, weights.get(g, `${at}.norm.weight`), config.epsilon);
        const all = within(linearPart(g, weights, x, `${at}.mixer.in_proj`, [0, inner]));
        const conv = { name: `${at}.mixer.conv1d`, kernel, act: config.activation };
        const values = causalConv(g, weights, all, conv);
        const selection = weights.linear(g, values, `${at}.mixer.x_proj`);
        const [low, keys, queries] = columns(g, selection, rank, stateSize, stateSize);
        const delta = g.unary('Softplus', weights.linear(g, low!, `${at}.mixer.dt_proj`));
        g.output('q', splitHeads(g, queries!, 1, stateSize));
        g.output('k', splitHeads(g, keys!, 1, stateSize));
        g.output('v', splitHeads(g, values, 1, inner));
        g.output('delta', splitHeads(g, delta, 1, inner));
        const rates = g.unary('Exp', weights.get(g, `${at}.mixer.A_log`));
        g.output('A', g.reshape(g.unary('Neg', rates), [1, inner, stateSize]));
      }),

    finish: layer =>
      weights.program(`finish ${layer}`, g => {
        const at = `backbone.layers.${layer}`;
        const hidden = g.input('hidden', 'float32', ['B', hiddenSize]);
        const y = mergeHeads(g, g.input('y', 'float32', [1, 'B', inner]), 1, inner);
        const values = mergeHeads(g, g.input('v', 'float32', [1, 'B', inner]), 1, inner);
        const x = rmsNorm(g, hidden, weights.get(g, `${at}.norm.weight`), config.epsilon);
        const gate = linearPart(g, weights, x, `${at}.mixer.in_proj`, [inner, 2 * inner]);
        const whole = g.add(y, g.mul(values, weights.get(g, `${at}.mixer.D`)));
        const mixed = g.mul(whole, config.activation(g, gate));
        g.output('next', g.add(hidden, weights.linear(g, mixed, `${at}.mixer.out_proj`)));
      }),

    ...ending(parts, {
      ...{ hiddenSize, vocabSize: config.vocabSize, causal: true },
      norm: (g, hidden) => rmsNorm(g, hidden, weights.get(g, 'backbone.norm_f.weight'), config.epsilon),
      logits: (g, x) => weights.linear(g, x, config.tieWordEmbeddings ? 'backbone.embeddings' : 'lm_head'),
    }),
  };
}
