/** Llama (arXiv 2302.13971, 2307.09288), SmolLM and others of its shape. */

import * as v from 'valibot';
import { activation } from '../activations';
import { architecture } from '../architecture';
import { biasesIf, check, DECODER_FIELDS, flag, readDecoder } from '../configFields';
import { gatedDecoder } from '../gatedDecoder';
import { readRope, ROPE_FIELDS } from '../ropeConfig';

const Schema = v.looseObject({
  ...DECODER_FIELDS,
  ...ROPE_FIELDS,
  hidden_act: v.optional(v.string(), 'silu'),
  attention_bias: flag(false),
  mlp_bias: flag(false),
  tie_word_embeddings: flag(false),
});

export const llama = architecture('llama', 'Llama', gatedDecoder, (json, where) => {
  const raw = check(Schema, json, where);
  const sizes = readDecoder(raw, 'llama', 'Llama', where);
  const rope = readRope(raw, { headDim: sizes.headDim, context: raw.max_position_embeddings }, where);
  const attentionBias = biasesIf(raw.attention_bias, 'attention_bias');
  return {
    ...sizes,
    tieWordEmbeddings: raw.tie_word_embeddings,
    activation: activation(raw.hidden_act, 'hidden_act', where),
    layers: Array.from({ length: raw.num_hidden_layers }, () => ({ window: undefined, rope })),
    biases: {
      queryKeyValue: attentionBias,
      output: attentionBias,
      feedForward: biasesIf(raw.mlp_bias, 'mlp_bias'),
    },
  };
});
