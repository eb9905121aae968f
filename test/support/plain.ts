/** Arithmetic of models as plain loops in float64, for the references. Letters: `N` tokens, `D` head width. */

/** `[N, out] = x · wᵀ + b` with `w` `[out, in]`. */
export function product(x: Float64Array, N: number, w: Float64Array, b?: Float64Array): Float64Array {
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

/** Every run of `weight.length` numbers divided by its root mean square, times the weight. */
export function rmsNorm(x: Float64Array, weight: Float64Array, eps: number): Float64Array {
  const C = weight.length;
  const y = new Float64Array(x.length);
  for (let at = 0; at < x.length; at += C) {
    let squares = 0;
    for (let c = 0; c < C; c++) squares += x[at + c]! ** 2;
    const scale = 1 / Math.sqrt(squares / C + eps);
    for (let c = 0; c < C; c++) y[at + c] = x[at + c]! * scale * weight[c]!;
  }
  return y;
}

/** Every run of `weight.length` numbers with mean 0 and variance 1, times the weight, plus the bias. */
export function layerNorm(
  x: Float64Array,
  weight: Float64Array,
  bias: Float64Array | undefined,
  eps: number,
): Float64Array {
  const C = weight.length;
  const y = new Float64Array(x.length);
  for (let at = 0; at < x.length; at += C) {
    let mean = 0;
    for (let c = 0; c < C; c++) mean += x[at + c]! / C;
    let variance = 0;
    for (let c = 0; c < C; c++) variance += (x[at + c]! - mean) ** 2 / C;
    for (let c = 0; c < C; c++) {
      y[at + c] = ((x[at + c]! - mean) / Math.sqrt(variance + eps)) * weight[c]! + (bias?.[c] ?? 0);
    }
  }
  return y;
}

/** `[N, heads * D]` to `[heads, N, D]`. */
export function split(x: Float64Array, N: number, D: number): Float64Array {
  const heads = x.length / N / D;
  const y = new Float64Array(x.length);
  for (let t = 0; t < N; t++) {
    for (let h = 0; h < heads; h++) {
      for (let d = 0; d < D; d++) y[(h * N + t) * D + d] = x[(t * heads + h) * D + d]!;
    }
  }
  return y;
}

/** Columns `from … to - 1` of `x [N, C]`. */
export function cut(x: Float64Array, N: number, from: number, to: number): Float64Array {
  const C = x.length / N;
  const y = new Float64Array(N * (to - from));
  for (let t = 0; t < N; t++) y.set(x.subarray(t * C + from, t * C + to), t * (to - from));
  return y;
}

export interface Attending {
  /** `[H, N, D]` */
  readonly q: Float64Array;
  /** `[G, N, D]` */
  readonly k: Float64Array;
  readonly v: Float64Array;
  readonly N: number;
  readonly D: number;
  /** The factor on `q.k`; `1 / sqrt(D)` unless given. */
  readonly scale?: number;
  readonly softcap?: number | undefined;
  /** Whether query `i` may see key `j`. */
  allowed(i: number, j: number): boolean;
}

/** Softmax attention; query head `h` reads key head `floor(h * G / H)`. Gives `[N, H * D]` and the weights. */
export function attend({ q, k, v, N, D, scale = 1 / Math.sqrt(D), softcap, allowed }: Attending): {
  output: Float64Array;
  attention: Float64Array[];
} {
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
      for (let j = 0; j < N; j++) {
        let score = 0;
        for (let d = 0; d < D; d++) score += q[(h * N + i) * D + d]! * k[(g * N + j) * D + d]!;
        score *= scale;
        if (softcap !== undefined) score = Math.tanh(score / softcap) * softcap;
        row[j] = allowed(i, j) ? score : -Infinity;
        peak = Math.max(peak, row[j]!);
      }
      let total = 0;
      for (let j = 0; j < N; j++) total += row[j] = Math.exp(row[j]! - peak);
      for (let j = 0; j < N; j++) {
        row[j]! /= total;
        for (let d = 0; d < D; d++) output[(i * H + h) * D + d]! += row[j]! * v[(g * N + j) * D + d]!;
      }
    }
    attention.push(weights);
  }
  return { output, attention };
}

export function sum(a: Float64Array, b: Float64Array): Float64Array<ArrayBuffer> {
  return Float64Array.from(a, (value, i) => value + b[i]!);
}

export function times(a: Float64Array, b: Float64Array): Float64Array {
  return a.map((value, i) => value * b[i]!);
}

export function silu(x: number): number {
  return x / (1 + Math.exp(-x));
}

export function geluTanh(x: number): number {
  return 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)));
}

export function gelu(x: number): number {
  return 0.5 * x * (1 + erf(x / Math.SQRT2));
}

function sigmoid(x: number): number {
  return 1 / (1 + Math.exp(-x));
}

/** The functions of feed-forwards by the names of configs. */
export const ACTIVATIONS: Readonly<Record<string, (x: number) => number>> = {
  ...{ gelu, gelu_python: gelu, gelu_10: x => Math.max(-10, Math.min(10, gelu(x))) },
  ...{ gelu_new: geluTanh, gelu_fast: geluTanh, gelu_accurate: geluTanh },
  ...{ gelu_pytorch_tanh: geluTanh, gelu_python_tanh: geluTanh },
  ...{ silu, swish: silu, quick_gelu: x => x * sigmoid(1.702 * x), sigmoid, tanh: Math.tanh },
  ...{ relu: x => Math.max(0, x), relu2: x => Math.max(0, x) ** 2, relu6: x => Math.max(0, Math.min(6, x)) },
  leaky_relu: x => (x < 0 ? 0.01 * x : x),
  linear: x => x,
  mish: x => x * Math.tanh(Math.log1p(Math.exp(x))),
};

/** The error function by its power series near 0 and its continued fraction beyond, to 1e-13. */
export function erf(x: number): number {
  const a = Math.abs(x);
  if (a > 6) return Math.sign(x);
  if (a < 3) {
    let term = a;
    let total = a;
    for (let n = 1; Math.abs(term) > 1e-17; n++) {
      term *= (-a * a) / n;
      total += term / (2 * n + 1);
    }
    return Math.sign(x) * (2 / Math.sqrt(Math.PI)) * total;
  }
  let fraction = 0;
  for (let n = 60; n > 0; n--) fraction = n / 2 / (a + fraction);
  return Math.sign(x) * (1 - Math.exp(-a * a) / Math.sqrt(Math.PI) / (a + fraction));
}

export function crossEntropy(logits: Float64Array, id: number): number {
  let peak = -Infinity;
  for (const value of logits) peak = Math.max(peak, value);
  let total = 0;
  for (const value of logits) total += Math.exp(value - peak);
  return Math.log(total) + peak - logits[id]!;
}
