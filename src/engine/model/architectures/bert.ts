/**
 * BERT (arXiv 1810.04805). RoBERTa (arXiv 1907.11692): the same, with positions counted from behind the
 * padding's. Longformer (arXiv 2004.05150): a RoBERTa of which each layer sees a window to both sides, and
 * tokens can be global; which ones is a matter of the task and not of the checkpoint, so none are by themselves.
 */

import * as v from 'valibot';
import { Problem } from '../../../protocol/problem';
import { activation } from '../activations';
import { architecture } from '../architecture';
import {
  check,
  epsilon,
  expectField,
  flag,
  readCommon,
  readEqualHeads,
  size,
  SIZE_FIELDS,
} from '../configFields';
import { countingRows } from '../embedding';
import { postNormEncoder, type PostNormEncoderConfig } from '../postNormEncoder';

const FIELDS = {
  ...SIZE_FIELDS,
  max_position_embeddings: v.optional(size(2 ** 24), 512),
  intermediate_size: size(2 ** 20),
  hidden_act: v.optional(v.string(), 'gelu'),
  layer_norm_eps: v.optional(epsilon, 1e-12),
  type_vocab_size: v.optional(size(2 ** 16), 2),
  pad_token_id: v.optional(v.nullable(v.pipe(v.number(), v.integer(), v.minValue(0))), 1),
  is_decoder: flag(false),
  tie_word_embeddings: flag(true),
};

const Schema = v.looseObject(FIELDS);

const LongformerSchema = v.looseObject({
  ...FIELDS,
  attention_window: v.optional(v.union([size(2 ** 24), v.array(size(2 ** 24))]), 512),
});

const BERT_HEAD = {
  dense: 'cls.predictions.transform.dense',
  norm: 'cls.predictions.transform.LayerNorm',
  decoder: 'cls.predictions.decoder',
  bias: 'cls.predictions.bias',
};

const ROBERTA_HEAD = {
  dense: 'lm_head.dense',
  norm: 'lm_head.layer_norm',
  decoder: 'lm_head.decoder',
  bias: 'lm_head.bias',
};

const bertFamily = postNormEncoder({ prefix: 'bert.', head: BERT_HEAD });
const robertaFamily = postNormEncoder({ prefix: 'roberta.', head: ROBERTA_HEAD });
const longformerFamily = postNormEncoder({
  prefix: 'longformer.',
  // That of Longformer's own code.
  otherPrefixes: ['roberta.'],
  head: ROBERTA_HEAD,
  globals: true,
});

export const bert = architecture('bert', 'Bert', bertFamily, (json, where) => {
  const raw = check(Schema, json, where);
  return { ...read(raw, json, 'bert', 'Bert', where), positionRows: countingRows };
});

export const roberta = architecture('roberta', 'Roberta', robertaFamily, (json, where) =>
  readRoberta(check(Schema, json, where), json, 'roberta', 'Roberta', where),
);

export const xlmRoberta = architecture('xlm-roberta', 'XLMRoberta', robertaFamily, (json, where) =>
  readRoberta(check(Schema, json, where), json, 'xlm-roberta', 'XLMRoberta', where),
);

export const longformer = architecture('longformer', 'Longformer', longformerFamily, (json, where) => {
  const raw = check(LongformerSchema, json, where);
  const { attention_window: given, num_hidden_layers: layers } = raw;
  const widths = Array.isArray(given) ? given : Array<number>(layers).fill(given);
  const odd = widths.find(width => width % 2 !== 0);
  if (widths.length !== layers || odd !== undefined) {
    throw new Problem(
      `${where}: attention_window is ${JSON.stringify(given)}; expected an even number, or one for each of ` +
        `${layers} layers.`,
    );
  }
  return {
    ...readRoberta(raw, json, 'longformer', 'Longformer', where),
    windows: widths.map(width => width / 2 + 1),
  };
});

/** Positions count the tokens that are no padding; padding itself has the padding's row. */
function readRoberta(
  raw: v.InferOutput<typeof Schema>,
  json: object,
  type: string,
  family: string,
  where: string,
): PostNormEncoderConfig {
  const padding = raw.pad_token_id;
  if (padding === null) {
    throw new Problem(`${where}: pad_token_id is null; the positions of a ${family} are counted from it.`);
  }
  const sizes = read(raw, json, type, family, where);
  return {
    ...sizes,
    maxPositionEmbeddings: sizes.positions - padding - 1,
    headActivation: activation('gelu', 'hidden_act', where),
    positionRows(ids) {
      let position = padding;
      return ids.map(id => (id === padding ? padding : ++position));
    },
  };
}

function read(
  raw: v.InferOutput<typeof Schema>,
  json: object,
  type: string,
  family: string,
  where: string,
): Omit<PostNormEncoderConfig, 'positionRows'> {
  expectField(json, 'position_embedding_type', ['absolute'], where);
  const act = activation(raw.hidden_act, 'hidden_act', where);
  return {
    ...readCommon(raw, family, where),
    ...readEqualHeads(raw, where),
    modelType: type,
    vocabSize: raw.vocab_size,
    hiddenSize: raw.hidden_size,
    numHiddenLayers: raw.num_hidden_layers,
    maxPositionEmbeddings: raw.max_position_embeddings,
    tieWordEmbeddings: raw.tie_word_embeddings,
    intermediateSize: raw.intermediate_size,
    activation: act,
    headActivation: act,
    epsilon: raw.layer_norm_eps,
    causal: raw.is_decoder,
    windows: Array<undefined>(raw.num_hidden_layers).fill(undefined),
    positions: raw.max_position_embeddings,
    types: raw.type_vocab_size,
  };
}
