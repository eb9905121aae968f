/** A small model by plain loops in float64, for graphs that spell it out in different ways. */

import { normal, random } from './random';

/** Letters: `M` hidden, `H` and `G` heads, `D` head width, `V` vocabulary. Matrices are `[in, out]`. */
export interface SmallModel {
  readonly hidden: number;
  readonly heads: number;
  readonly groups: number;
  readonly width: number;
  readonly vocabulary: number;
  readonly embedding: Float32Array;
  readonly positions: Float32Array;
  readonly blocks: readonly Block[];
}

export type Projection = 'q' | 'k' | 'v';

export interface Block {
  /** Of the norm before attention, `[M]`. */
  readonly gain: Float32Array;
  readonly weight: Readonly<Record<Projection, Float32Array>>;
  readonly bias: Readonly<Record<Projection, Float32Array>>;
  readonly out: Float32Array;
}

export interface Style {
  readonly norm: 'rms' | 'layer' | 'none';
  readonly learnedPositions: boolean;
  readonly rotary: boolean;
  readonly biased: boolean;
  readonly causal: boolean;
  readonly window?: number;
  readonly softcap?: number;
  /** Added to the scores, by head and `j - i`. */
  readonly bias?: (head: number, offset: number) => number;
  /** Of the scores; `1 / sqrt(D)` if absent. */
  readonly scale?: number;
}

export interface Computed {
  /** A layer: `[H, N, N]`. */
  readonly weights: readonly Float64Array[];
  /** `[N, M]` */
  readonly hidden: Float64Array;
  /** `[N, V]` */
  readonly logits: Float64Array;
}

export const EPSILON = 1e-5;
export const THETA = 100;
export const MOST_POSITIONS = 256;

export function smallModel(seed: number, groups = 2, vocabulary = 29, width = 16): SmallModel {
  const uniform = random(seed);
  const [hidden, heads] = [16, 4];
  const numbers = (size: number, scale: number) =>
    Float32Array.from({ length: size }, () => scale * normal(uniform));
  const block = (): Block => {
    const sizes = { q: heads * width, k: groups * width, v: groups * width };
    const each = (make: (size: number) => Float32Array) => ({
      q: make(sizes.q),
      k: make(sizes.k),
      v: make(sizes.v),
    });
    return {
      gain: numbers(hidden, 0.1).map(value => 1 + value),
      weight: each(size => numbers(hidden * size, 0.25)),
      bias: each(size => numbers(size, 0.5)),
      out: numbers(heads * width * hidden, 0.1),
    };
  };
  return {
    ...{ hidden, heads, groups, width, vocabulary },
    embedding: numbers(vocabulary * hidden, 1),
    positions: numbers(MOST_POSITIONS * hidden, 0.5),
    blocks: [block(), block()],
  };
}

export function computeSmall(model: SmallModel, style: Style, ids: readonly number[]): Computed {
  const { hidden: M, heads: H, vocabulary: V } = model;
  const N = ids.length;
  const x = new Float64Array(N * M);
  ids.forEach((id, t) => {
    for (let c = 0; c < M; c++) {
      x[t * M + c] =
        model.embedding[id * M + c]! + (style.learnedPositions ? model.positions[t * M + c]! : 0);
    }
  });
  const weights = model.blocks.map(block => {
    // Blocks may come from models of other widths and groups.
    const D = block.weight.q.length / (M * H);
    const G = block.weight.k.length / (M * D);
    const normed = norm(x, M, block.gain, style.norm);
    const part = (name: Projection, heads: number) => {
      const y = matMul(normed, block.weight[name], N, M);
      const width = heads * D;
      if (style.biased) y.forEach((value, at) => (y[at] = value + block.bias[name][at % width]!));
      if (style.rotary && name !== 'v') turn(y, N, heads, D);
      return y;
    };
    const [q, k, v] = [part('q', H), part('k', G), part('v', G)];
    const all = new Float64Array(H * N * N);
    const mixed = new Float64Array(N * H * D);
    for (let h = 0; h < H; h++) {
      const g = Math.floor((h * G) / H);
      for (let i = 0; i < N; i++) {
        const row = all.subarray((h * N + i) * N, (h * N + i + 1) * N);
        let total = 0;
        for (let j = 0; j < N; j++) {
          const isHidden = (style.causal && j > i) || Math.abs(i - j) >= (style.window ?? Infinity);
          if (isHidden) continue;
          let score = 0;
          for (let d = 0; d < D; d++) score += q[(i * H + h) * D + d]! * k[(j * G + g) * D + d]!;
          score *= style.scale ?? 1 / Math.sqrt(D);
          if (style.softcap !== undefined) score = style.softcap * Math.tanh(score / style.softcap);
          score += style.bias?.(h, j - i) ?? 0;
          total += row[j] = Math.exp(score);
        }
        for (let j = 0; j < N; j++) {
          row[j]! /= total;
          for (let d = 0; d < D; d++) mixed[(i * H + h) * D + d]! += row[j]! * v[(j * G + g) * D + d]!;
        }
      }
    }
    matMul(mixed, block.out, N, H * D).forEach((value, at) => (x[at]! += value));
    return all;
  });
  const logits = new Float64Array(N * V);
  for (let t = 0; t < N; t++) {
    for (let id = 0; id < V; id++) {
      for (let c = 0; c < M; c++) logits[t * V + id]! += x[t * M + c]! * model.embedding[id * M + c]!;
    }
  }
  return { weights, hidden: x, logits };
}

function matMul(x: Float64Array, w: Float32Array, N: number, inner: number): Float64Array {
  const out = w.length / inner;
  const y = new Float64Array(N * out);
  for (let t = 0; t < N; t++) {
    for (let o = 0; o < out; o++) {
      for (let c = 0; c < inner; c++) y[t * out + o]! += x[t * inner + c]! * w[c * out + o]!;
    }
  }
  return y;
}

function norm(x: Float64Array, M: number, gain: Float32Array, kind: Style['norm']): Float64Array {
  if (kind === 'none') return x.slice();
  const y = new Float64Array(x.length);
  for (let at = 0; at < x.length; at += M) {
    const row = x.subarray(at, at + M);
    const mean = kind === 'layer' ? row.reduce((sum, value) => sum + value, 0) / M : 0;
    const square = row.reduce((sum, value) => sum + (value - mean) ** 2, 0) / M;
    for (let c = 0; c < M; c++) y[at + c] = ((row[c]! - mean) / Math.sqrt(square + EPSILON)) * gain[c]!;
  }
  return y;
}

/** Angles of position `t`: `t / THETA^(2 pair / D)`. */
export function angle(t: number, pair: number, D: number): number {
  return t * THETA ** ((-2 * pair) / D);
}

/** `y [N, heads * D]`, pairs `(d, d + D / 2)`. */
function turn(y: Float64Array, N: number, heads: number, D: number): void {
  const half = D / 2;
  for (let t = 0; t < N; t++) {
    for (let h = 0; h < heads; h++) {
      for (let pair = 0; pair < half; pair++) {
        const at = (t * heads + h) * D + pair;
        const [a, b] = [y[at]!, y[at + half]!];
        const [c, s] = [Math.cos(angle(t, pair, D)), Math.sin(angle(t, pair, D))];
        y[at] = a * c - b * s;
        y[at + half] = b * c + a * s;
      }
    }
  }
}
