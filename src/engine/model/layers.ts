/** Parts that architectures share, as graph expressions. */

import type { GraphBuilder } from '../onnx/builder';
import type { Value } from '../onnx/graph';

/** RMSNorm (arXiv 1910.07467): `x / sqrt(mean(x²) + epsilon) · weight` over the last axis. */
export function rmsNorm(g: GraphBuilder, x: Value, weight: Value, epsilon: number): Value {
  const meanSquare = g.reduce('ReduceMean', g.mul(x, x), -1, true);
  return g.mul(g.div(x, g.unary('Sqrt', g.add(meanSquare, epsilon))), weight);
}

/** LayerNorm (arXiv 1607.06450) over the last axis. */
export function layerNorm(
  g: GraphBuilder,
  x: Value,
  weight: Value,
  bias: Value | undefined,
  epsilon: number,
): Value {
  const inputs = bias === undefined ? [x, weight] : [x, weight, bias];
  return g.node('LayerNormalization', inputs, { axis: -1, epsilon: { float: epsilon } }, x.type, x.shape);
}

/** `[B, H * D] -> [H, B, D]` */
export function splitHeads(g: GraphBuilder, x: Value, heads: number, width: number): Value {
  return g.transpose(g.reshape(x, ['B', heads, width]), 1, 0, 2);
}

/** `[H, B, D] -> [B, H * D]` */
export function mergeHeads(g: GraphBuilder, x: Value, heads: number, width: number): Value {
  return g.reshape(g.transpose(x, 1, 0, 2), ['B', heads * width]);
}

/** Columns of `x [B, ...]` in runs of the given widths, left to right. */
export function columns(g: GraphBuilder, x: Value, ...widths: readonly number[]): Value[] {
  let start = 0;
  return widths.map(width => {
    start += width;
    return g.slice(x, 1, start - width, start, width);
  });
}

/**
 * Rotates pairs `(d, d + R / 2)` of the first `R` numbers of `x [H, B, D]` by `cos, sin [B, R / 2]`
 * (arXiv 2104.09864); the rest stays.
 */
export function rotate(
  g: GraphBuilder,
  x: Value,
  cos: Value,
  sin: Value,
  width: number,
  rotated = width,
): Value {
  const half = rotated / 2;
  const a = g.slice(x, 2, 0, half, half);
  const b = g.slice(x, 2, half, rotated, half);
  const turned = [g.sub(g.mul(a, cos), g.mul(b, sin)), g.add(g.mul(b, cos), g.mul(a, sin))];
  const rest = rotated < width ? [g.slice(x, 2, rotated, width, width - rotated)] : [];
  return g.concat([...turned, ...rest], 2);
}

/** `tanh(x / cap) · cap`, which keeps scores within `±cap`; `x` itself where there is no cap. */
export function softcap(g: GraphBuilder, x: Value, cap: number | undefined): Value {
  return cap === undefined ? x : g.mul(g.unary('Tanh', g.div(x, cap)), cap);
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
