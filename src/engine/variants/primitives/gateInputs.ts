/** What asks for a segment and what stands for one, in gates over cached states. */

import { Problem } from '../../../protocol/problem';
import { floats, type FloatTensor, showShape } from '../../onnx/tensor';
import type { Layer } from './mixer';
import { headTensor, ownTensor } from './ownTensor';

export interface GateInputs {
  /** `[H, N or more, X]`: `u` of every token. */
  readonly asking: FloatTensor;
  /** `[1, G or H, N or more, X]`: what is pooled over a segment. */
  readonly pooled: FloatTensor;
}

/**
 * From the tensors `x` and `W_u`, or `u`; without them queries ask and keys are pooled. They are pooled too
 * where `W_u` leads from the width of `x` to theirs.
 *
 * @throws Problem for tensors that do not fit the layer or one another.
 */
export function gateInputs({ tensors, tokens, q, k }: Layer): GateInputs {
  const [heads, , width] = q.shape as [number, number, number];
  const x = ownTensor(tensors, 'x', [tokens, 'X'], [1, tokens, 'X'], [heads, tokens, 'X']);
  const pooled =
    x === undefined ? k : floats([x.shape.length === 2 ? 1 : x.shape[0]!, tokens, x.shape.at(-1)!], x.data);
  const size = pooled.shape[2]!;
  const u = headTensor(tensors, 'u', heads, [tokens, size]);
  if (u !== undefined) return { asking: u, pooled };
  const from = x?.shape.at(-1) ?? width;
  const W = headTensor(tensors, 'W_u', heads, [from, size], [from, width]);
  if (W === undefined && x === undefined) return { asking: q, pooled };
  if (W === undefined)
    throw new Problem(`With the tensor 'x' ${showShape(x!.shape)}, 'W_u' [${size}, ${size}] is needed too.`);
  // A width that only keys have says that keys are what is pooled.
  return {
    asking: applied(x === undefined ? q : pooled, W, heads),
    pooled: W.shape[2] === size ? pooled : k,
  };
}

/** `x W` for every head. */
function applied(x: FloatTensor, W: FloatTensor, heads: number): FloatTensor {
  const [rows, stride, width] = x.shape as [number, number, number];
  const size = W.shape[2]!;
  const result = floats([heads, stride, size]);
  for (let head = 0; head < heads; head++) {
    const from = Math.floor((head * rows) / heads) * stride;
    for (let t = 0; t < stride; t++) {
      for (let d = 0; d < width; d++) {
        const value = x.data[(from + t) * width + d]!;
        for (let e = 0; e < size; e++)
          result.data[(head * stride + t) * size + e]! += value * W.data[(head * width + d) * size + e]!;
      }
    }
  }
  return result;
}
