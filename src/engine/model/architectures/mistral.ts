/** Mistral (arXiv 2310.06825): a Llama whose every layer may see a sliding window only. */

import * as v from 'valibot';
import { activation } from '../activations';
import { architecture } from '../architecture';
import { check, DECODER_FIELDS, flag, readDecoder, size } from '../configFields';
import { gatedDecoder, type GatedDecoderConfig } from '../gatedDecoder';
import { readRope, type RopeDefaults, ROPE_FIELDS } from '../ropeConfig';

/** The fields of a decoder without biases whose layers are all alike. */
export const ALIKE_FIELDS = {
  ...DECODER_FIELDS,
  ...ROPE_FIELDS,
  hidden_act: v.optional(v.string(), 'silu'),
  sliding_window: v.nullish(size(2 ** 31)),
  tie_word_embeddings: flag(false),
};

const Schema = v.looseObject({
  ...ALIKE_FIELDS,
  num_key_value_heads: v.optional(v.nullable(size(1024)), 8),
  sliding_window: v.optional(v.nullable(size(2 ** 31)), 4096),
});

export const mistral = architecture('mistral', 'Mistral', gatedDecoder, (json, where) =>
  readAlike(check(Schema, json, where), { type: 'mistral', family: 'Mistral' }, where),
);

interface Member extends Pick<RopeDefaults, 'renamed' | 'share'> {
  readonly type: string;
  readonly family: string;
}

/** A decoder without biases whose layers all see the same window and rotate alike. */
export function readAlike(
  raw: v.InferOutput<v.ObjectSchema<typeof ALIKE_FIELDS, undefined>>,
  { type, family, ...names }: Member,
  where: string,
): GatedDecoderConfig {
  const sizes = readDecoder(raw, type, family, where);
  const context = raw.max_position_embeddings;
  const rope = readRope(raw, { headDim: sizes.headDim, context, ...names }, where);
  const window = raw.sliding_window ?? undefined;
  const none = `a ${family} has no biases`;
  return {
    ...sizes,
    tieWordEmbeddings: raw.tie_word_embeddings,
    activation: activation(raw.hidden_act, 'hidden_act', where),
    layers: Array.from({ length: raw.num_hidden_layers }, () => ({ window, rope })),
    biases: { queryKeyValue: none, output: none, feedForward: none },
  };
}
