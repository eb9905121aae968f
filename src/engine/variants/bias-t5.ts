/**
 * T5's relative position bias: `s_ij + B[h, bucket(j - i)]`, `B` not scaled.
 *
 * Raffel et al. 2020, arXiv 1910.10683, section 2.1. Half of the buckets hold one distance each, the
 * others grow logarithmically to `max_distance`, with the logarithm in float32 as the published code has
 * it. Without causality keys after the query take the upper half of the buckets. The published models use
 * no factor on `q.k`: `scale=1`.
 */

import { Problem } from '../../protocol/problem';
import { modifier } from './modifier';
import type { Layer } from './primitives/mixer';
import { ownTensor } from './primitives/ownTensor';
import { integer, MOST_TOKENS } from './primitives/params';
import { planNode } from './primitives/planNode';
import { offsetNumbers } from './primitives/positionTerm';
import { drawn, seed, seededNormal } from './primitives/seeded';

interface Buckets {
  readonly buckets: number;
  readonly max_distance: number;
  readonly causal: boolean;
}

/** Of the published models. */
const BUCKETS = 32;

export const biasT5 = modifier({
  id: 'bias-t5',
  title: 'T5 buckets',
  summary: 'A learned number is added to the scores for each bucket of distances, a head.',
  source: 'arXiv 1910.10683',
  trainingClass: 'SP',
  plan: ['buckets'],
  params: {
    buckets: integer(
      32,
      4,
      65536,
      'Buckets of distances, as many as a given B has; without causality half of them look ahead.',
    ),
    max_distance: integer(128, 2, MOST_TOKENS, 'Distances from here on share the last bucket.'),
    seed,
  },
  tensors: {
    B: {
      shape: '[H, buckets] or [buckets, H]',
      origin: 'random',
      standIn: 'normal numbers drawn from `seed`',
    },
  },
  examples: [
    { params: { scale: 1 } },
    { params: { buckets: 8, max_distance: 16, seed: 3 } },
    {
      params: { buckets: 12, max_distance: 50, causal: false },
      tensors: ({ heads, normal }) => ({
        B: drawn([heads, 12], normal),
      }),
    },
    { params: { inner: 'fixed', block: 16, summary: 3, causal: false } },
  ],

  modified(layer, given) {
    const params = withBuckets(layer, given);
    const at = biases(layer, params);
    const last = layer.tokens - 1;
    const bucket = (offset: number) => bucketOf(offset, params);
    const bias = offsetNumbers(layer.q.shape[0]!, -last, params.causal ? 0 : last, (head, offset) =>
      at(head, bucket(offset)),
    );
    return { ...layer, position: { bias } };
  },

  score({ score, heads, tensors }, { buckets, max_distance, causal, seed }) {
    const B = tensors['B'] ?? seededNormal(seed, [heads, buckets]);
    return (h, i, j) => {
      const half = causal ? buckets : buckets / 2;
      const distance = causal ? Math.max(i - j, 0) : Math.abs(i - j);
      const exact = Math.floor(half / 2);
      let bucket = distance;
      if (distance >= exact) {
        const share = Math.log(distance / exact) / Math.log(max_distance / exact);
        bucket = Math.min(half - 1, exact + Math.floor(Math.fround(share * (half - exact))));
      }
      return score(h, i, j) + B.data[h * buckets + bucket + (!causal && j > i ? half : 0)]!;
    };
  },

  structure(layer, given, query) {
    if (query === undefined) return [];
    const { tokens } = layer;
    const params = withBuckets(layer, given);
    // A bucket's positions are a run: its ends are enough.
    const runs = new Map<number, [number, number]>();
    for (let j = 0; j < (params.causal ? query + 1 : tokens); j++) {
      const bucket = bucketOf(j - query, params);
      runs.set(bucket, [runs.get(bucket)?.[0] ?? j, j]);
    }
    return [...runs].map(([bucket, [first, last]]) => {
      const distances = [Math.abs(first - query), Math.abs(last - query)].sort((a, b) => a - b);
      const label = `bucket ${bucket}: distance ${distances.join(' to ')}`;
      return planNode('bucket', label, [first, last + 1]);
    });
  },
});

/** As many buckets as a given `B` has, where nobody says how many. */
function withBuckets<P extends Buckets>({ tensors, q }: Layer, params: P): P {
  const heads = q.shape[0]!;
  const lengths = tensors['B']?.shape;
  const isOpen = params.buckets === BUCKETS && lengths?.length === 2;
  if (!isOpen || lengths.includes(params.buckets) || !lengths.includes(heads)) return params;
  return { ...params, buckets: lengths[lengths[0] === heads ? 1 : 0]! };
}

/** The bucket of an offset `j - i`. */
export function bucketOf(offset: number, { buckets, max_distance, causal }: Buckets): number {
  const half = causal ? buckets : buckets / 2;
  const ahead = !causal && offset > 0 ? half : 0;
  const distance = causal ? Math.max(-offset, 0) : Math.abs(offset);
  const exact = Math.floor(half / 2);
  if (distance < exact) return ahead + distance;
  const { fround } = Math;
  const growth = fround(fround(Math.log(fround(distance / exact))) / fround(Math.log(max_distance / exact)));
  return ahead + Math.min(half - 1, exact + Math.floor(fround(growth * (half - exact))));
}

/** @throws Problem when the buckets do not divide, or distances have no room to grow. */
function biases({ tensors, q }: Layer, params: Buckets & { readonly seed: number }) {
  const { buckets, max_distance, causal } = params;
  const heads = q.shape[0]!;
  const half = causal ? buckets : buckets / 2;
  if (!Number.isInteger(half) || max_distance <= Math.floor(half / 2)) {
    throw new Problem(
      `'bias-t5' needs an even number of buckets without causality, and a 'max_distance' above the ` +
        `${Math.floor(half / 2)} distances with a bucket each; found ${buckets} buckets and ${max_distance}.`,
    );
  }
  const B =
    ownTensor(tensors, 'B', [heads, buckets], [buckets, heads]) ??
    seededNormal(params.seed, [heads, buckets]);
  const headFirst = B.shape[0] === heads && B.shape[1] === buckets;
  return (head: number, bucket: number) =>
    B.data[headFirst ? head * buckets + bucket : bucket * heads + head]!;
}
