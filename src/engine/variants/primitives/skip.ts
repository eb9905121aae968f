/** The skip of state-space layers, `y_i += D v_i`: beside the mixer matrix, and no part of its rows. */

import type { Block, Layer } from './mixer';
import { headTensor } from './ownTensor';
import { vectorOf } from './stateMemory';

/**
 * Adds the skip to a block's outputs `y [H, B, E]` in place, where the layer has a tensor `D`: `[H]`, or `[H, E]`
 * with a factor for every column.
 *
 * @throws Problem for a tensor of another shape.
 */
export function skipOf(layer: Layer): (block: Block, y: Float32Array) => Float32Array {
  const heads = layer.q.shape[0]!;
  const width = layer.v.shape[2]!;
  const factors = headTensor(layer.tensors, 'D', heads, [], [width]);
  if (factors === undefined) return (_, y) => y;
  const columns = factors.shape[1] ?? 1;
  return ({ start, end }, y) => {
    const { data } = factors;
    for (let head = 0; head < heads; head++) {
      for (let token = start; token < end; token++) {
        const value = vectorOf(layer.v, layer, head, token);
        const at = (head * (end - start) + token - start) * width;
        for (let e = 0; e < width; e++) {
          y[at + e]! += data[head * columns + (columns === 1 ? 0 : e)]! * value[e]!;
        }
      }
    }
    return y;
  };
}
