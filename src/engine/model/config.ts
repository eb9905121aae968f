/**
 * The `config.json` of a checkpoint. One schema an architecture; what all decoders share is
 * `DecoderConfig`. A field that Longsight would have to guess about is a Problem that names it.
 */

import * as v from 'valibot';
import { Problem } from '../../protocol/problem';
import { ROPE_FIELDS, readRope } from './ropeConfig';
import type { RopeScaling } from './ropeConfig';

export type { RopeScaling } from './ropeConfig';

/** What every decoder-only architecture has; names are Hugging Face's in camel case. */
export interface DecoderConfig {
  readonly modelType: string;
  /** The class that the config names, such as `LlamaForCausalLM`. */
  readonly architecture: string;
  readonly vocabSize: number;
  readonly hiddenSize: number;
  readonly numHiddenLayers: number;
  readonly numAttentionHeads: number;
  /** Divides `numAttentionHeads`; fewer means grouped-query attention. */
  readonly numKeyValueHeads: number;
  readonly headDim: number;
  readonly maxPositionEmbeddings: number;
  readonly tieWordEmbeddings: boolean;
  readonly bosTokenId: number | undefined;
  readonly eosTokenIds: readonly number[];
  /** The type that the config says the weights have; each tensor's own type is what counts. */
  readonly torchDtype: string | undefined;
  /** Where the checkpoint says it came from; undefined when it says nothing. */
  readonly nameOrPath: string | undefined;
}

export interface LlamaConfig extends DecoderConfig {
  readonly modelType: 'llama';
  readonly intermediateSize: number;
  readonly hiddenAct: 'silu';
  readonly rmsNormEps: number;
  readonly ropeTheta: number;
  readonly ropeScaling: RopeScaling;
  /** Biases on the q, k, v and o projections. */
  readonly attentionBias: boolean;
  /** Biases on the gate, up and down projections. */
  readonly mlpBias: boolean;
}

const size = (max: number) => v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(max));
const tokenId = v.pipe(v.number(), v.integer());

const DECODER_FIELDS = {
  model_type: v.optional(v.string()),
  architectures: v.nullish(v.array(v.string())),
  vocab_size: size(2 ** 24),
  hidden_size: size(2 ** 17),
  num_hidden_layers: size(1024),
  num_attention_heads: size(1024),
  num_key_value_heads: v.nullish(size(1024)),
  head_dim: v.nullish(size(4096)),
  max_position_embeddings: v.optional(size(2 ** 31), 2048),
  bos_token_id: v.nullish(tokenId),
  eos_token_id: v.nullish(v.union([tokenId, v.array(tokenId)])),
  torch_dtype: v.nullish(v.string()),
  dtype: v.nullish(v.string()),
  quantization_config: v.nullish(v.looseObject({ quant_method: v.nullish(v.string()) })),
  _name_or_path: v.nullish(v.string()),
};

const LlamaSchema = v.looseObject({
  ...DECODER_FIELDS,
  ...ROPE_FIELDS,
  intermediate_size: size(2 ** 20),
  hidden_act: v.optional(v.string(), 'silu'),
  rms_norm_eps: v.optional(v.pipe(v.number(), v.gtValue(0), v.maxValue(1)), 1e-6),
  attention_bias: v.optional(v.boolean(), false),
  mlp_bias: v.optional(v.boolean(), false),
  tie_word_embeddings: v.optional(v.boolean(), false),
});

const ARCHITECTURES: Readonly<Record<string, (json: object, where: string) => LlamaConfig>> = {
  llama: readLlama,
};

/**
 * Reads the text of a `config.json`; `where` names the file in messages.
 *
 * @throws Problem naming the field and its value when it is missing, out of bounds, contradicts another
 * field, or asks for something that Longsight does not compute.
 */
export function parseConfig(text: string, where: string): LlamaConfig {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw new Problem(`Expected ${where} to be JSON: ${(error as Error).message}.`);
  }
  if (typeof json !== 'object' || json === null || Array.isArray(json)) {
    throw new Problem(`Expected ${where} to be a JSON object with the model's sizes.`);
  }
  const type = (json as { model_type?: unknown }).model_type ?? typeOfClass(json);
  const read =
    typeof type === 'string' && Object.hasOwn(ARCHITECTURES, type) ? ARCHITECTURES[type] : undefined;
  if (read === undefined) {
    throw new Problem(
      `${where}: model_type is ${type === undefined ? 'missing' : JSON.stringify(type)}; Longsight opens ${Object.keys(ARCHITECTURES).join(', ')}.`,
    );
  }
  return read(json, where);
}

function readLlama(json: object, where: string): LlamaConfig {
  const raw = check(LlamaSchema, json, where);
  const architecture = raw.architectures?.[0] ?? 'LlamaForCausalLM';
  if (architecture !== 'LlamaForCausalLM') {
    throw new Problem(
      `${where}: architectures is ${JSON.stringify(raw.architectures)}; expected "LlamaForCausalLM".`,
    );
  }
  if (raw.hidden_act !== 'silu') {
    throw new Problem(
      `${where}: hidden_act is ${JSON.stringify(raw.hidden_act)}; Longsight computes "silu" only.`,
    );
  }
  return {
    ...readDecoder(raw, where),
    ...readRope(raw, raw.max_position_embeddings, where),
    modelType: 'llama',
    architecture,
    tieWordEmbeddings: raw.tie_word_embeddings,
    intermediateSize: raw.intermediate_size,
    hiddenAct: 'silu',
    rmsNormEps: raw.rms_norm_eps,
    attentionBias: raw.attention_bias,
    mlpBias: raw.mlp_bias,
  };
}

type RawDecoder = v.InferOutput<v.ObjectSchema<typeof DECODER_FIELDS, undefined>>;

function readDecoder(
  raw: RawDecoder,
  where: string,
): Omit<DecoderConfig, 'modelType' | 'architecture' | 'tieWordEmbeddings'> {
  const heads = raw.num_attention_heads;
  const keyValueHeads = raw.num_key_value_heads ?? heads;
  if (heads % keyValueHeads !== 0) {
    throw new Problem(
      `${where}: num_attention_heads is ${heads}; expected a multiple of num_key_value_heads, ${keyValueHeads}.`,
    );
  }
  if (raw.quantization_config) {
    const method = raw.quantization_config.quant_method ?? 'of no named kind';
    throw new Problem(
      `${where}: quantization_config (${method}) is not supported; use an F32, F16 or BF16 export.`,
    );
  }
  return {
    vocabSize: raw.vocab_size,
    hiddenSize: raw.hidden_size,
    numHiddenLayers: raw.num_hidden_layers,
    numAttentionHeads: heads,
    numKeyValueHeads: keyValueHeads,
    headDim: readHeadDim(raw, where),
    maxPositionEmbeddings: raw.max_position_embeddings,
    bosTokenId: raw.bos_token_id ?? undefined,
    eosTokenIds: [raw.eos_token_id ?? []].flat(),
    torchDtype: raw.torch_dtype ?? raw.dtype ?? undefined,
    nameOrPath: raw._name_or_path ?? undefined,
  };
}

function readHeadDim(raw: RawDecoder, where: string): number {
  const heads = raw.num_attention_heads;
  if (!raw.head_dim && raw.hidden_size % heads !== 0) {
    throw new Problem(
      `${where}: hidden_size is ${raw.hidden_size}; expected a multiple of num_attention_heads, ${heads}, ` +
        'since head_dim is not given.',
    );
  }
  const width = raw.head_dim ?? raw.hidden_size / heads;
  if (width % 2 === 0) return width;
  throw new Problem(`${where}: head_dim is ${width}; rotary embedding needs an even number.`);
}

/** The model type that the class name tells, for configs without `model_type`. */
function typeOfClass(json: object): unknown {
  const { architectures } = json as { architectures?: unknown };
  return Array.isArray(architectures) && architectures[0] === 'LlamaForCausalLM' ? 'llama' : undefined;
}

function check<Schema extends v.GenericSchema>(
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
