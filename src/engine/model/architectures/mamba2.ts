/**
 * Mamba-2 (arXiv 2405.21060): every layer is state-space duality, `C`, `B` and `x` of each head behind a short causal
 * convolution, with one step and one decay a head, and a gated norm after it. In its dual form `C` are queries, `B`
 * keys and `x` values, so that attention can be laid over them.
 */

import * as v from 'valibot';
import { Problem } from '../../../protocol/problem';
import type { GraphBuilder } from '../../onnx/builder';
import type { Value } from '../../onnx/graph';
import { type Activation, activation } from '../activations';
import { architecture, type Family, type Parts } from '../architecture';
import type { ModelConfig } from '../config';
import { biasesIf, check, readCommon, size } from '../configFields';
import type { Decoder } from '../decoder';
import { embedTokens } from '../embedding';
import { ending } from '../head';
import { columns, mergeHeads, rmsNorm, splitHeads } from '../layers';
import { UNROTATED } from '../rope';
import { causalConv, linearPart, ownRows, reachingBlock } from '../stateSpace';
import type { TensorList } from '../tensorList';
import { ANY_LENGTH, STATE_SPACE_FIELDS, STATE_SPACE_NAMES } from './mamba';

interface Mamba2Config extends ModelConfig {
  /** `E = H · D` */
  readonly intermediateSize: number;
  /** `S` */
  readonly stateSize: number;
  /** Groups of heads that share `B` and `C`. */
  readonly groups: number;
  /** Whether the config says that the head has weights of its own; where it is silent, the checkpoint tells. */
  readonly untied: boolean;
  /** Parts of the gated norm, each by its own mean square. */
  readonly normGroups: number;
  readonly convKernel: number;
  readonly stepLimits: readonly [least: number, most: number];
  readonly biases: { readonly projections: true | string; readonly conv: true | string };
  readonly activation: Activation;
  readonly epsilon: number;
}

/** A bound, which newer files write as `{"__float__": "Infinity"}`. */
const bound = v.union([
  v.pipe(v.number(), v.minValue(0)),
  v.pipe(
    v.object({ __float__: v.literal('Infinity') }),
    v.transform(() => Infinity),
  ),
]);

const Schema = v.looseObject({
  ...STATE_SPACE_FIELDS,
  vocab_size: v.optional(size(2 ** 24), 32768),
  hidden_size: v.optional(size(2 ** 17), 4096),
  num_hidden_layers: v.optional(size(1024), 64),
  num_heads: v.optional(size(4096), 128),
  head_dim: v.optional(size(4096), 64),
  state_size: v.optional(size(4096), 128),
  n_groups: v.optional(size(4096), 8),
  norm_groups: v.optional(size(4096), 1),
  time_step_limit: v.optional(v.tuple([bound, bound]), [0, Infinity]),
  tie_word_embeddings: v.optional(v.boolean()),
});

const family: Family<Mamba2Config> = { ...STATE_SPACE_NAMES, tiedHeadIsSilent: true, tensors, stages };

export const mamba2 = architecture('mamba2', 'Mamba2', family, (json, where) => {
  const raw = check(Schema, json, where);
  const { num_heads: heads, head_dim: headDim, n_groups: groups } = raw;
  const intermediateSize = Math.floor(raw.expand * raw.hidden_size);
  if (heads * headDim !== intermediateSize) {
    throw new Problem(
      `${where}: num_heads * head_dim is ${heads * headDim}; expected expand * hidden_size, ${intermediateSize}.`,
    );
  }
  if (heads % groups !== 0) {
    throw new Problem(`${where}: num_heads is ${heads}; expected a multiple of n_groups, ${groups}.`);
  }
  return {
    ...readCommon(raw, 'Mamba2', where),
    modelType: 'mamba2',
    vocabSize: raw.vocab_size,
    hiddenSize: raw.hidden_size,
    numHiddenLayers: raw.num_hidden_layers,
    numAttentionHeads: heads,
    numKeyValueHeads: groups,
    headDim,
    maxPositionEmbeddings: ANY_LENGTH,
    tieWordEmbeddings: raw.tie_word_embeddings ?? false,
    untied: raw.tie_word_embeddings === false,
    intermediateSize,
    stateSize: raw.state_size,
    groups,
    normGroups: raw.norm_groups,
    convKernel: raw.conv_kernel,
    stepLimits: raw.time_step_limit,
    biases: {
      projections: biasesIf(raw.use_bias, 'use_bias'),
      conv: biasesIf(raw.use_conv_bias, 'use_conv_bias'),
    },
    activation: activation(raw.hidden_act, 'hidden_act', where),
    epsilon: raw.layer_norm_epsilon,
  };
});

/** Channels of the convolution: `x`, `B` and `C`. */
function convWidth({ intermediateSize, groups, stateSize }: Mamba2Config): number {
  return intermediateSize + 2 * groups * stateSize;
}

function tensors(config: Mamba2Config, list: TensorList, head: boolean): void {
  const { hiddenSize: hidden, intermediateSize: inner, numAttentionHeads: heads, biases } = config;
  const { vocabSize, numHiddenLayers: layers } = config;
  const conv = convWidth(config);
  const mixed = 'expand * hidden_size + 2 * n_groups * state_size';
  list.add('backbone.embeddings.weight', [vocabSize, hidden], 'vocab_size, hidden_size');
  for (let layer = 0; layer < layers; layer++) {
    const at = `backbone.layers.${layer}`;
    list.norm(`${at}.norm`, hidden, 'hidden_size');
    const mixer = `${at}.mixer`;
    list.linear(
      `${mixer}.in_proj`,
      inner + conv + heads,
      hidden,
      `expand * hidden_size + (${mixed}) + num_heads, hidden_size`,
      biases.projections,
    );
    list.add(`${mixer}.conv1d.weight`, [conv, 1, config.convKernel], `${mixed}, 1, conv_kernel`);
    if (biases.conv === true) list.add(`${mixer}.conv1d.bias`, [conv], mixed);
    else list.refuse(`${mixer}.conv1d.bias`, biases.conv);
    for (const name of ['dt_bias', 'A_log', 'D']) list.add(`${mixer}.${name}`, [heads], 'num_heads');
    list.norm(`${mixer}.norm`, inner, 'expand * hidden_size');
    list.linear(`${mixer}.out_proj`, hidden, inner, 'hidden_size, expand * hidden_size', biases.projections);
  }
  list.refuse(`backbone.layers.${layers}.norm.weight`, `num_hidden_layers is ${layers}`);
  list.norm('backbone.norm_f', hidden, 'hidden_size');
  if (head && config.untied) {
    list.add('lm_head.weight', [vocabSize, hidden], 'vocab_size, hidden_size');
  }
}

function stages(config: Mamba2Config, parts: Parts): Decoder {
  const { weights } = parts;
  const { hiddenSize, intermediateSize: inner, stateSize, groups, convKernel: kernel } = config;
  const { numAttentionHeads: heads, headDim, normGroups, epsilon } = config;
  const conv = convWidth(config);
  const overlap = kernel - 1;
  const embedding = weights.entry('backbone.embeddings.weight');

  const gatedNorm = (g: GraphBuilder, x: Value, name: string): Value => {
    const weight = weights.get(g, `${name}.weight`);
    if (normGroups === 1) return rmsNorm(g, x, weight, epsilon);
    const [part, shape] = [inner / normGroups, ['B', normGroups, inner / normGroups]];
    const grouped = rmsNorm(g, g.reshape(x, shape), g.reshape(weight, [normGroups, part]), epsilon);
    return g.reshape(grouped, ['B', inner]);
  };

  return {
    info: parts.info,
    hidden: hiddenSize,
    layerCost: hiddenSize * (2 * inner + conv + heads) + kernel * conv,
    attention: () => ({ causal: true, window: undefined, softcap: undefined, mixer: 'ssd' }),
    inputs: () => ({
      q: { heads: groups, width: stateSize },
      k: { heads: groups, width: stateSize },
      v: { heads, width: headDim },
      tokens: { dt: { heads, width: 1 } },
      fixed: ['A'],
    }),
    overlap,
    finishReads: 'values',
    embed: (ids, executor) => embedTokens({ tokens: embedding }, ids, executor),
    rotary: () => UNROTATED,

    project: layer =>
      weights.program(`project ${layer}`, g => {
        const at = `backbone.layers.${layer}`;
        const { hidden, within } = reachingBlock(g, hiddenSize, overlap);
        const x = rmsNorm(g, hidden, weights.get(g, `${at}.norm.weight`), epsilon);
        const all = linearPart(g, weights, x, `${at}.mixer.in_proj`, [inner, inner + conv + heads]);
        const [before, rawSteps] = columns(g, all, conv, heads);
        const mixed = causalConv(g, weights, within(before!), {
          ...{ name: `${at}.mixer.conv1d`, kernel, act: config.activation },
        });
        const [values, keys, queries] = columns(g, mixed, inner, groups * stateSize, groups * stateSize);
        const biased = g.add(ownRows(g, rawSteps!, overlap), weights.get(g, `${at}.mixer.dt_bias`));
        const [least, most] = config.stepLimits;
        let steps = g.unary('Softplus', biased);
        if (least > 0) steps = g.arithmetic('Max', steps, least);
        if (most < Infinity) steps = g.arithmetic('Min', steps, most);
        g.output('q', splitHeads(g, queries!, groups, stateSize));
        g.output('k', splitHeads(g, keys!, groups, stateSize));
        g.output('v', splitHeads(g, values!, heads, headDim));
        g.output('dt', g.transpose(steps, 1, 0));
        g.output('A', g.unary('Neg', g.unary('Exp', weights.get(g, `${at}.mixer.A_log`))));
      }),

    finish: layer =>
      weights.program(`finish ${layer}`, g => {
        const at = `backbone.layers.${layer}`;
        const hidden = g.input('hidden', 'float32', ['B', hiddenSize]);
        const y = g.input('y', 'float32', [heads, 'B', headDim]);
        const values = g.input('v', 'float32', [heads, 'B', headDim]);
        const x = rmsNorm(g, hidden, weights.get(g, `${at}.norm.weight`), epsilon);
        const gate = linearPart(g, weights, x, `${at}.mixer.in_proj`, [0, inner]);
        const skip = g.reshape(weights.get(g, `${at}.mixer.D`), [heads, 1, 1]);
        const whole = mergeHeads(g, g.add(y, g.mul(values, skip)), heads, headDim);
        const gated = g.mul(whole, g.mul(gate, g.unary('Sigmoid', gate)));
        const calm = gatedNorm(g, gated, `${at}.mixer.norm`);
        g.output('next', g.add(hidden, weights.linear(g, calm, `${at}.mixer.out_proj`)));
      }),

    ...ending(parts, {
      ...{ hiddenSize, vocabSize: config.vocabSize, causal: true },
      norm: (g, hidden) => rmsNorm(g, hidden, weights.get(g, 'backbone.norm_f.weight'), epsilon),
      logits(g, x) {
        const tied = config.tieWordEmbeddings || !weights.has('lm_head.weight');
        return weights.linear(g, x, tied ? 'backbone.embeddings' : 'lm_head');
      },
    }),
  };
}
