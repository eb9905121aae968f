/** Random numbers from a seed: equal seeds give equal numbers on every machine. */

import { floats, type FloatTensor } from '../../onnx/tensor';
import { integer } from './params';

/** Of every variant that draws what it is not given. */
export const seed = integer(0, 0, 2 ** 31 - 1, 'Draws what the variant is not given; equal seeds agree.');

export interface Seeded {
  /** From 0 up to but not including 1. */
  uniform(): number;
  /** Standard normal. */
  normal(): number;
  /** A whole number from 0 up to but not including `limit`. */
  below(limit: number): number;
}

/** `streams` tell apart independent uses of one seed. */
export function seeded(seed: number, ...streams: readonly number[]): Seeded {
  let state = streams.reduce((mixed, stream) => scramble(mixed ^ scramble(stream + 1)), scramble(seed));
  let spare: number | undefined;

  const uniform = () => {
    state = (state + 0x9e3779b9) | 0;
    return (scramble(state) >>> 0) / 2 ** 32;
  };

  return {
    uniform,
    below: limit => Math.floor(uniform() * limit),
    normal() {
      if (spare !== undefined) {
        const value = spare;
        spare = undefined;
        return value;
      }
      const radius = Math.sqrt(-2 * Math.log(1 - uniform()));
      const angle = 2 * Math.PI * uniform();
      spare = radius * Math.sin(angle);
      return radius * Math.cos(angle);
    },
  };
}

/** Spreads a change of any bit over all 32. */
function scramble(bits: number): number {
  let x = bits | 0;
  x = Math.imul(x ^ (x >>> 16), 0x85ebca6b);
  x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35);
  return x ^ (x >>> 16);
}

/** A tensor of drawn numbers. */
export function drawn(shape: readonly number[], next: () => number): FloatTensor {
  const tensor = floats(shape);
  for (let at = 0; at < tensor.data.length; at++) tensor.data[at] = next();
  return tensor;
}

/** A tensor of standard normal numbers. */
export function seededNormal(seed: number, shape: readonly number[]): FloatTensor {
  return drawn(shape, seeded(seed).normal);
}
