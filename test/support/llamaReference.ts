/**
 * The forward pass of Llama and its relatives (Mistral, Qwen2, Qwen3, Gemma 2, Gemma 3, Phi-3) as plain
 * loops in float64, to hold the engine against. Written from the models' definitions and their published
 * configs; shares nothing with the engine but the reader of files.
 *
 * Letters: `N` tokens, `H` query heads, `G` key heads, `D` head width, `C` hidden size.
 */

import {
  ACTIVATIONS,
  attend,
  crossEntropy,
  cut,
  geluTanh,
  product,
  rmsNorm,
  silu,
  split,
  sum,
  times,
} from './plain';
import { PlainCheckpoint } from './reference';
import type { ReferenceRun } from './reference';
import { type RopeFields, rotation } from './ropeReference';

/** Whether query `i` may see key `j` in `layer`; only asked for what the model itself admits. */
export type Allowed = (i: number, j: number, layer: number) => boolean;

export interface LlamaRun extends ReferenceRun {
  /** Scores of every vocabulary entry for the token after `token`, `[vocabulary]`. */
  logits(token: number): Float64Array;
  /** Hidden states after the final norm, `[N * C]`. */
  readonly hidden: Float64Array;
  /** Rotated queries, `[H * N * D]`. */
  q(layer: number): Float64Array;
  /** Rotated keys, `[G * N * D]`. */
  k(layer: number): Float64Array;
  /** Values, `[G * N * D]`. */
  v(layer: number): Float64Array;
  /** `-log p` of each token given those before it, in nats, `[N]`; NaN for the first. */
  readonly loss: Float64Array;
}

interface LayerRun {
  readonly q: Float64Array;
  readonly k: Float64Array;
  readonly v: Float64Array;
  readonly attention: readonly Float64Array[];
}

/** Runs the whole model over `ids`, every layer seeing what it admits itself and `allowed` too. */
export async function llamaForward(
  { directory }: { readonly directory: string },
  ids: ArrayLike<number>,
  allowed: Allowed = () => true,
): Promise<LlamaRun> {
  const plain = await PlainCheckpoint.open(directory);
  const { fields } = plain;
  const type = fields['model_type'] as string;
  const gemma = type.startsWith('gemma');
  const bothWays = fields['use_bidirectional_attention'] === true;
  const N = ids.length;
  const C = plain.number('hidden_size', NaN);
  const H = plain.number('num_attention_heads', NaN);
  const G = plain.number('num_key_value_heads', H);
  const D = plain.number('head_dim', C / H);
  const eps = plain.number('rms_norm_eps', type === 'phi3' ? 1e-5 : 1e-6);
  const body = plain.prefix('embed_tokens.weight', 'model.', '');

  const linear = async (x: Float64Array, name: string): Promise<Float64Array> =>
    product(x, N, await plain.load(`${name}.weight`), await plain.maybe(`${name}.bias`));
  const norm = async (x: Float64Array, name: string): Promise<Float64Array> => {
    const weight = await plain.load(`${name}.weight`);
    return rmsNorm(x, gemma ? weight.map(value => 1 + value) : weight, eps);
  };
  const act = gemma ? geluTanh : (ACTIVATIONS[fields['hidden_act'] as string] ?? silu);

  let x = await plain.rows(`${body}embed_tokens.weight`, ids, C);
  if (gemma) x = x.map(value => value * Math.sqrt(C));

  const layers: LayerRun[] = [];
  for (let layer = 0; layer < plain.number('num_hidden_layers', NaN); layer++) {
    const at = `${body}layers.${layer}`;
    const own = `${at}.self_attn`;
    const calm = await norm(x, `${at}.input_layernorm`);
    const [qFlat, kFlat, vFlat] = await (async () => {
      if (type !== 'phi3') {
        return [
          await linear(calm, `${own}.q_proj`),
          await linear(calm, `${own}.k_proj`),
          await linear(calm, `${own}.v_proj`),
        ];
      }
      const all = await linear(calm, `${own}.qkv_proj`);
      return [
        cut(all, N, 0, H * D),
        cut(all, N, H * D, (H + G) * D),
        cut(all, N, (H + G) * D, (H + 2 * G) * D),
      ];
    })();
    let q = split(qFlat, N, D);
    let k = split(kFlat, N, D);
    const v = split(vFlat, N, D);
    if (type === 'qwen3' || type === 'gemma3_text') {
      q = await norm(q, `${own}.q_norm`);
      k = await norm(k, `${own}.k_norm`);
    }
    const across = windowOf(plain, layer);
    // One to both sides is given as the width of the whole.
    const window = bothWays && across !== undefined ? Math.floor(across / 2) + 1 : across;
    const turn = rotation(ropeOf(plain, D, window !== undefined), D, N);
    turn(q);
    turn(k);
    const run = attend({
      ...{ q, k, v, N, D },
      scale: gemma ? plain.number('query_pre_attn_scalar', 256) ** -0.5 : D ** -0.5,
      softcap: type === 'gemma2' ? cap(plain, 'attn_logit_softcapping', 50) : undefined,
      allowed: (i, j) =>
        (bothWays || j <= i) && (window === undefined || Math.abs(i - j) < window) && allowed(i, j, layer),
    });
    layers.push({ q, k, v, attention: run.attention });
    const attended = await linear(run.output, `${own}.o_proj`);
    x = sum(x, gemma ? await norm(attended, `${at}.post_attention_layernorm`) : attended);

    const settled = await norm(x, `${at}.${gemma ? 'pre_feedforward' : 'post_attention'}_layernorm`);
    let inner: Float64Array;
    if (type === 'phi3') {
      const both = await linear(settled, `${at}.mlp.gate_up_proj`);
      const I = both.length / N / 2;
      inner = times(cut(both, N, 0, I).map(act), cut(both, N, I, 2 * I));
    } else {
      const gate = await linear(settled, `${at}.mlp.gate_proj`);
      inner = times(gate.map(act), await linear(settled, `${at}.mlp.up_proj`));
    }
    const fed = await linear(inner, `${at}.mlp.down_proj`);
    x = sum(x, gemma ? await norm(fed, `${at}.post_feedforward_layernorm`) : fed);
  }

  const hidden = await norm(x, `${body}norm`);
  const tied = (fields['tie_word_embeddings'] as boolean | undefined) ?? gemma;
  const headless = body === '' && !plain.has('lm_head.weight');
  const head = await plain.load(tied || headless ? `${body}embed_tokens.weight` : 'lm_head.weight');
  const limit = gemma ? cap(plain, 'final_logit_softcapping', type === 'gemma2' ? 30 : undefined) : undefined;
  const logits = (token: number): Float64Array => {
    const raw = product(hidden.subarray(token * C, (token + 1) * C), 1, head);
    return limit === undefined ? raw : raw.map(value => Math.tanh(value / limit) * limit);
  };
  return {
    logits,
    hidden,
    get last() {
      return headless ? hidden : Float64Array.from(Array.from(ids, (_, t) => [...logits(t)]).flat());
    },
    attention: (layer, h) => layers[layer]!.attention[h]!,
    q: layer => layers[layer]!.q,
    k: layer => layers[layer]!.k,
    v: layer => layers[layer]!.v,
    loss: Float64Array.from(ids, (id, t) => (t === 0 ? NaN : crossEntropy(logits(t - 1), id))),
  };
}

/** How far back a layer sees, itself included. */
function windowOf(plain: PlainCheckpoint, layer: number): number | undefined {
  const { fields } = plain;
  const window = fields['sliding_window'] as number | null | undefined;
  const types = fields['layer_types'] as string[] | null | undefined;
  if (types) return types[layer] === 'sliding_attention' ? window! : undefined;
  switch (fields['model_type']) {
    case 'mistral':
      return window === undefined ? 4096 : (window ?? undefined);
    case 'phi3':
      return window ?? undefined;
    case 'qwen2':
    case 'qwen3': {
      const slides = fields['use_sliding_window'] === true && layer >= plain.number('max_window_layers', 28);
      return slides ? (window ?? 4096) : undefined;
    }
    case 'gemma2':
      return layer % 2 === 0 ? (window ?? 4096) : undefined;
    case 'gemma3_text':
      return (layer + 1) % plain.number('sliding_window_pattern', 6) === 0 ? undefined : (window ?? 4096);
  }
  return undefined;
}

function ropeOf(plain: PlainCheckpoint, D: number, slides: boolean): RopeFields {
  const { fields } = plain;
  const isGemma3 = fields['model_type'] === 'gemma3_text';
  const context = plain.number('max_position_embeddings', 2048);
  const parameters = fields['rope_parameters'] as Record<string, unknown> | undefined;
  const nested = parameters?.[slides ? 'sliding_attention' : 'full_attention'];
  const own = (nested ?? parameters) as Record<string, unknown> | undefined;
  if (isGemma3 && slides && own === undefined) {
    return { width: D, theta: plain.number('rope_local_base_freq', 10000), context };
  }
  const scaling = own ?? (fields['rope_scaling'] as Record<string, unknown> | null | undefined);
  const share =
    (scaling?.['partial_rotary_factor'] as number | undefined) ?? plain.number('partial_rotary_factor', 1);
  const isPhi = fields['model_type'] === 'phi3';
  return {
    width: Math.floor(D * share),
    theta:
      (scaling?.['rope_theta'] as number | undefined) ?? plain.number('rope_theta', isGemma3 ? 1e6 : 10000),
    scaling: isPhi && scaling?.['type'] === 'su' ? { ...scaling, type: 'longrope' } : scaling,
    context,
    trained: isPhi ? plain.number('original_max_position_embeddings', 4096) : undefined,
  };
}

/** A cap that may be absent, or null for none. */
function cap(plain: PlainCheckpoint, name: string, fallback: number | undefined): number | undefined {
  const given = plain.fields[name] as number | null | undefined;
  return given === undefined ? fallback : (given ?? undefined);
}
