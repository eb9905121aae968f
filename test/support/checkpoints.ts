/** Small random checkpoints in the Hugging Face layout. */

import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writeSafetensors } from '../../src/engine/model/safetensors';
import type { TensorData } from '../../src/engine/model/safetensors';
import { byteTokenizer } from '../../scripts/byteTokenizer.mjs';
import { publishedTensors } from './publishedTensors';
import { normal, random } from './random';
import type { ConfigFields } from './reference';

export type { ConfigFields } from './reference';

export interface RandomOptions {
  /** Type of the weights. */
  readonly dtype?: 'F32' | 'F16' | 'BF16';
  /** In how many files the weights are written; one makes a plain `model.safetensors`. */
  readonly shards?: number;
  readonly seed?: number;
  /** Only the body, by the names that it has without a head. */
  readonly bare?: boolean;
}

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
 * Writes a Llama: `config.json`, `tokenizer.json` (one token a byte, ids 1 to 256, and `<|endoftext|>` as 0) and
 * random weights whose attention is far from uniform.
 *
 * @param overrides Fields that differ from `SMALL_LLAMA`.
 */
export async function writeRandomLlama(
  directory: string,
  overrides: ConfigFields = {},
  options: RandomOptions = {},
): Promise<void> {
  await writeRandomCheckpoint(directory, { ...SMALL_LLAMA, ...overrides }, options);
  await writeFile(join(directory, 'tokenizer.json'), JSON.stringify(byteTokenizer()));
}

/** Writes `config.json` and random weights of any architecture, by their published names; no tokeniser. */
export async function writeRandomCheckpoint(
  directory: string,
  fields: ConfigFields,
  { dtype = 'F32', shards = 1, seed = 1, bare = false }: RandomOptions = {},
): Promise<void> {
  const uniform = random(seed);
  const aroundOne = String(fields['model_type']).startsWith('gemma') ? 0 : 1;
  const tensors: [string, TensorData][] = publishedTensors(fields, { bare }).map(([name, shape]) => [
    name,
    { dtype, shape, data: randomWeights(name, shape, aroundOne, uniform) },
  ]);
  await mkdir(directory, { recursive: true });
  await writeFile(join(directory, 'config.json'), JSON.stringify(fields));
  if (shards === 1) {
    await writeSafetensors(join(directory, 'model.safetensors'), Object.fromEntries(tensors));
    return;
  }
  await writeShards(directory, tensors, shards);
}

function randomWeights(
  name: string,
  shape: readonly number[],
  aroundOne: number,
  uniform: () => number,
): Float32Array {
  const count = shape.reduce((product, size) => product * size, 1);
  const isNorm = /norm|ln_/i.test(name);
  const width = shape.at(-1)!;
  // Queries and keys are drawn wide so that some weights are large and others vanish.
  const wide = /[qk]_proj|qkv|query|key|c_attn/i.test(name) ? 2 : 1;
  const scale = isNorm || name.endsWith('.bias') ? 0.3 : wide / Math.sqrt(width);
  // Decays are drawn slow, so that states reach over many tokens.
  const rate = name.endsWith('A_log') ? -3 : 0;
  const centre = isNorm && !name.endsWith('.bias') ? aroundOne : rate;
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
