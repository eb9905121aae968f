/**
 * Hashed attention: in every round tokens are put into buckets by `argmax [x R ; -x R]`, sorted by
 * (bucket, position) and cut into chunks; a token sees the tokens of its bucket in its own chunk and the
 * one before it in the sorted order. The own position's logit is replaced by `-5e4`, and rounds are
 * combined by the softmax of their logsumexp: that is one softmax over the other tokens met, each counted
 * as often as it is met, and the token alone where there are none.
 *
 * Kitaev et al. 2020, Reformer, arXiv 2001.04451, equations 3 to 6. `x` is q, also where keys are not
 * shared. The padding that fills the last chunk is hashed as the vector of zeros that it is.
 */

import { lshReference } from './lsh.reference';
import { hashRounds, type HashRound, putRoundKeys, roundKeys } from './primitives/hashRounds';
import { headNodes, tokensByLabel } from './primitives/headNodes';
import { listedMixer } from './primitives/listed';
import { type Block, type Layer, type Mixer, variant } from './primitives/mixer';
import { normalised } from './primitives/normalised';
import { boolean, causal, integer, MOST_TOKENS, type Params, scale, size } from './primitives/params';
import { rotationsOf } from './primitives/rotations';
import { drawn, seed } from './primitives/seeded';
import { repeatHeads } from './primitives/segments';

const params = {
  buckets: size('N/64', ['N/64'], 'Buckets of a round, an even number; given rotations bring their own.'),
  chunk: integer(64, 1, MOST_TOKENS, 'Tokens of a chunk in the sorted order.'),
  rounds: integer(8, 1, 64, 'Times that tokens are hashed; given rotations bring their own.'),
  shared: boolean(true, 'Queries serve as keys too, normalised to length 1, as in the trained model.'),
  seed,
  causal,
  scale,
};

export type LshParams = Params<typeof params>;

export const lsh = variant({
  id: 'lsh',
  title: 'Hashed buckets',
  summary: 'A token sees earlier tokens that fall into its bucket in one of several rounds of hashing.',
  source: 'arXiv 2001.04451',
  trainingClass: 'WM',
  cost: 'N·log N',
  plan: ['buckets'],
  params,
  tensors: {
    rotations: {
      shape: '[D, rounds, buckets / 2]',
      origin: 'random',
      standIn: 'normal numbers drawn from `seed`',
    },
  },
  examples: [
    { params: { buckets: 4, chunk: 16, rounds: 2, seed: 1 } },
    {
      params: { chunk: 10 },
      tensors: ({ width, normal }) => ({ rotations: drawn([width, 3, 4], normal) }),
    },
    { params: { buckets: 16, chunk: 8, rounds: 4, shared: false } },
    { params: { buckets: 6, chunk: 12, rounds: 3, causal: false } },
    { params: {} },
  ],
  open,
  reference: lshReference,
});

/** Tokens in buckets of the whole plan, over which only some rounds are listed. */
const MOST_LISTED = 2 ** 20;

async function open(layer: Layer, params: LshParams): Promise<Mixer> {
  const { q, tokens, executor } = layer;
  const { chunk, causal, shared } = params;
  const [heads, stride, width] = q.shape as [number, number, number];
  const rotations = rotationsOf(layer.tensors, tokens, width, params);
  const [, rounds, half] = rotations.shape as [number, number, number];
  const hashing = { tokens, width, rotations: rotations.data, rounds, chunk };
  const hashed: HashRound[][] = [];
  for (let head = 0; head < heads; head++) {
    const x = q.data.subarray(head * stride * width, (head + 1) * stride * width);
    hashed.push(await hashRounds(executor, x, hashing));
  }

  const found = new Int32Array(rounds * Math.min(2 * chunk, hashed[0]![0]!.order.length));
  const times = new Uint8Array(tokens);

  /** Other tokens met, ascending, and the logarithms of how often. */
  function met(head: number, query: number): { keys: Int32Array; bias: Float32Array } {
    let end = 0;
    for (const round of hashed[head]!) end = putRoundKeys(round, query, chunk, causal, found, end);
    if (end === 0) return { keys: Int32Array.of(query), bias: Float32Array.of(0) };
    let count = 0;
    for (let at = 0; at < end; at++) {
      const key = found[at]!;
      if (times[key] === 0) found[count++] = key;
      times[key]! += 1;
    }
    const keys = found.slice(0, count).sort();
    const bias = new Float32Array(count);
    for (let at = 0; at < count; at++) {
      bias[at] = Math.log(times[keys[at]!]!);
      times[keys[at]!] = 0;
    }
    return { keys, bias };
  }

  const heldLayer = shared ? { ...layer, k: normalised(q), v: repeatHeads(layer.v, heads) } : layer;
  const mixer = listedMixer(heldLayer, {
    scale: params.scale,
    length: query => Math.min(causal ? query + 1 : tokens, rounds * chunk),

    async lists({ start }: Block) {
      const known = new Map<number, ReturnType<typeof met>>();
      const of = (head: number, query: number) => {
        const key = (query - start) * heads + head;
        const found = known.get(key) ?? met(head, query);
        known.set(key, found);
        return found;
      };
      return { keys: (head, query) => of(head, query).keys, bias: (head, query) => of(head, query).bias };
    },

    structure(query) {
      const listed = Math.max(1, Math.min(rounds, Math.floor(MOST_LISTED / (heads * tokens))));
      return headNodes(heads, tokens, 'bucket', head =>
        query === undefined
          ? hashed[head]!.slice(0, listed).flatMap(({ buckets }, round) =>
              tokensByLabel(buckets, 2 * half).map((members, bucket) => ({
                label: `round ${round + 1}, bucket ${bucket + 1}`,
                tokens: members,
              })),
            )
          : hashed[head]!.flatMap((round, at) => meeting(round, at, query)),
      );
    },
  });

  const [groups, , valueWidth] = layer.v.shape as [number, number, number];
  return {
    ...mixer,
    // With the bucket of every token in every round.
    kept: () => tokens * ((shared ? heads : groups) * width + groups * valueWidth + heads * rounds),
  };

  /** What a query meets in a round, and what it misses: tokens of its bucket that stand too far off. */
  function meeting(round: HashRound, at: number, query: number) {
    const { buckets } = round;
    const keys = roundKeys(round, query, chunk, causal);
    const name = `round ${at + 1}, bucket ${buckets[query]! + 1}`;
    const near = new Set([...keys, query]);
    const missed: number[] = [];
    for (let j = 0; j < (causal ? query : tokens); j++) {
      if (buckets[j] === buckets[query] && !near.has(j)) missed.push(j);
    }
    const sets = [{ label: name, tokens: keys }];
    return missed.length === 0 ? sets : [...sets, { label: `${name}, missed`, tokens: missed }];
  }
}
