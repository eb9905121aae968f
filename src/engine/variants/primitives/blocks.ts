/** Blocks of equal length, as lists of keys and as ranges, and softmax over a set that depends on the head. */

import type { ReferenceInputs } from './mixer';

/** Tokens of the given blocks, in their order. */
export function expand(blocks: ArrayLike<number>, size: number, tokens: number): Int32Array {
  const ends = Array.from(blocks, c => Math.min(tokens, (c + 1) * size));
  const keys = new Int32Array(ends.reduce((sum, end, at) => sum + end - blocks[at]! * size, 0));
  let to = 0;
  ends.forEach((end, at) => {
    for (let j = blocks[at]! * size; j < end; j++) keys[to++] = j;
  });
  return keys;
}

/** The given blocks, as flat half-open pairs. */
export function blockRanges(blocks: ArrayLike<number>, size: number, tokens: number): number[] {
  return Array.from(blocks).flatMap(c => [c * size, Math.min(tokens, (c + 1) * size)]);
}

/** `M [H, N, N]` of a softmax over what each head's rule admits, by plain loops; rows that see nothing are 0. */
export function headwiseReference(
  { heads, tokens, score }: Pick<ReferenceInputs, 'heads' | 'tokens' | 'score'>,
  admits: (head: number, i: number, j: number) => boolean,
): Float64Array {
  const m = new Float64Array(heads * tokens * tokens);
  for (let row = 0; row < heads * tokens; row++) {
    const [h, i] = [Math.floor(row / tokens), row % tokens];
    const seen = Array.from({ length: tokens }, (_, j) => j).filter(j => admits(h, i, j));
    const scores = seen.map(j => score(h, i, j));
    const largest = scores.reduce((most, s) => Math.max(most, s), -Infinity);
    const powers = scores.map(s => Math.exp(s - largest));
    const sum = powers.reduce((total, power) => total + power, 0);
    seen.forEach((j, at) => (m[row * tokens + j] = powers[at]! / sum));
  }
  return m;
}
