import type { CombinerParams } from './combiner';
import type { Reference } from './primitives/mixer';

/** `combiner` by plain loops. */
export const combinerReference: Reference<CombinerParams> = (inputs, { segment, pool }) => {
  const { heads, tokens, width, q, k, scale, score } = inputs;
  const size = segment === 0 ? Math.ceil(Math.sqrt(tokens)) : segment;
  const m = new Float64Array(heads * tokens * tokens);
  const softmax = (scores: number[]) => {
    const largest = Math.max(...scores);
    const sum = scores.reduce((total, s) => total + Math.exp(s - largest), 0);
    return scores.map(s => Math.exp(s - largest) / sum);
  };
  for (let h = 0; h < heads; h++) {
    const at = (x: Float32Array, i: number) =>
      Array.from(x.subarray((h * tokens + i) * width, (h * tokens + i + 1) * width));
    const dot = (a: number[], b: number[]) => a.reduce((sum, item, d) => sum + item * b[d]!, 0) * scale;
    const members = Array.from({ length: Math.ceil(tokens / size) }, (_, c) =>
      Array.from({ length: Math.min(size, tokens - c * size) }, (_, t) => c * size + t),
    );
    const pooled = (x: Float32Array, c: number) =>
      Array.from({ length: width }, (_, d) => {
        const items = members[c]!.map(i => at(x, i)[d]!);
        return pool === 'max'
          ? Math.max(...items)
          : items.reduce((sum, item) => sum + item, 0) / items.length;
      });
    const keys = members.map((_, c) => pooled(k, c));
    const shares = members.map((tokensOf, c) => {
      const query = pooled(q, c);
      return softmax(tokensOf.map(j => dot(query, at(k, j))));
    });
    for (let i = 0; i < tokens; i++) {
      const own = Math.floor(i / size);
      const near = members[own]!.filter(j => j <= i);
      const far = keys.slice(0, own);
      const p = softmax([...far.map(key => dot(at(q, i), key)), ...near.map(j => score(h, i, j))]);
      far.forEach((_, c) => {
        members[c]!.forEach((j, t) => (m[(h * tokens + i) * tokens + j] = p[c]! * shares[c]![t]!));
      });
      near.forEach((j, t) => (m[(h * tokens + i) * tokens + j] = p[own + t]!));
    }
  }
  return m;
};
