/**
 * Qwen2 (arXiv 2407.10671): a Llama with biases on q, k and v, whose upper layers may slide.
 * Qwen3 (arXiv 2505.09388): without those biases, with a norm on the q and k of each head.
 */

import * as v from 'valibot';
import { activation } from '../activations';
import { architecture } from '../architecture';
import { biasesIf, check, DECODER_FIELDS, flag, layerWindows, readDecoder, size } from '../configFields';
import { gatedDecoder } from '../gatedDecoder';
import { readRope, ROPE_FIELDS } from '../ropeConfig';

const FIELDS = {
  ...DECODER_FIELDS,
  ...ROPE_FIELDS,
  max_position_embeddings: v.optional(size(2 ** 31), 32768),
  num_key_value_heads: v.optional(v.nullable(size(1024)), 32),
  hidden_act: v.optional(v.string(), 'silu'),
  use_sliding_window: flag(false),
  sliding_window: v.optional(v.nullable(size(2 ** 31)), 4096),
  max_window_layers: v.optional(v.pipe(v.number(), v.integer(), v.minValue(0)), 28),
  layer_types: v.nullish(v.array(v.string())),
  tie_word_embeddings: flag(false),
};

const Qwen2Schema = v.looseObject(FIELDS);

const Qwen3Schema = v.looseObject({
  ...FIELDS,
  head_dim: v.optional(v.nullable(size(4096)), 128),
  attention_bias: flag(false),
});

export const qwen2 = architecture('qwen2', 'Qwen2', gatedDecoder, (json, where) => {
  const none = 'a Qwen2 has biases on q, k and v only';
  return {
    ...read(check(Qwen2Schema, json, where), 'qwen2', 'Qwen2', where),
    biases: { queryKeyValue: biasesIf(true, ''), output: none, feedForward: none },
  };
});

export const qwen3 = architecture('qwen3', 'Qwen3', gatedDecoder, (json, where) => {
  const raw = check(Qwen3Schema, json, where);
  const attention = biasesIf(raw.attention_bias, 'attention_bias');
  return {
    ...read(raw, 'qwen3', 'Qwen3', where),
    queryKeyNorm: true,
    biases: { queryKeyValue: attention, output: attention, feedForward: 'a Qwen3 has none' },
  };
});

function read(raw: v.InferOutput<typeof Qwen2Schema>, type: string, family: string, where: string) {
  const sizes = readDecoder(raw, type, family, where);
  const rope = readRope(raw, { headDim: sizes.headDim, context: raw.max_position_embeddings }, where);
  const window = raw.use_sliding_window ? (raw.sliding_window ?? undefined) : undefined;
  const layers = raw.num_hidden_layers;
  const slides = (layer: number) => window !== undefined && layer >= raw.max_window_layers;
  const types =
    raw.layer_types ??
    Array.from({ length: layers }, (_, layer) => (slides(layer) ? 'sliding_attention' : 'full_attention'));
  return {
    ...sizes,
    tieWordEmbeddings: raw.tie_word_embeddings,
    activation: activation(raw.hidden_act, 'hidden_act', where),
    layers: layerWindows(types, layers, window, where).map(reach => ({ window: reach, rope })),
  };
}
