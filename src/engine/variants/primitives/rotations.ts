/** The rotations that hashing rounds project on. */

import { Problem } from '../../../protocol/problem';
import type { FloatTensor } from '../../onnx/tensor';
import type { Tensors } from './mixer';
import { ownTensor } from './ownTensor';
import { drawn, seeded } from './seeded';

interface Wanted {
  /** A number, or a word for an even number near `N / 64`. */
  readonly buckets: number | string;
  readonly rounds: number;
  readonly seed: number;
}

/**
 * `[D, rounds, buckets / 2]`: the tensor `rotations`, or normal numbers drawn by the seed.
 *
 * @throws Problem for an odd number of buckets.
 */
export function rotationsOf(
  tensors: Tensors,
  tokens: number,
  width: number,
  { buckets, rounds, seed }: Wanted,
): FloatTensor {
  const given = ownTensor(tensors, 'rotations', [width, 'rounds', 'buckets / 2']);
  if (given !== undefined) return given;
  const count = typeof buckets === 'number' ? buckets : 2 * Math.max(1, Math.round(tokens / 128));
  if (count % 2 !== 0) {
    throw new Problem(`The parameter 'buckets' of 'lsh' takes an even number, but it is ${count}.`);
  }
  return drawn([width, rounds, count / 2], seeded(seed).normal);
}
