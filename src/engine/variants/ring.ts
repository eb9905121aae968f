/**
 * Ring attention: the keys lie in `shards` runs of equal length, as on so many devices; each gives the
 * largest score, the sum and the output of its keys, and merging these is exactly dense attention.
 *
 * Li et al. 2021, sequence parallelism, arXiv 2105.13120, section 3.2, with the merge of partial softmaxes
 * of Milakov and Gimelshein 2018, arXiv 1805.02867, section 3.
 */

import { Problem } from '../../protocol/problem';
import { floats, type FloatTensor } from '../onnx/tensor';
import { keyIndex, ranges } from './primitives/keys';
import { mergeParts, type Part, partShares, wholeKeys, wholeRow } from './primitives/mergedParts';
import { headOf, scaleOf, takeRows, variant } from './primitives/mixer';
import { causal, integer, scale } from './primitives/params';
import { planNode } from './primitives/planNode';
import { softmaxReference } from './primitives/selection';
import { softmaxAttend } from './primitives/softmaxRows';

export const ring = variant({
  id: 'ring',
  title: 'Ring of shards',
  summary: 'Dense attention computed shard by shard of the keys, and merged exactly.',
  source: 'arXiv 2105.13120',
  trainingClass: 'TF',
  cost: 'N²/shards each',
  plan: ['shards'],
  params: {
    shards: integer(4, 1, 4096, 'Shards of the keys; each has the same number of tokens, but for the last.'),
    causal,
    scale,
  },
  prefixStable: ({ causal }) => causal,
  examples: [
    { params: {} },
    { params: { shards: 7, causal: false } },
    { params: { shards: 1 } },
    { params: { shards: 11, scale: 0.5 } },
  ],

  open(layer, { shards, causal, scale }) {
    const { executor, q, k, v, tokens, position } = layer;
    const [heads, , width] = q.shape as [number, number, number];
    if (position?.factor !== undefined)
      throw new Problem(
        "Shards are merged as distributions, which a factor on the weights, as 'urpe' has, makes them no longer.",
      );
    const groups = k.shape[0]!;
    const size = Math.ceil(tokens / shards);
    const count = Math.ceil(tokens / size);
    const shard = (c: number): [number, number] => [c * size, (c + 1) * size];
    const everyHead = Array.from({ length: heads }, (_, head) => head);

    /** Every shard's part of these rows, for all heads or for one. */
    async function partsOf(queries: readonly number[], called: readonly number[]): Promise<Part[]> {
      const one = called.length === 1 && heads > 1 ? called[0]! : undefined;
      const part = (x: FloatTensor) =>
        one === undefined ? x : headOf(x, Math.floor((one * x.shape[0]!) / heads));
      const streams = one === undefined ? groups : 1;
      const rows = takeRows(part(q), queries).data;
      const until = causal ? queries.at(-1)! + 1 : tokens;
      const parts: Part[] = [];
      for (let c = 0; c < count && c * size < until; c++) {
        const keys = keyIndex(ranges(until, shard(c)));
        const result = await softmaxAttend(
          {
            executor,
            q: floats([streams, called.length / streams, queries.length, width], rows),
            k: part(k),
            v: part(v),
            scale: scaleOf(scale, width),
            causal,
            queries: Float32Array.from(queries),
            keys,
            mayBeEmpty: true,
            position: position && { term: position, heads: called },
          },
          true,
        );
        parts.push({ keys, result });
      }
      return parts;
    }

    return {
      cost: ({ start, end }) => (causal ? end : tokens) * (end - start),
      async attend({ start, end }) {
        const queries = Array.from({ length: end - start }, (_, b) => start + b);
        const parts = await partsOf(queries, everyHead);
        return mergeParts({ parts, causal, queryOf: row => start + (row % queries.length) });
      },
      async row(head, query) {
        const parts = await partsOf([query], [head]);
        return { keys: wholeKeys(parts), weights: wholeRow(parts, partShares(parts), 0) };
      },
      async rows({ start, end }) {
        const queries = Array.from({ length: end - start }, (_, b) => start + b);
        const parts = await partsOf(queries, everyHead);
        const shares = partShares(parts);
        const keys = wholeKeys(parts);
        return (head, query) => {
          const row = head * queries.length + query - start;
          const weights = wholeRow(parts, shares.subarray(row * parts.length, (row + 1) * parts.length), row);
          const seen = causal ? query + 1 : tokens;
          return { keys: keys.subarray(0, seen), weights: weights.subarray(0, seen) };
        };
      },
      // The mass on a node is then the mass of a shard.
      structure: () =>
        Array.from({ length: count }, (_, c) =>
          planNode('shard', `shard ${c + 1} of ${count}`, ranges(tokens, shard(c))),
        ),
    };
  },

  reference: (inputs, { causal }) => softmaxReference(inputs, (i, j) => !causal || j <= i),
});
