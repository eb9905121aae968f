/**
 * Vector-quantised attention: `M = softmax(q . k̂ · scale)`, where `k̂_j` is the code nearest to key `j` by
 * Euclidean distance. Keys before the block of queries are summed up by code: a code takes part once,
 * with the logarithm of its count added to its score and the mean of its values.
 *
 * Lingle 2023, Transformer-VQ, arXiv 2309.16354, theorem 3.7. Without a given codebook the codes are
 * fitted to the document's keys by k-means, for every key-value head.
 */

import { floats, type FloatTensor } from '../onnx/tensor';
import { kMeans, nearestCodes } from './primitives/codebook';
import { codeStats } from './primitives/codeStats';
import { codeSums } from './primitives/codeSums';
import { headNodes, positionRanges, tokensByLabel } from './primitives/headNodes';
import { HIDDEN, NOWHERE } from './primitives/keys';
import { slotCall } from './primitives/latent';
import type { Slot } from './primitives/memory';
import {
  type Block,
  type Layer,
  type Mixer,
  paddedLength,
  type ReferenceInputs,
  scaleOf,
  takeRows,
  variant,
} from './primitives/mixer';
import { headTensor } from './primitives/ownTensor';
import { causal, integer, type Params, scale } from './primitives/params';
import { drawn, seed } from './primitives/seeded';
import { softmaxReference } from './primitives/selection';
import { softmaxAttend, softmaxWeights } from './primitives/softmaxRows';

const params = {
  codes: integer(64, 1, 65536, 'Codes that keys are rounded to; a given codebook brings its own.'),
  seed,
  causal,
  scale,
};

type VqParams = Params<typeof params>;

export const vq = variant({
  id: 'vq',
  title: 'Quantised keys',
  summary: 'A token sees every earlier token, with keys rounded to the nearest of a few codes.',
  source: 'arXiv 2309.16354',
  trainingClass: 'SP',
  cost: 'N·codes',
  plan: ['codes'],
  params,
  tensors: {
    codebook: { shape: '[H, C, D]', origin: 'fitted', standIn: "k-means over a head's keys" },
  },
  examples: [
    { params: { codes: 12, seed: 5 } },
    {
      params: {},
      tensors: ({ heads, width, normal }) => ({
        codebook: drawn([heads, 20, width], () => 1.2 * normal()),
      }),
    },
    { params: { codes: 7, causal: false } },
  ],
  open,
  reference: vqReference,
});

async function open(layer: Layer, { codes, seed, causal, scale: given }: VqParams): Promise<Mixer> {
  const { q, k, tokens, executor } = layer;
  const [heads, stride, width] = q.shape as [number, number, number];
  const [groups, , valueWidth] = layer.v.shape as [number, number, number];
  const factor = scaleOf(given, width);
  const group = (head: number) => Math.floor((head * groups) / heads);
  const codebook = headTensor(layer.tensors, 'codebook', heads, ['C', width]);

  const books: Float32Array[] = [];
  const labels: Int32Array[] = [];
  for (let head = 0; head < heads; head++) {
    if (codebook === undefined && head > 0 && group(head) === group(head - 1)) {
      books.push(books[head - 1]!);
      labels.push(labels[head - 1]!);
      continue;
    }
    const keys = k.data.subarray(group(head) * stride * width).subarray(0, tokens * width);
    const size = (codebook?.shape[1] ?? 0) * width;
    const book = codebook?.data.subarray(head * size, (head + 1) * size) ?? kMeans(keys, width, codes, seed);
    books.push(book);
    labels.push(await nearestCodes(executor, keys, tokens, book, width));
  }
  const count = books[0]!.length / width;
  const sums = codeSums(layer, labels, count);

  /** Scores of codes get `log count` through one more feature, `1 / scale` on the query's side. */
  function asked(rows: FloatTensor): FloatTensor {
    const [streams, length] = rows.shape as [number, number];
    const wide = floats([streams, 1, length, width + 1]);
    for (let row = 0; row < streams * length; row++) {
      wide.data.set(rows.data.subarray(row * width, (row + 1) * width), row * (width + 1));
      wide.data[row * (width + 1) + width] = 1 / factor;
    }
    return wide;
  }

  /** Writes the code vectors of `head` at `to`, with the logarithms of their counts. */
  function putCodes(keys: Float32Array, to: number, head: number, counts: Int32Array): void {
    for (let c = 0; c < count; c++) {
      const at = (to + c) * (width + 1);
      keys.set(books[head]!.subarray(c * width, (c + 1) * width), at);
      keys[at + width] = counts[c]! > 0 ? Math.log(counts[c]!) : HIDDEN;
    }
  }

  return {
    cost: ({ start, end }) => (end - start) * (count + (causal ? (end - start) / 2 : 0)),
    // Counts and sums of values; with the codes where they were fitted to the document.
    kept: () => count * (codebook ? heads * (1 + valueWidth) : groups * (1 + valueWidth + width)),

    async attend({ start, end }: Block) {
      const length = end - start;
      const own = causal ? length : 0;
      const until = causal ? start : tokens;
      const size = paddedLength(count + own);
      const keys = floats([heads, size, width + 1]);
      const values = floats([heads, size, valueWidth]);
      for (let head = 0; head < heads; head++) {
        putCodes(keys.data, head * size, head, sums.counts(head, until));
        values.data.set(sums.means(head, until), head * size * valueWidth);
        for (let b = 0; b < own; b++) {
          const code = labels[head]![start + b]!;
          const at = head * size + count + b;
          keys.data.set(books[head]!.subarray(code * width, (code + 1) * width), at * (width + 1));
          const from = (group(head) * stride + start + b) * valueWidth;
          values.data.set(layer.v.data.subarray(from, from + valueWidth), at * valueWidth);
        }
      }
      const positions = new Float32Array(size).fill(NOWHERE);
      positions.fill(-1, 0, count);
      for (let b = 0; b < own; b++) positions[count + b] = start + b;
      const queries = Array.from({ length }, (_, b) => start + b);
      const { y, weights } = await softmaxAttend(
        {
          executor,
          q: asked(takeRows(q, queries)),
          k: keys,
          v: values,
          scale: factor,
          causal: true,
          queries: Float32Array.from(queries),
          keys: { count: count + own, rows: Int32Array.from(positions, (_, row) => row), positions },
        },
        causal,
      );
      const rows = { heads, block: { start, end }, codes: count, labels, sums, weights };
      return { y, stats: causal ? codeStats(rows) : undefined };
    },

    async row(head, query) {
      const seen = causal ? query + 1 : tokens;
      const counts = sums.counts(head, seen);
      const keys = floats([1, paddedLength(count), width + 1]);
      putCodes(keys.data, 0, head, counts);
      const at = (head * stride + query) * width;
      const one = floats([1, 1, width], q.data.subarray(at, at + width));
      const shares = await softmaxWeights(slotCall(layer, asked(one), keys, keys, count, factor));
      const labelled = labels[head]!.subarray(0, seen);
      return {
        keys: Int32Array.from(labelled, (_, j) => j),
        weights: Float32Array.from(labelled, code => shares[code]! / counts[code]!),
      };
    },

    memoryAt: (head, query) =>
      Promise.resolve({
        kind: 'slots',
        about: `Keys are rounded to ${count} codes; a code holds the mean value of its tokens, and takes part once for all of them.`,
        strength: { title: 'Count', help: 'Tokens whose key is nearest to the code, up to the token' },
        slots: tokensByLabel(labels[head]!, count).map((members, c): Slot => {
          const seen = causal ? members.filter(token => token <= query) : members;
          const dead = members.length === 0 ? ', dead' : '';
          return {
            label: `code ${c + 1}${dead}`,
            status: seen.length === 0 ? 'empty' : 'kept',
            ranges: positionRanges(seen),
            strength: seen.length,
          };
        }),
      }),

    structure: () =>
      headNodes(heads, tokens, 'code', head =>
        tokensByLabel(labels[head]!, count).map((members, c) => ({
          label: members.length === 0 ? `code ${c + 1}, dead` : `code ${c + 1}, ${members.length} tokens`,
          tokens: members,
        })),
      ),
  };
}

/** Each key is replaced by its nearest code, and softmax goes over all tokens. */
function vqReference(inputs: ReferenceInputs, { codes, seed, causal }: VqParams): Float64Array {
  const { heads, tokens, width, q, k, scale, tensors } = inputs;
  const rounded = new Float32Array(k.length);
  for (let h = 0; h < heads; h++) {
    const keys = k.subarray(h * tokens * width, (h + 1) * tokens * width);
    const given = tensors['codebook'];
    const size = (given?.shape[1] ?? 0) * width;
    const book = given?.data.subarray(h * size, (h + 1) * size) ?? kMeans(keys, width, codes, seed);
    for (let j = 0; j < tokens; j++) {
      const key = keys.subarray(j * width, (j + 1) * width);
      const distance = (c: number) =>
        key.reduce((sum, value, d) => sum + (value - book[c * width + d]!) ** 2, 0);
      let best = 0;
      for (let c = 1; c * width < book.length; c++) if (distance(c) < distance(best)) best = c;
      rounded.set(book.subarray(best * width, (best + 1) * width), (h * tokens + j) * width);
    }
  }
  const score = (h: number, i: number, j: number) => {
    let sum = 0;
    for (let d = 0; d < width; d++)
      sum += q[(h * tokens + i) * width + d]! * rounded[(h * tokens + j) * width + d]!;
    return sum * scale;
  };
  return softmaxReference({ heads, tokens, score }, (i, j) => !causal || j <= i);
}
