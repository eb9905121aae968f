/** Locality-sensitive hashing: tokens sorted by (bucket, position), a round at a time, and cut into chunks. */

import { GraphBuilder } from '../../onnx/builder';
import type { Executor, Program } from '../../onnx/graph';
import { floats } from '../../onnx/tensor';
import { paddedLength, TILE } from './mixer';

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

/** Products of tokens and rotations that exist at once. */
const MOST = 2 ** 20;

/** `bucket = argmax [x R ; -x R]`, the first of equals, for `x [P, D]` of a head. */
export async function hashRounds(
  executor: Executor,
  x: Float32Array,
  { tokens, width, rotations, rounds, chunk }: Hashing,
): Promise<HashRound[]> {
  const half = rotations.length / width / rounds;
  const found = Array.from({ length: rounds }, () => new Uint32Array(tokens));
  const length = Math.min(
    paddedLength(tokens),
    Math.max(TILE, Math.floor(MOST / (rounds * half * TILE)) * TILE),
  );
  for (let start = 0; start < tokens; start += length) {
    const count = Math.min(length, tokens - start);
    const part = floats([length, width]);
    part.data.set(x.subarray(start * width, (start + count) * width));
    const results = await executor.run(program(rounds), {
      x: part,
      rotations: floats([width, rounds * half], rotations),
    });
    const array = (name: string) => results[name]!.data;
    const [largest, smallest] = [array('largest') as Float32Array, array('smallest') as Float32Array];
    const [first, opposite] = [array('first') as BigInt64Array, array('opposite') as BigInt64Array];
    for (let at = 0; at < count * rounds; at++) {
      found[at % rounds]![start + Math.floor(at / rounds)] =
        largest[at]! >= -smallest[at]! ? Number(first[at]!) : half + Number(opposite[at]!);
    }
  }
  return found.map(buckets => sorted(buckets, tokens, 2 * half, chunk));
}

/** Buckets of a run of tokens, found in the graph, so that no more than two numbers a round leave it. */
function program(rounds: number): Program {
  const key = `hash/${rounds}`;
  return {
    key,
    build() {
      const g = new GraphBuilder(key);
      const x = g.input('x', 'float32', ['T', 'D']);
      const rotated = g.matMul(x, g.input('rotations', 'float32', ['D', 'rounds*half']));
      const byRound = g.reshape(rotated, ['T', rounds, 'half']);
      // Left as int64: WebGPU has no cast from it.
      const place = (op: 'ArgMax' | 'ArgMin') =>
        g.node(op, [byRound], { axis: 2, keepdims: 0 }, 'int64', ['T', rounds]);
      g.output('largest', g.reduce('ReduceMax', byRound, 2));
      g.output('smallest', g.reduce('ReduceMin', byRound, 2));
      g.output('first', place('ArgMax'));
      g.output('opposite', place('ArgMin'));
      return g.build();
    },
  };
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
