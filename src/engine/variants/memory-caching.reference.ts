import type { MemoryCachingParams } from './memory-caching';
import type { Reference } from './primitives/mixer';

/** `memory-caching` by plain loops. */
export const memoryCachingReference: Reference<MemoryCachingParams> = (inputs, params) => {
  const { heads, tokens, width, q, k, units, tensors } = inputs;
  const scale = params.scale === 0 ? 1 / Math.sqrt(width) : params.scale;
  const labels =
    typeof params.segment === 'number' ? undefined : units?.(params.segment as 'sentence' | 'paragraph');
  const of = (i: number) => labels?.[i] ?? Math.floor(i / Number(params.segment));
  const m = new Float64Array(heads * tokens * tokens);
  const rowAt = (x: Float32Array, row: number, size: number) =>
    Array.from(x.subarray(row * size, (row + 1) * size));
  const dot = (a: readonly number[], b: readonly number[]) => a.reduce((sum, x, d) => sum + x * b[d]!, 0);

  for (let h = 0; h < heads; h++) {
    const x = tensors['x'];
    const pooledAt = (i: number) =>
      x === undefined ? rowAt(k, h * tokens + i, width) : rowAt(x.data, i, x.shape[1]!);
    const askingAt = (i: number) => {
      const W = tensors['W_u'];
      if (W === undefined) return rowAt(q, h * tokens + i, width);
      const from = pooledAt(i);
      return from.map((_, e) =>
        from.reduce((sum, value, d) => sum + value * W.data[d * from.length + e]!, 0),
      );
    };
    for (let i = 0; i < tokens; i++) {
      const asking = askingAt(i);
      const scores = Array.from({ length: of(i) + 1 }, (_, c) => {
        const members = Array.from({ length: i + 1 }, (_, j) => j).filter(j => of(j) === c);
        return members.reduce((sum, j) => sum + dot(asking, pooledAt(j)), 0) / members.length;
      });
      const earlier = scores.slice(0, -1).map((_, c) => c);
      const best = earlier.sort((a, b) => scores[b]! - scores[a]! || a - b);
      const read = new Set([of(i), ...(params.k === 0 ? best : best.slice(0, params.k))]);
      const largest = Math.max(...[...read].map(c => scores[c]!));
      const gates = scores.map((score, c) => (read.has(c) ? Math.exp(score - largest) : 0));
      const total = gates.reduce((sum, gate) => sum + gate, 0);
      for (let j = 0; j <= i; j++) {
        const product = dot(rowAt(q, h * tokens + i, width), rowAt(k, h * tokens + j, width));
        m[(h * tokens + i) * tokens + j] = (scale * product * gates[of(j)]!) / total;
      }
    }
  }
  return m;
};
