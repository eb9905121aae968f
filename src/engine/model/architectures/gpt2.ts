/**
 * GPT-2 (Radford et al. 2019): pre-norm decoder with LayerNorm and learned positions. Its weights are
 * laid out `[in, out]`.
 */

import * as v from 'valibot';
import { Problem } from '../../../protocol/problem';
import { type Activation, activation } from '../activations';
import { architecture, type Family, type Parts } from '../architecture';
import type { ModelConfig } from '../config';
import { check, COMMON_FIELDS, epsilon, flag, readCommon, size } from '../configFields';
import type { Decoder } from '../decoder';
import { countingRows, embedTokens } from '../embedding';
import { ending } from '../head';
import { columns, mergeHeads, splitHeads } from '../layers';
import { UNROTATED } from '../rope';
import type { TensorList } from '../tensorList';

interface Gpt2Config extends ModelConfig {
  readonly intermediateSize: number;
  readonly activation: Activation;
  readonly epsilon: number;
  /** The factor on `q·k` of each layer. */
  readonly scales: readonly number[];
}

const Schema = v.looseObject({
  ...COMMON_FIELDS,
  vocab_size: size(2 ** 24),
  n_embd: size(2 ** 17),
  n_layer: size(1024),
  n_head: size(1024),
  n_positions: v.optional(size(2 ** 31), 1024),
  n_inner: v.nullish(size(2 ** 20)),
  activation_function: v.optional(v.string(), 'gelu_new'),
  layer_norm_epsilon: v.optional(epsilon, 1e-5),
  scale_attn_weights: flag(true),
  scale_attn_by_inverse_layer_idx: flag(false),
  tie_word_embeddings: flag(true),
});

const family: Family<Gpt2Config> = {
  prefix: 'transformer.',
  anchor: 'wte.weight',
  headTensor: 'lm_head.weight',
  tiedHeadIsSilent: true,
  tensors,
  stages,
};

export const gpt2 = architecture('gpt2', 'GPT2', family, (json, where) => {
  const raw = check(Schema, json, where);
  const headDim = raw.n_embd / raw.n_head;
  if (!Number.isInteger(headDim)) {
    throw new Problem(`${where}: n_embd is ${raw.n_embd}; expected a multiple of n_head, ${raw.n_head}.`);
  }
  const usual = raw.scale_attn_weights ? 1 / Math.sqrt(headDim) : 1;
  const divisor = (layer: number) => (raw.scale_attn_by_inverse_layer_idx ? layer + 1 : 1);
  return {
    ...readCommon(raw, 'GPT2', where),
    numAttentionHeads: raw.n_head,
    numKeyValueHeads: raw.n_head,
    headDim,
    modelType: 'gpt2',
    vocabSize: raw.vocab_size,
    hiddenSize: raw.n_embd,
    numHiddenLayers: raw.n_layer,
    maxPositionEmbeddings: raw.n_positions,
    tieWordEmbeddings: raw.tie_word_embeddings,
    intermediateSize: raw.n_inner ?? 4 * raw.n_embd,
    activation: activation(raw.activation_function, 'activation_function', where),
    epsilon: raw.layer_norm_epsilon,
    scales: Array.from({ length: raw.n_layer }, (_, layer) => usual / divisor(layer)),
  };
});

function tensors(config: Gpt2Config, list: TensorList, head: boolean): void {
  const { hiddenSize: hidden, intermediateSize: inner, vocabSize, numHiddenLayers: layers } = config;
  list.add('transformer.wte.weight', [vocabSize, hidden], 'vocab_size, n_embd');
  list.add('transformer.wpe.weight', [config.maxPositionEmbeddings, hidden], 'n_positions, n_embd');
  const transposed = (name: string, rows: number, width: number, because: string) => {
    list.add(`${name}.weight`, [rows, width], because);
    list.add(`${name}.bias`, [width], because);
  };
  for (let layer = 0; layer < layers; layer++) {
    const at = `transformer.h.${layer}`;
    list.norm(`${at}.ln_1`, hidden, 'n_embd', true);
    transposed(`${at}.attn.c_attn`, hidden, 3 * hidden, 'n_embd, 3 * n_embd');
    transposed(`${at}.attn.c_proj`, hidden, hidden, 'n_embd, n_embd');
    list.norm(`${at}.ln_2`, hidden, 'n_embd', true);
    transposed(`${at}.mlp.c_fc`, hidden, inner, 'n_embd, n_inner');
    transposed(`${at}.mlp.c_proj`, inner, hidden, 'n_inner, n_embd');
  }
  list.refuse(`transformer.h.${layers}.ln_1.weight`, `n_layer is ${layers}`);
  list.norm('transformer.ln_f', hidden, 'n_embd', true);
  if (head && !config.tieWordEmbeddings) {
    list.add('lm_head.weight', [vocabSize, hidden], 'vocab_size, n_embd');
  }
}

function stages(config: Gpt2Config, parts: Parts): Decoder {
  const { weights } = parts;
  const { hiddenSize, headDim, numAttentionHeads: heads, intermediateSize } = config;
  const embedding = weights.entry('transformer.wte.weight');
  const positions = weights.entry('transformer.wpe.weight');
  return {
    info: parts.info,
    hidden: hiddenSize,
    layerCost: hiddenSize * (4 * hiddenSize + 2 * intermediateSize),
    attention: () => ({ causal: true, window: undefined, softcap: undefined }),
    embed: (ids, executor) =>
      embedTokens(
        {
          tokens: embedding,
          added: [{ table: positions, rows: countingRows }],
          mostTokens: config.maxPositionEmbeddings,
        },
        ids,
        executor,
      ),
    rotary: () => UNROTATED,

    project: layer =>
      weights.program(`project ${layer}`, g => {
        const at = `transformer.h.${layer}`;
        const hidden = g.input('hidden', 'float32', ['B', hiddenSize]);
        const x = weights.layerNorm(g, hidden, `${at}.ln_1`, config.epsilon);
        const all = weights.transposedLinear(g, x, `${at}.attn.c_attn`);
        const [q, k, v] = columns(g, all, hiddenSize, hiddenSize, hiddenSize);
        const scale = config.scales[layer]! * Math.sqrt(headDim);
        g.output('q', g.mul(splitHeads(g, q!, heads, headDim), scale));
        g.output('k', splitHeads(g, k!, heads, headDim));
        g.output('v', splitHeads(g, v!, heads, headDim));
      }),

    finish: layer =>
      weights.program(`finish ${layer}`, g => {
        const at = `transformer.h.${layer}`;
        const hidden = g.input('hidden', 'float32', ['B', hiddenSize]);
        const y = g.input('y', 'float32', [heads, 'B', headDim]);
        const attended = weights.transposedLinear(g, mergeHeads(g, y, heads, headDim), `${at}.attn.c_proj`);
        const middle = g.add(hidden, attended);
        const x = weights.layerNorm(g, middle, `${at}.ln_2`, config.epsilon);
        const inner = config.activation(g, weights.transposedLinear(g, x, `${at}.mlp.c_fc`));
        g.output('next', g.add(middle, weights.transposedLinear(g, inner, `${at}.mlp.c_proj`)));
      }),

    ...ending(parts, {
      ...{ hiddenSize, vocabSize: config.vocabSize, causal: true },
      norm: (g, hidden) => weights.layerNorm(g, hidden, 'transformer.ln_f', config.epsilon),
      logits: (g, x) => weights.linear(g, x, config.tieWordEmbeddings ? 'transformer.wte' : 'lm_head'),
    }),
  };
}
