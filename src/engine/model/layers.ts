/** Parts that decoder architectures share, as graph expressions over weights left on disk. */

import type { GraphBuilder } from '../onnx/builder';
import type { Value } from '../onnx/graph';
import type { ElementType } from '../onnx/tensor';
import type { TensorEntry } from './tensor';

const ELEMENT_TYPES: Readonly<Partial<Record<TensorEntry['dtype'], ElementType>>> = {
  F32: 'float32',
  F16: 'float16',
  BF16: 'bfloat16',
};

/** Brings weights of a checkpoint into a graph by name. */
export class Weights {
  readonly #tensors: ReadonlyMap<string, TensorEntry>;

  constructor(tensors: ReadonlyMap<string, TensorEntry>) {
    this.#tensors = tensors;
  }

  get(g: GraphBuilder, name: string): Value {
    const entry = this.#tensors.get(name);
    const type = entry && ELEMENT_TYPES[entry.dtype];
    if (entry === undefined || type === undefined)
      throw new Error(`The checkpoint has no float tensor ${name}.`);
    return g.weight(name, type, entry.shape, entry);
  }

  /** `x [B, I] -> [B, O]` with `name.weight [O, I]` and, where the checkpoint has it, `name.bias [O]`. */
  linear(g: GraphBuilder, x: Value, name: string): Value {
    const bias = this.#tensors.has(`${name}.bias`) ? this.get(g, `${name}.bias`) : undefined;
    return g.linear(x, this.get(g, `${name}.weight`), bias);
  }
}

/** RMSNorm (arXiv 1910.07467): `x / sqrt(mean(x²) + epsilon) · weight` over the last axis. */
export function rmsNorm(g: GraphBuilder, x: Value, weight: Value, epsilon: number): Value {
  const meanSquare = g.reduce('ReduceMean', g.mul(x, x), -1, true);
  return g.mul(g.div(x, g.unary('Sqrt', g.add(meanSquare, epsilon))), weight);
}

export function silu(g: GraphBuilder, x: Value): Value {
  return g.mul(x, g.unary('Sigmoid', x));
}

/** `[B, H * D] -> [H, B, D]` */
export function splitHeads(g: GraphBuilder, x: Value, heads: number, width: number): Value {
  return g.transpose(g.reshape(x, ['B', heads, width]), 1, 0, 2);
}

/** `[H, B, D] -> [B, H * D]` */
export function mergeHeads(g: GraphBuilder, x: Value, heads: number, width: number): Value {
  return g.reshape(g.transpose(x, 1, 0, 2), ['B', heads * width]);
}

/** Rotates pairs `(d, d + D / 2)` of `x [H, B, D]` by `cos, sin [B, D / 2]` (arXiv 2104.09864). */
export function rotate(g: GraphBuilder, x: Value, cos: Value, sin: Value, width: number): Value {
  const half = width / 2;
  const a = g.slice(x, 2, 0, half, half);
  const b = g.slice(x, 2, half, width, half);
  return g.concat([g.sub(g.mul(a, cos), g.mul(b, sin)), g.add(g.mul(b, cos), g.mul(a, sin))], 2);
}

/** How many predictions are kept for every token. */
export const PREDICTIONS = 5;

/**
 * From logits `[B, V]` and the tokens that follow, `[B, 1]`: `loss [B]` in nats, and the best
 * predictions with their log probabilities, each `[B, PREDICTIONS]`.
 */
export function scoreLogits(g: GraphBuilder, logits: Value, targets: Value, vocabulary: number): void {
  const largest = g.reduce('ReduceMax', logits, 1, true);
  const powers = g.unary('Exp', g.sub(logits, largest));
  const logSum = g.add(g.unary('Log', g.reduce('ReduceSum', powers, 1, true)), largest);
  g.output('loss', g.sub(logSum, g.gatherElements(logits, targets, 1)));
  const best = g.topK(logits, Math.min(PREDICTIONS, vocabulary));
  g.output('logProbability', g.sub(best.values, logSum));
  g.output('prediction', best.indices);
}
