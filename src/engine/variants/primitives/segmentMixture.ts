/** Statistics of rows that are part softmax over the own segment, part weights over other segments. */

import { SINK_TOKENS, SPAN_MASS } from '../../../protocol/inspection';
import type { Block, BlockRows, BlockStats } from './mixer';
import type { PoolWeights } from './poolWeights';
import type { Segments } from './segments';

/** Attention of segments `first … last` over all segments. */
export interface SegmentAttention {
  readonly first: number;
  readonly last: number;
  /** `[H, last - first + 1, E]` */
  readonly y: Float32Array;
  /** `[H, last - first + 1]` */
  readonly entropy: Float32Array;
  /** `[H, last - first + 1, stride]`; all 0 for a segment that has no other to see. */
  readonly attention: Float32Array;
  readonly stride: number;
}

interface Mixture {
  readonly block: Block;
  readonly heads: number;
  readonly gate: number;
  readonly causal: boolean;
  readonly segments: Segments;
  readonly weights: PoolWeights;
  readonly far: SegmentAttention;
  /** Of the own segment's softmax; spans already measured against their share of the mass. */
  readonly local: BlockStats;
  /** The own segment's softmax, whole: for windows to both sides, which cut through it. */
  readonly near?: BlockRows | undefined;
}

export function mixtureStats(mixture: Mixture): BlockStats {
  const { block, heads, local } = mixture;
  const length = block.end - block.start;
  const stats = {
    entropy: local.entropy.slice(),
    span: local.span.slice(),
    sink: local.sink.slice(),
    peak: local.peak.slice(),
  };
  for (let head = 0; head < heads; head++) {
    for (let segment = mixture.far.first; segment <= mixture.far.last; segment++) {
      const far = new FarRow(mixture, head, segment);
      const start = Math.max(block.start, mixture.segments.starts[segment]!);
      const end = Math.min(block.end, mixture.segments.starts[segment + 1]!);
      for (let token = start; token < end; token++)
        far.blend(stats, head * length + token - block.start, token);
    }
  }
  return stats;
}

/** What one segment sees of the others, for one head. */
class FarRow {
  readonly #mixture: Mixture;
  readonly #head: number;
  readonly #segment: number;
  readonly #attention: Float32Array;
  /** `[C + 1]` mass on the segments before each. */
  readonly #before: Float64Array;
  readonly #total: number;
  readonly #entropy: number;
  readonly #peak: number;

  constructor(mixture: Mixture, head: number, segment: number) {
    const { far, segments, weights, causal } = mixture;
    const row = head * (far.last - far.first + 1) + segment - far.first;
    this.#mixture = mixture;
    this.#head = head;
    this.#segment = segment;
    this.#attention = far.attention.subarray(row * far.stride, (row + 1) * far.stride);
    const seen = causal ? segment : segments.count;
    this.#before = new Float64Array(seen + 1);
    let inner = 0;
    let peak = 0;
    for (let c = 0; c < seen; c++) {
      const share = this.#attention[c]!;
      this.#before[c + 1] = this.#before[c]! + share;
      inner += share === 0 ? 0 : share * weights.entropy(head, c);
      peak = Math.max(peak, share * weights.peak(head, c));
    }
    this.#total = this.#before[seen]!;
    this.#entropy = far.entropy[row]! + inner;
    this.#peak = peak;
  }

  /** Mixes entry `at` of the local statistics, in place. */
  blend(stats: BlockStats, at: number, token: number): void {
    const { gate, causal } = this.#mixture;
    const nearMass = 1 - gate;
    const farMass = gate * this.#total;
    const near = nearMass / (nearMass + farMass);
    const away = 1 - near;
    if (this.#total > 0.5) {
      const mixed = (share: number, entropy: number) => (share > 0 ? share * (entropy - Math.log(share)) : 0);
      stats.entropy[at] = mixed(near, stats.entropy[at]!) + mixed(away, this.#entropy);
      if (causal && near < SPAN_MASS)
        stats.span[at] = token - this.#startHolding((SPAN_MASS - near) / away) + 1;
    }
    if (!causal) stats.span[at] = this.#symmetricSpan(token);
    stats.sink[at] = nearMass * stats.sink[at]! + gate * this.#massBefore(SINK_TOKENS);
    stats.peak[at] = Math.max(nearMass * stats.peak[at]!, gate * this.#peak);
  }

  /** The smallest window to both sides of a token that holds the span's share of its row. */
  #symmetricSpan(token: number): number {
    const { near, gate, segments } = this.#mixture;
    const start = segments.starts[this.#segment]!;
    const { weights } = near!(this.#head, token);
    const nearBefore = new Float64Array(weights.length + 1);
    for (let at = 0; at < weights.length; at++) nearBefore[at + 1] = nearBefore[at]! + weights[at]!;
    const tokens = segments.of.length;
    const before = (position: number) => {
      const inside = nearBefore[Math.min(Math.max(position - start, 0), weights.length)]!;
      return (1 - gate) * inside + gate * this.#massBefore(Math.max(position, 0));
    };
    const wanted = SPAN_MASS * before(tokens);
    let low = 1;
    let high = Math.max(token + 1, tokens - token);
    while (low < high) {
      const middle = Math.floor((low + high) / 2);
      if (before(token + middle) - before(token - middle + 1) >= wanted) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  /** The latest position from which the far mass up to the own segment holds `share` of it. */
  #startHolding(share: number): number {
    let low = 0;
    let high = this.#mixture.segments.starts[this.#segment]! - 1;
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if (this.#total - this.#massBefore(middle) >= share * this.#total) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  /** Far mass on positions before `position`. */
  #massBefore(position: number): number {
    const { of } = this.#mixture.segments;
    if (position >= of.length) return this.#total;
    const c = of[position]!;
    if (c >= this.#before.length - 1) return this.#total;
    return this.#before[c]! + this.#attention[c]! * this.#mixture.weights.before(this.#head, position);
  }
}
