/** Locality-sensitive hashing: tokens sorted by (bucket, position), a round at a time, and cut into chunks. */

import type { Executor } from '../../onnx/graph';
import { eachScores } from './tokenScores';

/** One round of one head. */
export interface HashRound {
  /** `[N]` */
  readonly buckets: Uint32Array;
  /** `[N']` positions in sorted order, `N` rounded up to whole chunks; padding has positions from `N` on. */
  readonly order: Int32Array;
  /** `[N]` where each token stands in that order. */
  readonly places: Int32Array;
}

export interface Hashing {
  readonly tokens: number;
  /** `D` */
  readonly width: number;
  /** `[D, rounds, buckets / 2]` */
  readonly rotations: Float32Array;
  readonly rounds: number;
  readonly chunk: number;
}

/** `bucket = argmax [x R ; -x R]`, the first of equals, for `x [P, D]` of a head. */
export async function hashRounds(
  executor: Executor,
  x: Float32Array,
  { tokens, width, rotations, rounds, chunk }: Hashing,
): Promise<HashRound[]> {
  const half = rotations.length / width / rounds;
  const found = Array.from({ length: rounds }, () => new Uint32Array(tokens));
  await eachScores(executor, { x, tokens, columns: rotations, width }, (start, count, scores) => {
    for (let i = 0; i < count; i++) {
      for (let round = 0; round < rounds; round++) {
        const from = (i * rounds + round) * half;
        let largest = -Infinity;
        let smallest = Infinity;
        let [first, opposite] = [0, 0];
        for (let b = 0; b < half; b++) {
          const score = scores[from + b]!;
          if (score > largest) [largest, first] = [score, b];
          if (score < smallest) [smallest, opposite] = [score, b];
        }
        found[round]![start + i] = largest >= -smallest ? first : half + opposite;
      }
    }
  });
  return found.map(buckets => sorted(buckets, tokens, 2 * half, chunk));
}

function sorted(buckets: Uint32Array, tokens: number, count: number, chunk: number): HashRound {
  const length = Math.ceil(tokens / chunk) * chunk;
  // Padding is a vector of zeros, which falls into the first bucket.
  const bucketOf = (i: number) => (i < tokens ? buckets[i]! : 0);
  const next = new Int32Array(count + 1);
  for (let i = 0; i < length; i++) next[bucketOf(i) + 1]! += 1;
  for (let b = 0; b < count; b++) next[b + 1]! += next[b]!;
  const order = new Int32Array(length);
  const places = new Int32Array(tokens);
  for (let i = 0; i < length; i++) {
    const place = next[bucketOf(i)]!++;
    order[place] = i;
    if (i < tokens) places[i] = place;
  }
  return { buckets, order, places };
}

/**
 * Writes the other tokens that token `i` meets in a round, ascending and without itself, into `keys` from
 * `to` on; at most `2 · chunk`. Returns where they end.
 */
export function putRoundKeys(
  { buckets, order, places }: HashRound,
  i: number,
  chunk: number,
  causal: boolean,
  keys: Int32Array,
  to: number,
): number {
  const place = places[i]!;
  const bucket = buckets[i]!;
  const tokens = buckets.length;
  const first = Math.floor(place / chunk) * chunk;
  const least = Math.max(0, first - chunk);
  const meets = (at: number) => order[at]! < tokens && buckets[order[at]!] === bucket;
  let end = to;
  let from = place;
  while (from > least && meets(from - 1)) from -= 1;
  for (let at = from; at < place; at++) keys[end++] = order[at]!;
  for (let at = place + 1; !causal && at < first + chunk && meets(at); at++) keys[end++] = order[at]!;
  return end;
}

/** The keys of one round alone. */
export function roundKeys(round: HashRound, i: number, chunk: number, causal: boolean): Int32Array {
  const keys = new Int32Array(Math.min(2 * chunk, round.order.length));
  return keys.subarray(0, putRoundKeys(round, i, chunk, causal, keys, 0));
}
