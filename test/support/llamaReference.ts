/**
 * The Llama forward pass as plain loops in float64, to hold the engine against. Written from the model's
 * definition; shares nothing with the engine but the reader of files and the config.
 *
 * Letters: `N` tokens, `H` query heads, `G` key heads, `D` head width, `C` hidden size.
 */

import type { Checkpoint } from '../../src/engine/model/checkpoint';
import { readFloats } from '../../src/engine/model/safetensors';
import { rotation } from './ropeReference';

/** Whether query `i` may see key `j` in `layer`; only asked for `j <= i`. */
export type Allowed = (i: number, j: number, layer: number) => boolean;

export interface LlamaRun {
  /** Scores of every vocabulary entry for the token after `token`, `[vocabulary]`. */
  logits(token: number): Float64Array;
  /** Attention weights, `[N * N]`, row by row. */
  attention(layer: number, head: number): Float64Array;
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

/** Runs the whole model over `ids`, causal, every layer seeing what `allowed` admits. */
export async function llamaForward(
  checkpoint: Pick<Checkpoint, 'config' | 'tensors'>,
  ids: ArrayLike<number>,
  allowed: Allowed = () => true,
): Promise<LlamaRun> {
  const { config, tensors } = checkpoint;
  const N = ids.length;
  const C = config.hiddenSize;
  const load = async (name: string): Promise<Float64Array> =>
    Float64Array.from(await readFloats(tensors.get(name)!));
  const linear = async (x: Float64Array, name: string, biased: boolean): Promise<Float64Array> =>
    product(x, N, await load(`${name}.weight`), biased ? await load(`${name}.bias`) : undefined);
  const norm = async (x: Float64Array, name: string): Promise<Float64Array> =>
    rmsNorm(x, N, await load(`${name}.weight`), config.rmsNormEps);

  const embedding = await load('model.embed_tokens.weight');
  let x = new Float64Array(N * C);
  for (let t = 0; t < N; t++) x.set(embedding.subarray(ids[t]! * C, (ids[t]! + 1) * C), t * C);

  const turn = rotation(config, N);
  const layers: LayerRun[] = [];
  for (let layer = 0; layer < config.numHiddenLayers; layer++) {
    const at = `model.layers.${layer}`;
    const own = `${at}.self_attn`;
    const bias = config.attentionBias;
    const calm = await norm(x, `${at}.input_layernorm`);
    const q = split(await linear(calm, `${own}.q_proj`, bias), N, config.headDim);
    const k = split(await linear(calm, `${own}.k_proj`, bias), N, config.headDim);
    const v = split(await linear(calm, `${own}.v_proj`, bias), N, config.headDim);
    turn(q);
    turn(k);
    const run = attend(q, k, v, N, config.headDim, (i, j) => allowed(i, j, layer));
    layers.push({ q, k, v, attention: run.attention });
    x = sum(x, await linear(run.output, `${own}.o_proj`, bias));

    const settled = await norm(x, `${at}.post_attention_layernorm`);
    const gate = await linear(settled, `${at}.mlp.gate_proj`, config.mlpBias);
    const up = await linear(settled, `${at}.mlp.up_proj`, config.mlpBias);
    const inner = gate.map((value, i) => (value / (1 + Math.exp(-value))) * up[i]!);
    x = sum(x, await linear(inner, `${at}.mlp.down_proj`, config.mlpBias));
  }
  const hidden = await norm(x, 'model.norm');
  const head = config.tieWordEmbeddings ? embedding : await load('lm_head.weight');
  const logits = (token: number): Float64Array =>
    product(hidden.subarray(token * C, (token + 1) * C), 1, head);
  return {
    logits,
    hidden,
    attention: (layer, h) => layers[layer]!.attention[h]!,
    q: layer => layers[layer]!.q,
    k: layer => layers[layer]!.k,
    v: layer => layers[layer]!.v,
    loss: Float64Array.from(ids, (id, t) => (t === 0 ? NaN : crossEntropy(logits(t - 1), id))),
  };
}

/** `[N, out] = x · wᵀ + b` with `w` `[out, in]`. */
function product(x: Float64Array, N: number, w: Float64Array, b?: Float64Array): Float64Array {
  const width = x.length / N;
  const out = w.length / width;
  const y = new Float64Array(N * out);
  for (let t = 0; t < N; t++) {
    const row = x.subarray(t * width, (t + 1) * width);
    for (let o = 0; o < out; o++) y[t * out + o] = dot(row, w, o * width) + (b === undefined ? 0 : b[o]!);
  }
  return y;
}

/** Sums in four strands: one long chain of additions would take four times as long. */
function dot(row: Float64Array, w: Float64Array, at: number): number {
  const width = row.length;
  let [s0, s1, s2, s3] = [0, 0, 0, 0];
  let c = 0;
  for (; c + 3 < width; c += 4) {
    s0 += row[c]! * w[at + c]!;
    s1 += row[c + 1]! * w[at + c + 1]!;
    s2 += row[c + 2]! * w[at + c + 2]!;
    s3 += row[c + 3]! * w[at + c + 3]!;
  }
  for (; c < width; c++) s0 += row[c]! * w[at + c]!;
  return s0 + s1 + s2 + s3;
}

function rmsNorm(x: Float64Array, N: number, weight: Float64Array, eps: number): Float64Array {
  const C = weight.length;
  const y = new Float64Array(x.length);
  for (let t = 0; t < N; t++) {
    let squares = 0;
    for (let c = 0; c < C; c++) squares += x[t * C + c]! ** 2;
    const scale = 1 / Math.sqrt(squares / C + eps);
    for (let c = 0; c < C; c++) y[t * C + c] = x[t * C + c]! * scale * weight[c]!;
  }
  return y;
}

/** `[N, heads * D]` to `[heads, N, D]`. */
function split(x: Float64Array, N: number, D: number): Float64Array {
  const heads = x.length / N / D;
  const y = new Float64Array(x.length);
  for (let t = 0; t < N; t++) {
    for (let h = 0; h < heads; h++) {
      for (let d = 0; d < D; d++) y[(h * N + t) * D + d] = x[(t * heads + h) * D + d]!;
    }
  }
  return y;
}

/** Softmax attention; query head `h` reads key head `floor(h * G / H)`. */
function attend(
  q: Float64Array,
  k: Float64Array,
  v: Float64Array,
  N: number,
  D: number,
  allowed: (i: number, j: number) => boolean,
): { output: Float64Array; attention: Float64Array[] } {
  const H = q.length / N / D;
  const G = k.length / N / D;
  const output = new Float64Array(N * H * D);
  const attention: Float64Array[] = [];
  for (let h = 0; h < H; h++) {
    const g = Math.floor((h * G) / H);
    const weights = new Float64Array(N * N);
    for (let i = 0; i < N; i++) {
      const row = weights.subarray(i * N, (i + 1) * N);
      let peak = -Infinity;
      for (let j = 0; j <= i; j++) {
        let score = 0;
        for (let d = 0; d < D; d++) score += q[(h * N + i) * D + d]! * k[(g * N + j) * D + d]!;
        row[j] = allowed(i, j) ? score / Math.sqrt(D) : -Infinity;
        peak = Math.max(peak, row[j]!);
      }
      let total = 0;
      for (let j = 0; j <= i; j++) total += row[j] = Math.exp(row[j]! - peak);
      for (let j = 0; j <= i; j++) {
        row[j]! /= total;
        for (let d = 0; d < D; d++) output[(i * H + h) * D + d]! += row[j]! * v[(g * N + j) * D + d]!;
      }
    }
    attention.push(weights);
  }
  return { output, attention };
}

function sum(a: Float64Array, b: Float64Array): Float64Array<ArrayBuffer> {
  return Float64Array.from(a, (value, i) => value + b[i]!);
}

function crossEntropy(logits: Float64Array, id: number): number {
  let peak = -Infinity;
  for (const value of logits) peak = Math.max(peak, value);
  let total = 0;
  for (const value of logits) total += Math.exp(value - peak);
  return Math.log(total) + peak - logits[id]!;
}
