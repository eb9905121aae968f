/** Rotary position embedding as the model's graphs take it: tables of cos and sin. */

import { type Rotary, rotary } from '../math/rotary';
import { floats, type FloatTensor } from '../onnx/tensor';
import type { Rope } from './ropeConfig';

export type { Rotary } from '../math/rotary';

/** The rotation of a document of `N` tokens. */
export function rotaryOf({ period, theta, scaling }: Rope, tokens: number): Rotary {
  return rotary(period, theta, scaling, tokens);
}

/** For models that rotate nothing. */
export const UNROTATED: Rotary = { frequencies: new Float64Array(0), gain: 1 };

/** cos and sin for positions `start … end - 1`, each `[B, D / 2]`. */
export function rotaryTables(
  { frequencies, gain }: Rotary,
  start: number,
  end: number,
): { cos: FloatTensor; sin: FloatTensor } {
  const pairs = frequencies.length;
  const cos = floats([end - start, pairs]);
  const sin = floats([end - start, pairs]);
  for (let position = start; position < end; position++) {
    for (let pair = 0; pair < pairs; pair++) {
      const angle = position * frequencies[pair]!;
      const at = (position - start) * pairs + pair;
      cos.data[at] = gain * Math.cos(angle);
      sin.data[at] = gain * Math.sin(angle);
    }
  }
  return { cos, sin };
}
