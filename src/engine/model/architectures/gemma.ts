/**
 * Gemma 2 (arXiv 2408.00118): sliding and full layers in turn, bent scores and logits, a norm before and
 * after each half of a layer. Gemma 3 (arXiv 2503.19786): a norm on the q and k of each head instead of
 * bent scores, more sliding layers than full ones, and a rotation of their own for the sliding ones.
 */

import * as v from 'valibot';
import { activation } from '../activations';
import { architecture } from '../architecture';
import {
  biasesIf,
  check,
  DECODER_FIELDS,
  expectField,
  flag,
  layerWindows,
  positive,
  readDecoder,
  size,
} from '../configFields';
import { gatedDecoder } from '../gatedDecoder';
import { readRope, ROPE_FIELDS } from '../ropeConfig';

const FIELDS = {
  ...DECODER_FIELDS,
  ...ROPE_FIELDS,
  head_dim: v.optional(v.nullable(size(4096)), 256),
  num_key_value_heads: v.optional(v.nullable(size(1024)), 4),
  hidden_activation: v.nullish(v.string()),
  query_pre_attn_scalar: v.optional(positive, 256),
  sliding_window: v.optional(v.nullable(size(2 ** 31)), 4096),
  layer_types: v.nullish(v.array(v.string())),
  attention_bias: flag(false),
  tie_word_embeddings: flag(true),
};

const Gemma2Schema = v.looseObject({
  ...FIELDS,
  max_position_embeddings: v.optional(size(2 ** 31), 8192),
  attn_logit_softcapping: v.optional(v.nullable(positive), 50),
  final_logit_softcapping: v.optional(v.nullable(positive), 30),
});

const Gemma3Schema = v.looseObject({
  ...FIELDS,
  max_position_embeddings: v.optional(size(2 ** 31), 131072),
  final_logit_softcapping: v.nullish(positive),
  rope_local_base_freq: v.nullish(positive),
  use_bidirectional_attention: v.nullish(v.boolean()),
  sliding_window_pattern: v.nullish(size(1024)),
  _sliding_window_pattern: v.nullish(size(1024)),
});

export const gemma2 = architecture('gemma2', 'Gemma2', gatedDecoder, (json, where) => {
  const raw = check(Gemma2Schema, json, where);
  // The published code then sees later tokens or not, depending on the kernel that runs it.
  expectField(json, 'use_bidirectional_attention', [false], where);
  const { windows, ...sizes } = read(raw, { type: 'gemma2', family: 'Gemma2', fullEvery: 2 }, where);
  const rope = readRope(raw, { headDim: sizes.headDim, context: raw.max_position_embeddings }, where);
  return {
    ...sizes,
    layers: windows.map(window => ({ window, rope })),
    scoreSoftcap: raw.attn_logit_softcapping ?? undefined,
    logitSoftcap: raw.final_logit_softcapping ?? undefined,
  };
});

export const gemma3 = architecture('gemma3_text', 'Gemma3', gatedDecoder, readGemma3);

/** What the published configs of models with images leave out. */
const TEXT_DEFAULTS = {
  vocab_size: 262208,
  hidden_size: 2304,
  intermediate_size: 9216,
  num_hidden_layers: 26,
  num_attention_heads: 8,
};

/** The whole of Gemma 3, of which the text model is a part; images are left out. */
export const gemma3WithImages = architecture('gemma3', 'Gemma3', gatedDecoder, (json, where) => {
  const { text_config: text, architectures, tie_word_embeddings } = json as Record<string, unknown>;
  const inner = typeof text === 'object' && text !== null ? text : {};
  // The head belongs to the whole, which says whether it is tied.
  const whole = { architectures, ...(tie_word_embeddings === undefined ? {} : { tie_word_embeddings }) };
  return readGemma3({ ...TEXT_DEFAULTS, ...inner, ...whole }, `${where}: text_config`);
});

function readGemma3(json: object, where: string) {
  const raw = check(Gemma3Schema, json, where);
  // The published code takes no notice of it, so whoever sets it expects something else.
  expectField(json, 'attn_logit_softcapping', [], where);
  const fullEvery = raw._sliding_window_pattern ?? raw.sliding_window_pattern ?? 6;
  const { windows, ...sizes } = read(raw, { type: 'gemma3_text', family: 'Gemma3', fullEvery }, where);
  const bidirectional = raw.use_bidirectional_attention === true;
  // The window is then given as that to both sides together.
  const reach = (window: number) => (bidirectional ? Math.floor(window / 2) + 1 : window);
  const defaults = { headDim: sizes.headDim, context: raw.max_position_embeddings };
  const full = readRope(raw, { ...defaults, theta: 1e6, layers: 'full_attention' }, where);
  const own = raw.rope_parameters?.sliding_attention;
  const localTheta = raw.rope_local_base_freq ?? 10000;
  const sliding = readRope({ rope_parameters: own, rope_theta: localTheta }, defaults, where);
  return {
    ...sizes,
    layers: windows.map(window =>
      window === undefined ? { window, rope: full } : { window: reach(window), rope: sliding },
    ),
    bidirectional,
    queryKeyNorm: true,
    logitSoftcap: raw.final_logit_softcapping ?? undefined,
  };
}

interface Member {
  readonly type: string;
  readonly family: string;
  /** Every how many layers one sees everything, where the config has no list. */
  readonly fullEvery: number;
}

function read(
  raw: v.InferOutput<v.ObjectSchema<typeof FIELDS, undefined>>,
  { type, family, fullEvery }: Member,
  where: string,
) {
  const layers = raw.num_hidden_layers;
  const types =
    raw.layer_types ??
    Array.from({ length: layers }, (_, layer) =>
      (layer + 1) % fullEvery === 0 ? 'full_attention' : 'sliding_attention',
    );
  const attention = biasesIf(raw.attention_bias, 'attention_bias');
  const name = raw.hidden_activation ?? 'gelu_pytorch_tanh';
  return {
    ...readDecoder(raw, type, family, where),
    tieWordEmbeddings: raw.tie_word_embeddings,
    activation: activation(name, 'hidden_activation', where),
    biases: { queryKeyValue: attention, output: attention, feedForward: `a ${family} has none` },
    windows: layerWindows(types, layers, raw.sliding_window ?? undefined, where),
    outputNorms: true,
    normsAroundOne: true,
    embeddingScale: Math.sqrt(raw.hidden_size),
    scoreScale: 1 / Math.sqrt(raw.query_pre_attn_scalar),
  };
}
