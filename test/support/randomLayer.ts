/** Layers of normal numbers for tests of variants. */

import { floats } from '../../src/engine/onnx/tensor';
import type { Executor } from '../../src/engine/onnx/graph';
import { type Example, type Layer, paddedLength } from '../../src/engine/variants/primitives/mixer';
import { normal, random } from './random';

export const HEADS = 4;
export const GROUPS = 2;
export const WIDTH = 8;

export function randomLayer(executor: Executor, tokens: number, tensors: Layer['tensors'] = {}): Layer {
  const uniform = random(tokens);
  const heads = (count: number, width: number) => {
    const padded = paddedLength(tokens);
    const x = floats([count, padded, width]);
    for (let head = 0; head < count; head++) {
      const from = head * padded * width;
      for (let at = 0; at < tokens * width; at++) x.data[from + at] = normal(uniform);
    }
    return x;
  };
  const [q, k, v] = [heads(HEADS, WIDTH), heads(GROUPS, WIDTH), heads(GROUPS, WIDTH + 3)];
  const units = () => Int32Array.from({ length: tokens }, (_, i) => Math.floor(i / 17));
  return { executor, index: 0, count: 1, tokens, q, k, v, units, tensors };
}

/** With the tensors of a variant's example, and values as wide as keys, as examples give them. */
export function exampleLayer(executor: Executor, tokens: number, example: Example): Layer {
  const uniform = random(7);
  const sizes = { heads: HEADS, tokens, width: WIDTH, normal: () => normal(uniform) };
  const layer = randomLayer(executor, tokens, example.tensors?.(sizes));
  return { ...layer, v: layer.k };
}

/** A head's vector of `[H, P, D]` or `[G, P, D]` in float64. */
export function vectorAt(x: Layer['q'], head: number, token: number): Float64Array {
  const [heads, stride, width] = x.shape as [number, number, number];
  const at = (Math.floor((head * heads) / HEADS) * stride + token) * width;
  return Float64Array.from(x.data.subarray(at, at + width));
}

/** What a variant's own reference takes, for `[H, N, D]` of the layer. */
export function referenceInputs(layer: Layer, givenScale = 0) {
  const { tokens, units, tensors } = layer;
  const scale = givenScale === 0 ? 1 / Math.sqrt(WIDTH) : givenScale;
  const flat = (x: Layer['q']) => {
    const all = new Float32Array(HEADS * tokens * WIDTH);
    for (let head = 0; head < HEADS; head++) {
      for (let i = 0; i < tokens; i++) all.set(vectorAt(x, head, i), (head * tokens + i) * WIDTH);
    }
    return all;
  };
  const score = (head: number, i: number, j: number) =>
    scale * product(vectorAt(layer.q, head, i), vectorAt(layer.k, head, j));
  return {
    heads: HEADS,
    tokens,
    score,
    q: flat(layer.q),
    k: flat(layer.k),
    width: WIDTH,
    scale,
    units,
    tensors,
  };
}

export function product(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0;
  for (let d = 0; d < a.length; d++) sum += a[d]! * b[d]!;
  return sum;
}
