/** Mistral (arXiv 2310.06825): a Llama whose every layer may see a sliding window only. */

import * as v from 'valibot';
import { activation } from '../activations';
import { architecture } from '../architecture';
import { check, DECODER_FIELDS, flag, readDecoder, size } from '../configFields';
import { gatedDecoder } from '../gatedDecoder';
import { readRope, ROPE_FIELDS } from '../ropeConfig';

const Schema = v.looseObject({
  ...DECODER_FIELDS,
  ...ROPE_FIELDS,
  num_key_value_heads: v.optional(v.nullable(size(1024)), 8),
  hidden_act: v.optional(v.string(), 'silu'),
  sliding_window: v.optional(v.nullable(size(2 ** 31)), 4096),
  tie_word_embeddings: flag(false),
});

export const mistral = architecture('mistral', 'Mistral', gatedDecoder, (json, where) => {
  const raw = check(Schema, json, where);
  const sizes = readDecoder(raw, 'mistral', 'Mistral', where);
  const rope = readRope(raw, { headDim: sizes.headDim, context: raw.max_position_embeddings }, where);
  const window = raw.sliding_window ?? undefined;
  const none = 'a Mistral has no biases';
  return {
    ...sizes,
    tieWordEmbeddings: raw.tie_word_embeddings,
    activation: activation(raw.hidden_act, 'hidden_act', where),
    layers: Array.from({ length: raw.num_hidden_layers }, () => ({ window, rope })),
    biases: { queryKeyValue: none, output: none, feedForward: none },
  };
});
