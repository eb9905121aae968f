/**
 * GPT-2 and GPT-NeoX as plain loops in float64, written from their definitions and published configs.
 *
 * Letters: `N` tokens, `H` heads, `D` head width, `C` hidden size.
 */

import { ACTIVATIONS, attend, cut, layerNorm, product, split, sum } from './plain';
import { PlainCheckpoint } from './reference';
import type { ReferenceRun } from './reference';
import { rotation } from './ropeReference';

/** `[rows, columns]` to `[columns, rows]`. */
function transposed(w: Float64Array, columns: number): Float64Array {
  const rows = w.length / columns;
  return Float64Array.from(w, (_, at) => w[(at % rows) * columns + Math.floor(at / rows)]!);
}

export async function gpt2Forward(directory: string, ids: ArrayLike<number>): Promise<ReferenceRun> {
  const plain = await PlainCheckpoint.open(directory);
  const { fields } = plain;
  const N = ids.length;
  const C = plain.number('n_embd', NaN);
  const D = C / plain.number('n_head', NaN);
  const eps = plain.number('layer_norm_epsilon', 1e-5);
  const act = ACTIVATIONS[(fields['activation_function'] as string | undefined) ?? 'gelu_new']!;
  const body = plain.prefix('wte.weight', 'transformer.', '');
  const norm = async (x: Float64Array, name: string) =>
    layerNorm(x, await plain.load(`${name}.weight`), await plain.load(`${name}.bias`), eps);
  const conv = async (x: Float64Array, name: string) => {
    const bias = await plain.load(`${name}.bias`);
    return product(x, N, transposed(await plain.load(`${name}.weight`), bias.length), bias);
  };

  const order = Array.from(ids, (_, position) => position);
  let x: Float64Array = sum(
    await plain.rows(`${body}wte.weight`, ids, C),
    await plain.rows(`${body}wpe.weight`, order, C),
  );
  const attention: Float64Array[][] = [];
  for (let layer = 0; layer < plain.number('n_layer', NaN); layer++) {
    const at = `${body}h.${layer}`;
    const all = await conv(await norm(x, `${at}.ln_1`), `${at}.attn.c_attn`);
    const part = (index: number) => split(cut(all, N, index * C, (index + 1) * C), N, D);
    const usual = fields['scale_attn_weights'] === false ? 1 : 1 / Math.sqrt(D);
    const scale = usual / (fields['scale_attn_by_inverse_layer_idx'] === true ? layer + 1 : 1);
    const run = attend({ q: part(0), k: part(1), v: part(2), N, D, scale, allowed: (i, j) => j <= i });
    attention.push(run.attention);
    x = sum(x, await conv(run.output, `${at}.attn.c_proj`));
    const inner = await conv(await norm(x, `${at}.ln_2`), `${at}.mlp.c_fc`);
    x = sum(x, await conv(inner.map(act), `${at}.mlp.c_proj`));
  }
  const hidden = await norm(x, `${body}ln_f`);
  const headless = (fields['architectures'] as string[] | undefined)?.[0] === 'GPT2Model';
  const tied = fields['tie_word_embeddings'] !== false;
  const last = async () =>
    product(hidden, N, await plain.load(tied ? `${body}wte.weight` : 'lm_head.weight'));
  return { last: headless ? hidden : await last(), attention: (layer, head) => attention[layer]![head]! };
}

export async function neoxForward(directory: string, ids: ArrayLike<number>): Promise<ReferenceRun> {
  const plain = await PlainCheckpoint.open(directory);
  const { fields } = plain;
  const N = ids.length;
  const C = plain.number('hidden_size', NaN);
  const H = plain.number('num_attention_heads', NaN);
  const D = C / H;
  const eps = plain.number('layer_norm_eps', 1e-5);
  const act = ACTIVATIONS[(fields['hidden_act'] as string | undefined) ?? 'gelu']!;
  const body = plain.prefix('embed_in.weight', 'gpt_neox.', '');
  const parameters = fields['rope_parameters'] as Record<string, number> | undefined;
  const share = parameters?.['partial_rotary_factor'] ?? plain.number('rotary_pct', 0.25);
  const turn = rotation(
    {
      width: Math.floor(D * share),
      theta: parameters?.['rope_theta'] ?? plain.number('rotary_emb_base', 10000),
      scaling: fields['rope_scaling'] as Record<string, unknown> | undefined,
      context: plain.number('max_position_embeddings', 2048),
    },
    D,
    N,
  );
  const norm = async (x: Float64Array, name: string) =>
    layerNorm(x, await plain.load(`${name}.weight`), await plain.load(`${name}.bias`), eps);
  const linear = async (x: Float64Array, name: string) =>
    product(x, N, await plain.load(`${name}.weight`), await plain.maybe(`${name}.bias`));

  let x = await plain.rows(`${body}embed_in.weight`, ids, C);
  const attention: Float64Array[][] = [];
  for (let layer = 0; layer < plain.number('num_hidden_layers', NaN); layer++) {
    const at = `${body}layers.${layer}`;
    const all = await linear(await norm(x, `${at}.input_layernorm`), `${at}.attention.query_key_value`);
    // Every head has its q, k and v side by side.
    const heads = split(all, N, 3 * D);
    const part = (index: number) => cut(heads, H * N, index * D, (index + 1) * D);
    const [q, k, v] = [part(0), part(1), part(2)];
    turn(q);
    turn(k);
    const run = attend({ q, k, v, N, D, allowed: (i, j) => j <= i });
    attention.push(run.attention);
    const attended = sum(x, await linear(run.output, `${at}.attention.dense`));
    const read = fields['use_parallel_residual'] === false ? attended : x;
    const inner = await linear(await norm(read, `${at}.post_attention_layernorm`), `${at}.mlp.dense_h_to_4h`);
    x = sum(attended, await linear(inner.map(act), `${at}.mlp.dense_4h_to_h`));
  }
  const hidden = await norm(x, `${body}final_layer_norm`);
  const headless = (fields['architectures'] as string[] | undefined)?.[0] === 'GPTNeoXModel';
  return {
    last: headless ? hidden : product(hidden, N, await plain.load('embed_out.weight')),
    attention: (layer, head) => attention[layer]![head]!,
  };
}
