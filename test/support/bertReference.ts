/**
 * BERT, RoBERTa, Longformer and ModernBERT as plain loops in float64, written from their definitions and
 * published configs.
 *
 * Letters: `N` tokens, `H` heads, `D` head width, `C` hidden size.
 */

import { attend, cut, gelu, layerNorm, product, split, sum, times } from './plain';
import { PlainCheckpoint } from './reference';
import type { ReferenceRun } from './reference';
import { rotation } from './ropeReference';

/** BERT, RoBERTa and Longformer; `globals` are the tokens of a Longformer that see all and are seen by all. */
export async function bertForward(
  directory: string,
  ids: ArrayLike<number>,
  globals: readonly number[] = [],
): Promise<ReferenceRun> {
  const plain = await PlainCheckpoint.open(directory);
  const { fields } = plain;
  const type = fields['model_type'] as string;
  const N = ids.length;
  const C = plain.number('hidden_size', NaN);
  const D = C / plain.number('num_attention_heads', NaN);
  const eps = plain.number('layer_norm_eps', 1e-12);
  const act = fields['hidden_act'] === 'relu' ? (x: number) => Math.max(0, x) : gelu;
  const body = plain.prefix('embeddings.word_embeddings.weight', `${type}.`, '');
  const norm = async (x: Float64Array, name: string) => {
    const old = plain.has(`${name}.gamma`);
    const weight = await plain.load(`${name}.${old ? 'gamma' : 'weight'}`);
    return layerNorm(x, weight, await plain.load(`${name}.${old ? 'beta' : 'bias'}`), eps);
  };
  const linear = async (x: Float64Array, name: string) =>
    product(x, N, await plain.load(`${name}.weight`), await plain.load(`${name}.bias`));

  const positions: number[] = [];
  const padding = plain.number('pad_token_id', 1);
  let seen = 0;
  for (let t = 0; t < N; t++) {
    if (type === 'bert') positions.push(t);
    else positions.push(ids[t] === padding ? padding : padding + ++seen);
  }
  const at = `${body}embeddings`;
  const words = await plain.rows(`${at}.word_embeddings.weight`, ids, C);
  const places = await plain.rows(`${at}.position_embeddings.weight`, positions, C);
  const types = await plain.rows(`${at}.token_type_embeddings.weight`, Array<number>(N).fill(0), C);
  let x = await norm(sum(sum(words, places), types), `${at}.LayerNorm`);

  const attention: Float64Array[][] = [];
  for (let layer = 0; layer < plain.number('num_hidden_layers', NaN); layer++) {
    const here = `${body}encoder.layer.${layer}`;
    const part = async (name: string) => split(await linear(x, `${here}.attention.self.${name}`), N, D);
    const given = fields['attention_window'] as number | number[] | undefined;
    const width = Array.isArray(given) ? given[layer]! : (given ?? 512);
    const sees = (i: number, j: number): boolean => {
      if (type === 'longformer') return Math.abs(i - j) <= width / 2 || globals.includes(j);
      return fields['is_decoder'] === true ? j <= i : true;
    };
    const qkv = { q: await part('query'), k: await part('key'), v: await part('value') };
    const run = attend({ ...qkv, N, D, allowed: sees });
    if (globals.length > 0) {
      const own = {
        q: await part('query_global'),
        k: await part('key_global'),
        v: await part('value_global'),
      };
      const all = attend({ ...own, N, D, allowed: () => true });
      for (const i of globals) {
        run.output.set(all.output.subarray(i * C, (i + 1) * C), i * C);
        run.attention.forEach((rows, h) => rows.set(all.attention[h]!.subarray(i * N, (i + 1) * N), i * N));
      }
    }
    attention.push(run.attention);
    const attended = await linear(run.output, `${here}.attention.output.dense`);
    const middle = await norm(sum(x, attended), `${here}.attention.output.LayerNorm`);
    const inner = (await linear(middle, `${here}.intermediate.dense`)).map(act);
    x = await norm(sum(middle, await linear(inner, `${here}.output.dense`)), `${here}.output.LayerNorm`);
  }
  const result = (last: Float64Array) => ({
    last,
    attention: (layer: number, head: number) => attention[layer]![head]!,
  });
  const head = type === 'bert' ? 'cls.predictions' : 'lm_head';
  if (!plain.has(`${head}.bias`) && !plain.has(`${head}.decoder.bias`)) return result(x);

  const dense = await linear(x, type === 'bert' ? `${head}.transform.dense` : `${head}.dense`);
  const calm = await norm(
    dense.map(type === 'bert' ? act : gelu),
    type === 'bert' ? `${head}.transform.LayerNorm` : `${head}.layer_norm`,
  );
  const untied = await plain.maybe(`${head}.decoder.weight`);
  const table = untied ?? (await plain.load(`${at}.word_embeddings.weight`));
  const bias = (await plain.maybe(`${head}.bias`)) ?? (await plain.load(`${head}.decoder.bias`));
  return result(product(calm, N, table, bias));
}

export async function modernbertForward(directory: string, ids: ArrayLike<number>): Promise<ReferenceRun> {
  const plain = await PlainCheckpoint.open(directory);
  const { fields } = plain;
  const N = ids.length;
  const C = plain.number('hidden_size', NaN);
  const D = C / plain.number('num_attention_heads', NaN);
  const I = plain.number('intermediate_size', NaN);
  const eps = plain.number('norm_eps', 1e-5);
  const body = plain.prefix('embeddings.tok_embeddings.weight', 'model.', '');
  const norm = async (x: Float64Array, name: string) =>
    layerNorm(x, await plain.load(`${name}.weight`), await plain.maybe(`${name}.bias`), eps);
  const linear = async (x: Float64Array, name: string) =>
    product(x, N, await plain.load(`${name}.weight`), await plain.maybe(`${name}.bias`));
  const types = fields['layer_types'] as string[] | undefined;
  const parameters = fields['rope_parameters'] as Record<string, { rope_theta: number }> | undefined;
  const context = plain.number('max_position_embeddings', 8192);

  let x = await plain.rows(`${body}embeddings.tok_embeddings.weight`, ids, C);
  x = await norm(x, `${body}embeddings.norm`);
  const attention: Float64Array[][] = [];
  for (let layer = 0; layer < plain.number('num_hidden_layers', NaN); layer++) {
    const at = `${body}layers.${layer}`;
    const isLocal = types
      ? types[layer] === 'sliding_attention'
      : layer % plain.number('global_attn_every_n_layers', 3) !== 0;
    const globalTheta = plain.number('global_rope_theta', 160000);
    const localTheta =
      fields['local_rope_theta'] === null ? globalTheta : plain.number('local_rope_theta', 10000);
    const nested = parameters?.[isLocal ? 'sliding_attention' : 'full_attention']?.rope_theta;
    const theta = nested ?? (isLocal ? localTheta : globalTheta);
    const turn = rotation({ width: D, theta, context }, D, N);
    const all = await linear(layer === 0 ? x : await norm(x, `${at}.attn_norm`), `${at}.attn.Wqkv`);
    const [q, k, v] = [0, 1, 2].map(index => split(cut(all, N, index * C, (index + 1) * C), N, D));
    turn(q!);
    turn(k!);
    const half = Math.floor(plain.number('local_attention', 128) / 2);
    const allowed = (i: number, j: number) => !isLocal || Math.abs(i - j) <= half;
    const run = attend({ q: q!, k: k!, v: v!, N, D, allowed });
    attention.push(run.attention);
    x = sum(x, await linear(run.output, `${at}.attn.Wo`));
    const both = await linear(await norm(x, `${at}.mlp_norm`), `${at}.mlp.Wi`);
    const inner = times(cut(both, N, 0, I).map(gelu), cut(both, N, I, 2 * I));
    x = sum(x, await linear(inner, `${at}.mlp.Wo`));
  }
  const hidden = await norm(x, `${body}final_norm`);
  const result = (last: Float64Array) => ({
    last,
    attention: (layer: number, head: number) => attention[layer]![head]!,
  });
  if (!plain.has('head.dense.weight')) return result(hidden);
  const calm = await norm((await linear(hidden, 'head.dense')).map(gelu), 'head.norm');
  const untied = await plain.maybe('decoder.weight');
  const table = untied ?? (await plain.load(`${body}embeddings.tok_embeddings.weight`));
  return result(product(calm, N, table, await plain.maybe('decoder.bias')));
}
