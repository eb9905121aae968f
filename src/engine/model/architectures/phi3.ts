/** Phi-3 (arXiv 2404.14219): a Llama with fused projections, and rotations stretched by LongRoPE. */

import * as v from 'valibot';
import { activation } from '../activations';
import { architecture } from '../architecture';
import { check, DECODER_FIELDS, epsilon, flag, readDecoder, size } from '../configFields';
import { gatedDecoder } from '../gatedDecoder';
import { readRope, ROPE_FIELDS } from '../ropeConfig';

const Schema = v.looseObject({
  ...DECODER_FIELDS,
  ...ROPE_FIELDS,
  max_position_embeddings: v.optional(size(2 ** 31), 4096),
  original_max_position_embeddings: v.nullish(size(2 ** 31), 4096),
  rms_norm_eps: v.optional(epsilon, 1e-5),
  hidden_act: v.optional(v.string(), 'silu'),
  sliding_window: v.nullish(size(2 ** 31)),
  tie_word_embeddings: flag(false),
});

export const phi3 = architecture('phi3', 'Phi3', gatedDecoder, (json, where) => {
  const raw = check(Schema, json, where);
  const sizes = readDecoder(raw, 'phi3', 'Phi3', where);
  const context = raw.max_position_embeddings;
  const renamed = { su: 'longrope', yarn: 'longrope' };
  const rope = readRope(raw, { headDim: sizes.headDim, context, renamed }, where);
  const window = raw.sliding_window ?? undefined;
  const none = 'a Phi3 has no biases';
  return {
    ...sizes,
    tieWordEmbeddings: raw.tie_word_embeddings,
    activation: activation(raw.hidden_act, 'hidden_act', where),
    layers: Array.from({ length: raw.num_hidden_layers }, () => ({ window, rope })),
    biases: { queryKeyValue: none, output: none, feedForward: none },
    fused: true,
  };
});
