// Writes a random checkpoint in the shape of a Qwen2 of half a billion parameters: bfloat16, in shards, a
// gigabyte. Weights stream to disk, so that making it needs little memory. Not a part of the tests.
//
//   node scripts/makeCheckpoint.mjs FOLDER [LAYERS]
//
// Fewer layers make a smaller one: 4 have a fifth of a billion parameters, most of them in the embedding.

import { mkdirSync, openSync, writeFileSync, writeSync, closeSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { byteTokenizer } from './byteTokenizer.mjs';

const [folder, layers = '24'] = process.argv.slice(2);
const config = {
  architectures: ['Qwen2ForCausalLM'],
  model_type: 'qwen2',
  vocab_size: 151936,
  hidden_size: 896,
  intermediate_size: 4864,
  num_hidden_layers: Number(layers),
  num_attention_heads: 14,
  num_key_value_heads: 2,
  hidden_act: 'silu',
  max_position_embeddings: 32768,
  max_window_layers: 24,
  use_sliding_window: false,
  sliding_window: 32768,
  rms_norm_eps: 1e-6,
  rope_theta: 1000000,
  tie_word_embeddings: true,
  torch_dtype: 'bfloat16',
};
const SHARDS = 3;
const CHUNK = 2 ** 22;

/** @returns {[name: string, shape: number[]][]} */
function tensors() {
  const { hidden_size: hidden, intermediate_size: inner } = config;
  const keyValue = (hidden / config.num_attention_heads) * config.num_key_value_heads;
  /** @type {[string, number[]][]} */
  const list = [['model.embed_tokens.weight', [config.vocab_size, hidden]]];
  for (let layer = 0; layer < config.num_hidden_layers; layer++) {
    const at = `model.layers.${layer}`;
    list.push([`${at}.input_layernorm.weight`, [hidden]]);
    for (const [name, rows] of /** @type {const} */ ([
      ['q_proj', hidden],
      ['k_proj', keyValue],
      ['v_proj', keyValue],
    ])) {
      list.push([`${at}.self_attn.${name}.weight`, [rows, hidden]], [`${at}.self_attn.${name}.bias`, [rows]]);
    }
    list.push(
      [`${at}.self_attn.o_proj.weight`, [hidden, hidden]],
      [`${at}.post_attention_layernorm.weight`, [hidden]],
      [`${at}.mlp.gate_proj.weight`, [inner, hidden]],
      [`${at}.mlp.up_proj.weight`, [inner, hidden]],
      [`${at}.mlp.down_proj.weight`, [hidden, inner]],
    );
  }
  list.push(['model.norm.weight', [hidden]]);
  return list;
}

/** @param {number[]} shape */
const count = shape => shape.reduce((product, length) => product * length, 1);

const single = new Float32Array(1);
const bits = new Uint32Array(single.buffer);
let state = 0x9e3779b9;

/**
 * Bfloat16 numbers around `centre` that are nearly normal: sums of four uniform bytes.
 *
 * @param {number} length
 * @param {number} centre
 * @param {number} deviation
 */
function draw(length, centre, deviation) {
  const values = new Uint16Array(length);
  const step = deviation / 147.8;
  for (let at = 0; at < length; at++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    const sum = (state & 255) + ((state >>> 8) & 255) + ((state >>> 16) & 255) + (state >>> 24);
    single[0] = centre + (sum - 510) * step;
    values[at] = (bits[0] ?? 0) >>> 16;
  }
  return values;
}

/**
 * @param {string} path
 * @param {[string, number[]][]} part
 */
function writeShard(path, part) {
  /** @type {Record<string, unknown>} */
  const header = { __metadata__: { format: 'pt' } };
  let offset = 0;
  for (const [name, shape] of part) {
    const end = offset + 2 * count(shape);
    header[name] = { dtype: 'BF16', shape, data_offsets: [offset, end] };
    offset = end;
  }
  const bare = JSON.stringify(header);
  const json = bare + ' '.repeat((8 - (bare.length % 8)) % 8);
  const prefix = Buffer.alloc(8);
  prefix.writeBigUInt64LE(BigInt(json.length));
  const file = openSync(path, 'w');
  writeSync(file, Buffer.concat([prefix, Buffer.from(json)]));
  for (const [name, shape] of part) {
    const isNorm = name.includes('norm');
    const deviation = isNorm || name.endsWith('.bias') ? 0.1 : 1 / Math.sqrt(shape.at(-1) ?? 1);
    for (let left = count(shape); left > 0; left -= CHUNK) {
      writeSync(file, new Uint8Array(draw(Math.min(left, CHUNK), isNorm ? 1 : 0, deviation).buffer));
    }
  }
  closeSync(file);
}

if (folder === undefined || !/^[1-9]\d{0,2}$/.test(layers)) {
  process.stderr.write('Usage: node scripts/makeCheckpoint.mjs FOLDER [LAYERS]\n');
  process.exit(2);
}
mkdirSync(folder, { recursive: true });
writeFileSync(join(folder, 'config.json'), JSON.stringify(config, undefined, 2));
writeFileSync(join(folder, 'tokenizer.json'), JSON.stringify(byteTokenizer()));
const all = tensors();
const total = all.reduce((sum, [, shape]) => sum + count(shape), 0);
/** @type {Record<string, string>} */
const places = {};
let from = 0;
for (let shard = 1; shard <= SHARDS; shard++) {
  let size = 0;
  let to = from;
  while (to < all.length && (shard === SHARDS || size < total / SHARDS)) size += count(all[to++]?.[1] ?? []);
  const number = (/** @type {number} */ value) => String(value).padStart(5, '0');
  const name = `model-${number(shard)}-of-${number(SHARDS)}.safetensors`;
  writeShard(join(folder, name), all.slice(from, to));
  for (const [tensor] of all.slice(from, to)) places[tensor] = name;
  from = to;
}
const index = { metadata: { total_size: 2 * total }, weight_map: places };
writeFileSync(join(folder, 'model.safetensors.index.json'), JSON.stringify(index, undefined, 2));
process.stdout.write(`${folder}: ${total} parameters\n`);
