/** What state-space layers share: a short causal convolution before the mixer, and parts of one projection. */

import type { GraphBuilder } from '../onnx/builder';
import type { Value } from '../onnx/graph';
import type { Activation } from './activations';
import type { Weights } from './weights';

/** Past the end of any axis. */
const END = 2 ** 31 - 1;

/** The block of `project` and the tokens before it that its convolution reaches. */
export interface ReachingBlock {
  /** `[O + B, M]` */
  readonly hidden: Value;
  /** `x [O + B, W]` with zeros before the document. */
  within(x: Value): Value;
}

/** @param overlap `O`; where it is 0 nothing is before the document. */
export function reachingBlock(g: GraphBuilder, hiddenSize: number, overlap: number): ReachingBlock {
  const rows = overlap === 0 ? 'B' : 'O+B';
  const hidden = g.input('hidden', 'float32', [rows, hiddenSize]);
  if (overlap === 0) return { hidden, within: x => x };
  const present = g.input('present', 'float32', [rows, 1]);
  return { hidden, within: x => g.mul(x, present) };
}

/** The rows `[O + B, W]` of the block itself, `[B, W]`. */
export function ownRows(g: GraphBuilder, x: Value, overlap: number): Value {
  return overlap === 0 ? g.reshape(x, ['B', x.shape[1]!]) : g.slice(x, 0, overlap, END, 'B');
}

/**
 * Every channel's own kernel over a token and those before it: `x [O + B, W]`, `name.weight [W, 1, K]` and, where the
 * checkpoint has it, `name.bias [W]`, with `O = K - 1`, give `[B, W]` behind the activation.
 */
export function causalConv(
  g: GraphBuilder,
  weights: Weights,
  x: Value,
  { name, kernel, act }: { readonly name: string; readonly kernel: number; readonly act: Activation },
): Value {
  const width = x.shape[1]!;
  const taps = weights.get(g, `${name}.weight`);
  let sum: Value | undefined;
  for (let tap = 0; tap < kernel; tap++) {
    const last = tap === kernel - 1;
    const rows = kernel === 1 ? ownRows(g, x, 0) : g.slice(x, 0, tap, last ? END : tap + 1 - kernel, 'B');
    const part = g.mul(rows, g.reshape(g.slice(taps, 2, tap, tap + 1, 1), [width]));
    sum = sum === undefined ? part : g.add(sum, part);
  }
  return act(g, weights.has(`${name}.bias`) ? g.add(sum!, weights.get(g, `${name}.bias`)) : sum!);
}

/** Outputs `start … end - 1` of the linear layer `name`, `x [R, I] -> [R, end - start]`. */
export function linearPart(
  g: GraphBuilder,
  weights: Weights,
  x: Value,
  name: string,
  [start, end]: readonly [number, number],
): Value {
  const part = (tensor: string) => g.slice(weights.get(g, tensor), 0, start, end, end - start);
  const bias = weights.has(`${name}.bias`) ? part(`${name}.bias`) : undefined;
  return g.linear(x, part(`${name}.weight`), bias);
}
