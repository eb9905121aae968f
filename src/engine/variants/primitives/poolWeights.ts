/** How a segment's summary weighs its tokens: `w_j >= 0`, sum 1 over each segment. */

import { floats, type FloatTensor } from '../../onnx/tensor';
import { keyIndex } from './keys';
import { type Layer, paddedLength, takeRows } from './mixer';
import { meanPool, repeatHeads, type Segments } from './segments';
import { softmaxAttend, type SoftmaxCall, softmaxWeights } from './softmaxRows';

export interface PoolWeights {
  weight(head: number, token: number): number;
  /** Sum of the weights of the segment's tokens before `token`. */
  before(head: number, token: number): number;
  /** Nats, of a segment's weights. */
  entropy(head: number, segment: number): number;
  peak(head: number, segment: number): number;
}

/** Weights and the values they pool: `summaries [H, C', E]`. */
export interface Pooling {
  readonly weights: PoolWeights;
  readonly summaries: FloatTensor;
}

export function meanPooling(layer: Layer, segments: Segments): Pooling {
  const { starts, of } = segments;
  const length = (segment: number) => starts[segment + 1]! - starts[segment]!;
  return {
    summaries: repeatHeads(meanPool(layer.v, segments), layer.q.shape[0]!),
    weights: {
      weight: (_, token) => 1 / length(of[token]!),
      before: (_, token) => (token - starts[of[token]!]!) / length(of[token]!),
      entropy: (_, segment) => Math.log(length(segment)),
      peak: (_, segment) => 1 / length(segment),
    },
  };
}

/** Tokens of segments pooled in one call. */
const CHUNK = 4096;

/** Each segment's mean query attends to the segment's own keys. `pooledQueries` is `[H, C', D]`. */
export async function softmaxPooling(
  layer: Layer,
  segments: Segments,
  pooledQueries: FloatTensor,
  scale: number,
): Promise<Pooling> {
  const { q, k, v, tokens } = layer;
  const [heads, , width] = q.shape as [number, number, number];
  const groups = k.shape[0]!;
  const valueWidth = v.shape[2]!;
  const padded = paddedLength(segments.count);
  const summaries = floats([heads, padded, valueWidth]);
  const weights = new Float32Array(heads * tokens);
  const entropy = new Float32Array(heads * segments.count);
  const peak = new Float32Array(heads * segments.count);

  for (let first = 0; first < segments.count;) {
    let last = first + 1;
    while (last < segments.count && segments.starts[last + 1]! - segments.starts[first]! <= CHUNK) last += 1;
    const chunk = Array.from({ length: last - first }, (_, c) => first + c);
    const from = segments.starts[first]!;
    const keys = keyIndex([from, segments.starts[last]!]);
    const call: SoftmaxCall = {
      executor: layer.executor,
      q: floats([groups, heads / groups, chunk.length, width], takeRows(pooledQueries, chunk).data),
      k,
      v,
      scale,
      causal: false,
      queries: Float32Array.from(chunk, c => segments.starts[c]!),
      keys,
      rule: SAME_SEGMENT,
      labels: {
        segment: {
          queries: Float32Array.from(chunk),
          keys: Float32Array.from(keys.rows, j => segments.of[j]!),
        },
      },
    };
    const { y, stats } = await softmaxAttend(call);
    const w = await softmaxWeights(call);
    for (let head = 0; head < heads; head++) {
      const row = head * chunk.length;
      summaries.data.set(
        y.subarray(row * valueWidth, (row + chunk.length) * valueWidth),
        (head * padded + first) * valueWidth,
      );
      entropy.set(stats.entropy.subarray(row, row + chunk.length), head * segments.count + first);
      peak.set(stats.peak.subarray(row, row + chunk.length), head * segments.count + first);
      for (let at = 0; at < keys.count; at++) {
        const segmentRow = row + segments.of[from + at]! - first;
        weights[head * tokens + from + at] = w[segmentRow * keys.rows.length + at]!;
      }
    }
    first = last;
  }
  return { summaries, weights: storedWeights(weights, tokens, segments, entropy, peak) };
}

/** Keys of the query's own segment. */
export const SAME_SEGMENT: NonNullable<SoftmaxCall['rule']> = {
  key: 'same-segment',
  admits(g, { label }) {
    const segment = label('segment');
    return g.equal(segment.i, segment.j);
  },
};

function storedWeights(
  weights: Float32Array,
  tokens: number,
  { count, of }: Segments,
  entropy: Float32Array,
  peak: Float32Array,
): PoolWeights {
  const before = new Float32Array(weights.length);
  for (let at = 0; at < weights.length; at++) {
    const token = at % tokens;
    before[at] = token === 0 || of[token] !== of[token - 1] ? 0 : before[at - 1]! + weights[at - 1]!;
  }
  return {
    weight: (head, token) => weights[head * tokens + token]!,
    before: (head, token) => before[head * tokens + token]!,
    entropy: (head, segment) => entropy[head * count + segment]!,
    peak: (head, segment) => peak[head * count + segment]!,
  };
}
