/**
 * Mamba and Mamba-2 as plain loops in float64, a token at a time, written from the papers (arXiv 2312.00752,
 * 2405.21060) and the published configs. Hidden attention by its definition: each write carried forward.
 *
 * Letters: `N` tokens, `C` hidden size, `E` inner width, `S` state size, `H` heads, `K` kernel.
 */

import { cut, product, rmsNorm, silu, sum } from './plain';
import { PlainCheckpoint, type ReferenceRun } from './reference';

function softplus(x: number): number {
  return x > 30 ? x : Math.log1p(Math.exp(x));
}

/** `y_t = act(b + sum over k of w_k x_{t-K+1+k})` of every channel of `x [N, W]`. */
function convolved(
  x: Float64Array,
  N: number,
  kernel: Float64Array,
  bias: Float64Array | undefined,
): Float64Array {
  const W = x.length / N;
  const K = kernel.length / W;
  return Float64Array.from(x, (_, at) => {
    const [t, w] = [Math.floor(at / W), at % W];
    let total = bias?.[w] ?? 0;
    for (let k = 0; k < K; k++) {
      const from = t - K + 1 + k;
      if (from >= 0) total += kernel[w * K + k]! * x[from * W + w]!;
    }
    return silu(total);
  });
}

async function body(plain: PlainCheckpoint, ids: ArrayLike<number>, C: number) {
  const table = plain.has('backbone.embedding.weight')
    ? 'backbone.embedding.weight'
    : `${plain.prefix('embeddings.weight', 'backbone.', '')}embeddings.weight`;
  return {
    x: await plain.rows(table, ids, C),
    table,
    prefix: table.startsWith('backbone.') ? 'backbone.' : '',
  };
}

async function last(
  plain: PlainCheckpoint,
  x: Float64Array,
  N: number,
  { prefix, table, eps, head }: { prefix: string; table: string; eps: number; head: boolean },
): Promise<Float64Array> {
  const hidden = rmsNorm(x, await plain.load(`${prefix}norm_f.weight`), eps);
  if (!head) return hidden;
  const name = plain.fields['tie_word_embeddings'] === false ? 'lm_head.weight' : table;
  return product(hidden, N, await plain.load(name));
}

function hasHead({ fields }: PlainCheckpoint): boolean {
  return !/Mamba2?Model/.test((fields['architectures'] as string[] | undefined)?.[0] ?? '');
}

export async function mambaForward(
  directory: string,
  ids: ArrayLike<number>,
  fields: { readonly S?: number; readonly C?: number; readonly L?: number } = {},
): Promise<ReferenceRun> {
  const plain = await PlainCheckpoint.open(directory);
  const N = ids.length;
  const C = fields.C ?? plain.number('hidden_size', NaN);
  const S = fields.S ?? plain.number('state_size', 16);
  const eps = plain.number('layer_norm_epsilon', 1e-5);
  const start = await body(plain, ids, C);
  let { x } = start;
  const attention: (() => Float64Array)[] = [];
  for (let layer = 0; layer < (fields.L ?? plain.number('num_hidden_layers', NaN)); layer++) {
    const at = `${start.prefix}layers.${layer}`;
    const load = (name: string) => plain.load(`${at}.mixer.${name}`);
    const maybe = (name: string) => plain.maybe(`${at}.mixer.${name}`);
    const D = await load('D');
    const E = D.length;
    const calm = rmsNorm(x, await plain.load(`${at}.norm.weight`), eps);
    const both = product(calm, N, await load('in_proj.weight'), await maybe('in_proj.bias'));
    const u = convolved(cut(both, N, 0, E), N, await load('conv1d.weight'), await maybe('conv1d.bias'));
    const gate = cut(both, N, E, 2 * E);
    const selected = product(u, N, await load('x_proj.weight'));
    const R = selected.length / N - 2 * S;
    const low = cut(selected, N, 0, R);
    const B = cut(selected, N, R, R + S);
    const Q = cut(selected, N, R + S, R + 2 * S);
    const delta = product(low, N, await load('dt_proj.weight'), await load('dt_proj.bias')).map(softplus);
    const A = (await load('A_log')).map(value => -Math.exp(value));
    const y = new Float64Array(N * E);
    const state = new Float64Array(E * S);
    for (let t = 0; t < N; t++) {
      for (let e = 0; e < E; e++) {
        const step = delta[t * E + e]!;
        let read = D[e]! * u[t * E + e]!;
        for (let s = 0; s < S; s++) {
          const old = state[e * S + s]! * Math.exp(step * A[e * S + s]!);
          state[e * S + s] = old + step * B[t * S + s]! * u[t * E + e]!;
          read += Q[t * S + s]! * state[e * S + s]!;
        }
        y[t * E + e] = read * silu(gate[t * E + e]!);
      }
    }
    attention.push(() => {
      const m = new Float64Array(N * N);
      for (let e = 0; e < E; e++) {
        for (let j = 0; j < N; j++) {
          const left = Float64Array.from({ length: S }, (_, s) => delta[j * E + e]! * B[j * S + s]!);
          for (let i = j; i < N; i++) {
            let weight = 0;
            for (let s = 0; s < S; s++) {
              if (i > j) left[s]! *= Math.exp(delta[i * E + e]! * A[e * S + s]!);
              weight += Q[i * S + s]! * left[s]!;
            }
            m[i * N + j]! += Math.abs(weight) / E;
          }
        }
      }
      return m;
    });
    x = sum(x, product(y, N, await load('out_proj.weight'), await maybe('out_proj.bias')));
  }
  const ends = { ...start, eps, head: hasHead(plain) };
  return { last: await last(plain, x, N, ends), attention: layer => attention[layer]!() };
}

export interface DualRun extends ReferenceRun {
  /** `C_i . B_j` of a head, `[N * N]`. */
  scores(layer: number, head: number): Float64Array;
}

export async function mamba2Forward(directory: string, ids: ArrayLike<number>): Promise<DualRun> {
  const plain = await PlainCheckpoint.open(directory);
  const N = ids.length;
  const C = plain.number('hidden_size', NaN);
  const S = plain.number('state_size', 128);
  const H = plain.number('num_heads', NaN);
  const P = plain.number('head_dim', 64);
  const G = plain.number('n_groups', 8);
  const eps = plain.number('layer_norm_epsilon', 1e-5);
  const [least, most] = (plain.fields['time_step_limit'] as [number, number] | undefined) ?? [0, Infinity];
  const E = H * P;
  const start = await body(plain, ids, C);
  let { x } = start;
  const attention: ((head: number) => Float64Array)[] = [];
  const scores: ((head: number) => Float64Array)[] = [];
  for (let layer = 0; layer < plain.number('num_hidden_layers', NaN); layer++) {
    const at = `${start.prefix}layers.${layer}`;
    const load = (name: string) => plain.load(`${at}.mixer.${name}`);
    const maybe = (name: string) => plain.maybe(`${at}.mixer.${name}`);
    const calm = rmsNorm(x, await plain.load(`${at}.norm.weight`), eps);
    const all = product(calm, N, await load('in_proj.weight'), await maybe('in_proj.bias'));
    const z = cut(all, N, 0, E);
    const width = E + 2 * G * S;
    const mixed = convolved(
      cut(all, N, E, E + width),
      N,
      await load('conv1d.weight'),
      await maybe('conv1d.bias'),
    );
    const bias = await load('dt_bias');
    const dt = cut(all, N, E + width, E + width + H).map((value, n) =>
      Math.min(most, Math.max(least, softplus(value + bias[n % H]!))),
    );
    const A = (await load('A_log')).map(value => -Math.exp(value));
    const D = await load('D');
    const u = (t: number, h: number, p: number) => mixed[t * width + h * P + p]!;
    const group = (h: number) => Math.floor((h * G) / H);
    const B = (t: number, h: number, s: number) => mixed[t * width + E + group(h) * S + s]!;
    const Q = (t: number, h: number, s: number) => mixed[t * width + E + (G + group(h)) * S + s]!;
    const y = new Float64Array(N * E);
    for (let h = 0; h < H; h++) {
      const state = new Float64Array(P * S);
      for (let t = 0; t < N; t++) {
        const step = dt[t * H + h]!;
        const kept = Math.exp(step * A[h]!);
        for (let p = 0; p < P; p++) {
          let read = D[h]! * u(t, h, p);
          for (let s = 0; s < S; s++) {
            state[p * S + s] = state[p * S + s]! * kept + step * B(t, h, s) * u(t, h, p);
            read += Q(t, h, s) * state[p * S + s]!;
          }
          y[t * E + h * P + p] = read * silu(z[t * E + h * P + p]!);
        }
      }
    }
    const score = (i: number, j: number, h: number) => {
      let total = 0;
      for (let s = 0; s < S; s++) total += Q(i, h, s) * B(j, h, s);
      return total;
    };
    scores.push(h => Float64Array.from({ length: N * N }, (_, n) => score(Math.floor(n / N), n % N, h)));
    attention.push(h => {
      const m = new Float64Array(N * N);
      for (let j = 0; j < N; j++) {
        let kept = dt[j * H + h]!;
        for (let i = j; i < N; i++) {
          if (i > j) kept *= Math.exp(dt[i * H + h]! * A[h]!);
          m[i * N + j] = kept * score(i, j, h);
        }
      }
      return m;
    });
    // Parts of the norm's weight, each over its own part of every token.
    const weight = await load('norm.weight');
    const parts = plain.number('norm_groups', 1);
    const normed = new Float64Array(y.length);
    for (let part = 0; part < parts; part++) {
      const [from, to] = [(part * E) / parts, ((part + 1) * E) / parts];
      const own = rmsNorm(cut(y, N, from, to), weight.subarray(from, to), eps);
      for (let t = 0; t < N; t++) {
        normed.set(own.subarray((t * E) / parts, ((t + 1) * E) / parts), t * E + from);
      }
    }
    x = sum(x, product(normed, N, await load('out_proj.weight'), await maybe('out_proj.bias')));
  }
  const untied = plain.fields['tie_word_embeddings'] !== true;
  const ends = { ...start, eps, head: hasHead(plain), ...(untied ? { table: 'lm_head.weight' } : {}) };
  return {
    last: await last(plain, x, N, ends),
    attention: (layer, head) => attention[layer]!(head),
    scores: (layer, head) => scores[layer]!(head),
  };
}
