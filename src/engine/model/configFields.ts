/** The fields that configs of several architectures share, and how their mistakes are told. */

import * as v from 'valibot';
import { Problem } from '../../protocol/problem';
import type { ModelConfig } from './config';

export const size = (max: number) => v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(max));
/** A small number above 0 that keeps a norm from dividing by 0. */
export const epsilon = v.pipe(v.number(), v.gtValue(0), v.maxValue(1));
export const positive = v.pipe(v.number(), v.finite(), v.gtValue(0));
export const flag = (fallback: boolean) => v.optional(v.boolean(), fallback);

/** Fields of every config, whatever the architecture calls its sizes. */
export const COMMON_FIELDS = {
  model_type: v.optional(v.string()),
  architectures: v.nullish(v.array(v.string())),
  quantization_config: v.nullish(v.looseObject({ quant_method: v.nullish(v.string()) })),
  is_encoder_decoder: v.nullish(v.boolean()),
  add_cross_attention: v.nullish(v.boolean()),
  pruned_heads: v.nullish(v.record(v.string(), v.unknown())),
  _name_or_path: v.nullish(v.string()),
};

/** The sizes of a model, as most architectures name them. */
export const SIZE_FIELDS = {
  ...COMMON_FIELDS,
  vocab_size: size(2 ** 24),
  hidden_size: size(2 ** 17),
  num_hidden_layers: size(1024),
  num_attention_heads: size(1024),
  max_position_embeddings: v.optional(size(2 ** 31), 2048),
};

/** What decoders with grouped queries add. */
export const DECODER_FIELDS = {
  ...SIZE_FIELDS,
  num_key_value_heads: v.nullish(size(1024)),
  head_dim: v.nullish(size(4096)),
  intermediate_size: size(2 ** 20),
  rms_norm_eps: v.optional(epsilon, 1e-6),
};

type Raw<F extends v.ObjectEntries> = v.InferOutput<v.ObjectSchema<F, undefined>>;

/** The class that a config names and where it came from; refuses what no architecture here computes. */
export function readCommon(
  raw: Raw<typeof COMMON_FIELDS>,
  family: string,
  where: string,
): Pick<ModelConfig, 'architecture' | 'languageHead' | 'nameOrPath'> {
  if (raw.quantization_config) {
    const method = raw.quantization_config.quant_method ?? 'of no named kind';
    throw new Problem(
      `${where}: quantization_config (${method}) is not supported; use an F32, F16 or BF16 export.`,
    );
  }
  for (const field of ['is_encoder_decoder', 'add_cross_attention'] as const) {
    if (raw[field] === true)
      throw new Problem(`${where}: ${field} is true; Longsight runs encoders and decoders by themselves.`);
  }
  if (Object.keys(raw.pruned_heads ?? {}).length > 0) {
    throw new Problem(
      `${where}: pruned_heads is ${JSON.stringify(raw.pruned_heads)}; Longsight opens models with all their heads.`,
    );
  }
  expectField(raw, 'per_layer_config', [], where);
  const named = raw.architectures?.[0];
  if (named !== undefined && !named.startsWith(family)) {
    throw new Problem(
      `${where}: architectures is ${JSON.stringify(raw.architectures)}; expected a class of the ${family} family.`,
    );
  }
  return {
    architecture: named ?? family,
    languageHead: named === undefined ? undefined : LANGUAGE_HEADS.test(named),
    nameOrPath: raw._name_or_path ?? undefined,
  };
}

const LANGUAGE_HEADS =
  /(ForCausalLM|ForMaskedLM|ForPreTraining|LMHeadModel|DoubleHeadsModel|ForConditionalGeneration)$/;

/** What all decoders of Llama's family say of their sizes. */
export function readDecoder(raw: Raw<typeof DECODER_FIELDS>, type: string, family: string, where: string) {
  expectField(raw, 'is_causal', [true], where);
  return {
    ...readCommon(raw, family, where),
    ...readHeads(raw, where),
    modelType: type,
    vocabSize: raw.vocab_size,
    hiddenSize: raw.hidden_size,
    numHiddenLayers: raw.num_hidden_layers,
    maxPositionEmbeddings: raw.max_position_embeddings,
    intermediateSize: raw.intermediate_size,
    rmsNormEps: raw.rms_norm_eps,
  };
}

/** `H`, `G` and `D`, checked against each other. */
export function readHeads(
  raw: Pick<Raw<typeof DECODER_FIELDS>, 'hidden_size' | 'num_attention_heads'> & {
    readonly num_key_value_heads?: number | null | undefined;
    readonly head_dim?: number | null | undefined;
  },
  where: string,
): Pick<ModelConfig, 'numAttentionHeads' | 'numKeyValueHeads' | 'headDim'> {
  const heads = raw.num_attention_heads;
  const keyValueHeads = raw.num_key_value_heads ?? heads;
  if (heads % keyValueHeads !== 0) {
    throw new Problem(
      `${where}: num_attention_heads is ${heads}; expected a multiple of num_key_value_heads, ${keyValueHeads}.`,
    );
  }
  if (!raw.head_dim && raw.hidden_size % heads !== 0) {
    throw new Problem(
      `${where}: hidden_size is ${raw.hidden_size}; expected a multiple of num_attention_heads, ${heads}, ` +
        'since head_dim is not given.',
    );
  }
  return {
    numAttentionHeads: heads,
    numKeyValueHeads: keyValueHeads,
    headDim: raw.head_dim ?? raw.hidden_size / heads,
  };
}

/** The heads of models in which queries, keys and values have as many, and share the hidden size. */
export function readEqualHeads(
  { hidden_size, num_attention_heads }: Raw<typeof SIZE_FIELDS>,
  where: string,
): Pick<ModelConfig, 'numAttentionHeads' | 'numKeyValueHeads' | 'headDim'> {
  return readHeads({ hidden_size, num_attention_heads }, where);
}

/** Whether projections have biases, or which field denies them. */
export function biasesIf(given: boolean, field: string): true | string {
  return given ? true : `${field} is false`;
}

/** Refuses a field that is set to anything but what Longsight computes. */
export function expectField(json: object, field: string, allowed: readonly unknown[], where: string): void {
  const value = (json as Record<string, unknown>)[field];
  if (value === undefined || value === null || allowed.includes(value)) return;
  const wanted = allowed.map(item => JSON.stringify(item)).join(' or ') || 'null';
  throw new Problem(`${where}: ${field} is ${JSON.stringify(value)}; Longsight computes ${wanted} only.`);
}

/** The attention window of each layer: `window` where the layer slides, none where it is full. */
export function layerWindows(
  types: readonly string[],
  layers: number,
  window: number | undefined,
  where: string,
): readonly (number | undefined)[] {
  if (types.length !== layers) {
    throw new Problem(
      `${where}: layer_types has ${types.length} entries; expected num_hidden_layers, ${layers}.`,
    );
  }
  return types.map(type => {
    if (type === 'full_attention') return undefined;
    if (type !== 'sliding_attention') {
      throw new Problem(
        `${where}: layer_types holds ${JSON.stringify(type)}; Longsight knows "full_attention" and ` +
          '"sliding_attention".',
      );
    }
    if (window !== undefined) return window;
    throw new Problem(`${where}: sliding_window is missing; layer_types has sliding layers.`);
  });
}

/** @throws Problem naming the first field that is missing, of another type or out of bounds. */
export function check<Schema extends v.GenericSchema>(
  schema: Schema,
  json: object,
  where: string,
): v.InferOutput<Schema> {
  const result = v.safeParse(schema, json, { abortEarly: true });
  if (result.success) return result.output;
  const issue = result.issues[0];
  const field = v.getDotPath(issue) ?? 'the whole';
  const wanted = issue.kind === 'schema' ? issue.expected : (issue.requirement ?? issue.expected);
  throw new Problem(`${where}: ${field} is ${issue.received}; expected ${expectation(issue.type, wanted)}.`);
}

function expectation(type: string, wanted: unknown): string {
  if (type === 'min_value') return `at least ${String(wanted)}`;
  if (type === 'max_value') return `at most ${String(wanted)}`;
  if (type === 'gt_value') return `more than ${String(wanted)}`;
  if (type === 'integer') return 'a whole number';
  return `a ${String(wanted)}`;
}
