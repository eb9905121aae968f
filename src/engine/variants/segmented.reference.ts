import type { Reference } from './primitives/mixer';
import type { SegmentedParams } from './segmented';

/** `segmented` by plain loops. */
export const segmentedReference: Reference<SegmentedParams> = (inputs, params) => {
  const { heads, tokens, width, q, k, units, scale } = inputs;
  const { segment, pool, gate, causal } = params;
  const labels = typeof segment === 'number' ? undefined : units?.(segment as 'sentence' | 'paragraph');
  const of = (i: number) => labels?.[i] ?? Math.floor(i / Number(segment));
  const count = of(tokens - 1) + 1;
  const members = (c: number) => Array.from({ length: tokens }, (_, i) => i).filter(i => of(i) === c);
  const m = new Float64Array(heads * tokens * tokens);

  for (let h = 0; h < heads; h++) {
    const mean = (x: Float32Array, c: number) =>
      Array.from({ length: width }, (_, d) => {
        const items = members(c).map(i => x[(h * tokens + i) * width + d]!);
        return items.reduce((sum, item) => sum + item, 0) / items.length;
      });
    const dot = (a: readonly number[], b: ArrayLike<number>) =>
      a.reduce((sum, item, d) => sum + item * b[d]!, 0);
    const keyAt = (j: number) => k.subarray((h * tokens + j) * width, (h * tokens + j + 1) * width);
    const qMeans = Array.from({ length: count }, (_, c) => mean(q, c));
    const kMeans = Array.from({ length: count }, (_, c) => mean(k, c));
    const w = new Float64Array(tokens);
    for (let c = 0; c < count; c++) {
      const scores = members(c).map(j => (pool === 'mean' ? 0 : scale * dot(qMeans[c]!, keyAt(j))));
      softmax(scores).forEach((share, at) => (w[members(c)[at]!] = share));
    }
    for (let i = 0; i < tokens; i++) {
      const c = of(i);
      const near = members(c).filter(j => !causal || j <= i);
      softmax(near.map(j => inputs.score(h, i, j))).forEach((share, at) => {
        m[(h * tokens + i) * tokens + near[at]!] = (1 - gate) * share;
      });
      const others = Array.from({ length: count }, (_, other) => other).filter(o =>
        causal ? o < c : o !== c,
      );
      softmax(others.map(o => scale * dot(qMeans[c]!, kMeans[o]!))).forEach((share, at) => {
        for (const j of members(others[at]!)) m[(h * tokens + i) * tokens + j] = gate * share * w[j]!;
      });
    }
  }
  return m;
};

function softmax(scores: readonly number[]): number[] {
  const largest = Math.max(...scores);
  const powers = scores.map(score => Math.exp(score - largest));
  const sum = powers.reduce((total, power) => total + power, 0);
  return powers.map(power => power / sum);
}
