/** Small random checkpoints in the Hugging Face layout. */

import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseConfig } from '../../src/engine/model/config';
import { llamaTensors } from '../../src/engine/model/llamaTensors';
import { writeSafetensors } from '../../src/engine/model/safetensors';
import type { TensorData } from '../../src/engine/model/safetensors';
import { normal, random } from './random';

export interface RandomLlamaOptions {
  /** Type of the weights. */
  readonly dtype?: 'F32' | 'F16' | 'BF16';
  /** In how many files the weights are written; one makes a plain `model.safetensors`. */
  readonly shards?: number;
  readonly seed?: number;
}

/** Fields of `config.json`, by Hugging Face's names. */
export type ConfigFields = Readonly<Record<string, unknown>>;

export const SMALL_LLAMA: ConfigFields = {
  architectures: ['LlamaForCausalLM'],
  model_type: 'llama',
  vocab_size: 263,
  hidden_size: 24,
  intermediate_size: 40,
  num_hidden_layers: 3,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  head_dim: 8,
  hidden_act: 'silu',
  max_position_embeddings: 4096,
  rms_norm_eps: 1e-5,
  rope_theta: 10000,
  rope_scaling: null,
  tie_word_embeddings: true,
  bos_token_id: 0,
  eos_token_id: 0,
  torch_dtype: 'float32',
};

/**
 * Writes `config.json`, `tokenizer.json` (one token a byte, ids 1 to 256, and `<|endoftext|>` as 0) and
 * random weights whose attention is far from uniform.
 *
 * @param overrides Fields that differ from `SMALL_LLAMA`.
 */
export async function writeRandomLlama(
  directory: string,
  overrides: ConfigFields = {},
  { dtype = 'F32', shards = 1, seed = 1 }: RandomLlamaOptions = {},
): Promise<void> {
  const json = JSON.stringify({ ...SMALL_LLAMA, ...overrides });
  const uniform = random(seed);
  const tensors: [string, TensorData][] = llamaTensors(parseConfig(json, 'the test config')).needed.map(
    ({ name, shape }) => [name, { dtype, shape: [...shape], data: randomWeights(name, shape, uniform) }],
  );
  await mkdir(directory, { recursive: true });
  await writeFile(join(directory, 'config.json'), json);
  await writeFile(join(directory, 'tokenizer.json'), JSON.stringify(byteTokenizer()));
  if (shards === 1) {
    await writeSafetensors(join(directory, 'model.safetensors'), Object.fromEntries(tensors));
    return;
  }
  await writeShards(directory, tensors, shards);
}

function randomWeights(name: string, shape: readonly number[], uniform: () => number): Float32Array {
  const count = shape.reduce((product, size) => product * size, 1);
  const isNorm = name.includes('norm');
  const width = shape.at(-1)!;
  // Queries and keys are drawn wide so that some weights are large and others vanish.
  const scale = isNorm || name.endsWith('.bias') ? 0.3 : (/[qk]_proj/.test(name) ? 2 : 1) / Math.sqrt(width);
  const centre = isNorm ? 1 : 0;
  return Float32Array.from({ length: count }, () => centre + scale * normal(uniform));
}

async function writeShards(
  directory: string,
  tensors: [string, TensorData][],
  shards: number,
): Promise<void> {
  const each = Math.ceil(tensors.length / shards);
  const weightMap: Record<string, string> = {};
  for (let shard = 0; shard < shards; shard++) {
    const part = tensors.slice(shard * each, (shard + 1) * each);
    const number = (value: number): string => String(value).padStart(5, '0');
    const file = `model-${number(shard + 1)}-of-${number(shards)}.safetensors`;
    await writeSafetensors(join(directory, file), Object.fromEntries(part), { format: 'pt' });
    for (const [name] of part) weightMap[name] = file;
  }
  const index = { metadata: {}, weight_map: weightMap };
  await writeFile(join(directory, 'model.safetensors.index.json'), JSON.stringify(index));
}

/** A byte-level tokeniser without merges. */
export function byteTokenizer(): object {
  const vocab: Record<string, number> = { '<|endoftext|>': 0 };
  let next = 0x100;
  for (let byte = 0; byte < 256; byte++) {
    const printable = (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte !== 0xad);
    vocab[String.fromCodePoint(printable ? byte : next++)] = byte + 1;
  }
  const byteLevel = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true };
  return {
    version: '1.0',
    added_tokens: [{ id: 0, content: '<|endoftext|>', special: true, normalized: false }],
    normalizer: null,
    pre_tokenizer: byteLevel,
    post_processor: null,
    decoder: byteLevel,
    model: { type: 'BPE', unk_token: null, byte_fallback: false, ignore_merges: false, vocab, merges: [] },
  };
}
