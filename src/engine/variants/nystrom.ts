/**
 * Nyström attention: `M = softmax(Q K̃ᵀ) · pinv(softmax(Q̃ K̃ᵀ)) · softmax(Q̃ Kᵀ)`, scores scaled, with
 * landmarks `Q̃`, `K̃` the means of `m` runs of tokens; the first `N mod m` runs hold one token more. It
 * sees both ways.
 *
 * Xiong et al. 2021, arXiv 2102.03902, equations 13 to 16. The start of the inverse is each head's own.
 */

import { floats, type FloatTensor } from '../onnx/tensor';
import { bidirectional, requireBidirectional } from './primitives/bidirectional';
import { latentMixer, ofHead, slotCall } from './primitives/latent';
import { type Layer, type Mixer, scaleOf, takeRows, variant } from './primitives/mixer';
import { integer, type Params, scale } from './primitives/params';
import { pseudoInverse } from './primitives/pseudoInverse';
import { evenSegments } from './primitives/evenSegments';
import { meanPool, repeatHeads, segmentNodes } from './primitives/segments';
import { softmaxAttend, softmaxWeights } from './primitives/softmaxRows';
import { tokenSums } from './primitives/tokenSums';
import { nystromReference } from './nystrom.reference';

const params = {
  landmarks: integer(64, 1, 4096, 'Runs of tokens whose mean query and key stand for the document.'),
  iterations: integer(6, 1, 64, 'Steps of the pseudo-inverse.'),
  causal: bidirectional,
  scale,
};

export type NystromParams = Params<typeof params>;

export const nystrom = variant({
  id: 'nystrom',
  title: 'Nyström',
  summary: 'A token sees every token through the landmarks: means of runs of the document.',
  source: 'arXiv 2102.03902',
  trainingClass: 'TF',
  cost: 'N·landmarks',
  plan: ['landmarks'],
  distribution: false,
  params,
  examples: [
    { params: { landmarks: 8 } },
    { params: { landmarks: 13, iterations: 3 } },
    { params: { landmarks: 16, scale: 0.1 } },
  ],
  open,
  reference: nystromReference,
});

/** Landmarks that meet all keys in one call. */
const TOGETHER = 16;

async function open(
  layer: Layer,
  { landmarks, iterations, causal, scale: given }: NystromParams,
): Promise<Mixer> {
  requireBidirectional('nystrom', causal);
  const { q, k, v, tokens, executor } = layer;
  const [heads, , width] = q.shape as [number, number, number];
  const groups = k.shape[0]!;
  const factor = scaleOf(given, width);
  const runs = evenSegments(landmarks, tokens);
  const count = runs.count;
  const queries = meanPool(q, runs);
  const all = Array.from({ length: count }, (_, c) => c);
  const keys = takeRows(repeatHeads(meanPool(k, runs), heads), all);
  const rows = (chunk: readonly number[]) => takeRows(queries, chunk).data;

  const between = await softmaxWeights(
    slotCall(layer, floats([heads, 1, count, width], rows(all)), keys, keys, count, factor),
  );
  const inverse = await pseudoInverse(executor, unpadded(between, heads, count), iterations);

  const read = floats([heads, count, v.shape[2]!]);
  for (let first = 0; first < count; first += TOGETHER) {
    const chunk = all.slice(first, first + TOGETHER);
    const asked = floats([groups, heads / groups, chunk.length, width], rows(chunk));
    const { y } = await softmaxAttend(slotCall(layer, asked, k, v, tokens, factor));
    const size = chunk.length * v.shape[2]!;
    for (let head = 0; head < heads; head++) {
      read.data.set(y.subarray(head * size, (head + 1) * size), (head * count + first) * v.shape[2]!);
    }
  }

  /** The landmarks' own rows over all tokens, of the head asked for last: `[m, N]`, padded. */
  let reading: { readonly head: number; readonly rows: Promise<Float32Array> } | undefined;
  function readingOf(head: number): Promise<Float32Array> {
    if (reading?.head !== head) {
      const asked = ofHead(queries, head).data.slice(0, count * width);
      const group = Math.floor((head * groups) / heads);
      const call = slotCall(
        layer,
        floats([1, 1, count, width], asked),
        ofHead(k, group),
        ofHead(v, group),
        tokens,
        factor,
      );
      reading = { head, rows: softmaxWeights(call) };
    }
    return reading.rows;
  }

  const mixer = latentMixer(layer, {
    slots: count,
    keys,
    values: await tokenSums(executor, inverse, read),
    scale: factor,
    async spread(head, shares) {
      const rows = await readingOf(head);
      const stride = rows.length / count;
      const row = new Float32Array(tokens);
      for (let c = 0; c < count; c++) {
        let weight = 0;
        for (let b = 0; b < count; b++) weight += shares[b]! * inverse.data[(head * count + b) * count + c]!;
        for (let j = 0; j < tokens; j++) row[j]! += weight * rows[c * stride + j]!;
      }
      return row;
    },
    structure: () => segmentNodes(runs, 'landmark'),
  });
  return { ...mixer, kept: () => count * (groups * width + heads * v.shape[2]!) };
}

/** `[H, m, K] -> [H, m, m]` */
function unpadded(weights: Float32Array, heads: number, count: number): FloatTensor {
  const squares = floats([heads, count, count]);
  const stride = weights.length / (heads * count);
  for (let row = 0; row < heads * count; row++) {
    squares.data.set(weights.subarray(row * stride, row * stride + count), row * count);
  }
  return squares;
}
