import type { LshParams } from './lsh';
import type { Reference } from './primitives/mixer';
import { rotationsOf } from './primitives/rotations';

/** `lsh` by plain loops, round after round, with the own logit and the logsumexp as they are written. */
export const lshReference: Reference<LshParams> = (inputs, params) => {
  const { heads, tokens, width, q, k, scale, tensors } = inputs;
  const { chunk, causal, shared } = params;
  const rotations = rotationsOf(tensors, tokens, width, params);
  const [, rounds, half] = rotations.shape as [number, number, number];
  const m = new Float64Array(heads * tokens * tokens);
  for (let h = 0; h < heads; h++) {
    const vector = (x: Float32Array, i: number) =>
      x.subarray((h * tokens + i) * width, (h * tokens + i + 1) * width);
    const logit = (i: number, j: number) => {
      if (i === j) return -5e4;
      const key = vector(shared ? q : k, j);
      const norm = shared ? Math.sqrt(dot(key, key)) : 1;
      return (dot(vector(q, i), key) / norm) * scale;
    };
    /** For each round and token: the positions seen, their shares, and the logsumexp. */
    const found: { keys: number[]; shares: number[]; lse: number }[][] = [];
    for (let round = 0; round < rounds; round++) {
      const buckets = Array.from({ length: Math.ceil(tokens / chunk) * chunk }, (_, i) => {
        if (i >= tokens) return 0;
        const turned = Array.from({ length: half }, (_, b) => {
          let sum = 0;
          for (let d = 0; d < width; d++)
            sum += vector(q, i)[d]! * rotations.data[(d * rounds + round) * half + b]!;
          return sum;
        });
        const both = [...turned, ...turned.map(value => -value)];
        return both.indexOf(Math.max(...both));
      });
      const order = buckets.map((_, i) => i).sort((a, b) => buckets[a]! - buckets[b]! || a - b);
      const rows: { keys: number[]; shares: number[]; lse: number }[] = [];
      order.forEach((i, place) => {
        if (i >= tokens) return;
        const own = Math.floor(place / chunk);
        const keys = order
          .slice(Math.max(0, own - 1) * chunk, (own + 1) * chunk)
          .filter(j => j < tokens && buckets[j] === buckets[i] && (!causal || j <= i));
        const logits = keys.map(j => logit(i, j));
        const largest = Math.max(...logits);
        const total = logits.reduce((sum, value) => sum + Math.exp(value - largest), 0);
        const shares = logits.map(value => Math.exp(value - largest) / total);
        rows[i] = { keys, shares, lse: largest + Math.log(total) };
      });
      found.push(rows);
    }
    for (let i = 0; i < tokens; i++) {
      const largest = Math.max(...found.map(rows => rows[i]!.lse));
      const total = found.reduce((sum, rows) => sum + Math.exp(rows[i]!.lse - largest), 0);
      for (const rows of found) {
        const { keys, shares, lse } = rows[i]!;
        keys.forEach((j, at) => {
          m[(h * tokens + i) * tokens + j]! += (shares[at]! * Math.exp(lse - largest)) / total;
        });
      }
    }
  }
  return m;
};

function dot(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let d = 0; d < a.length; d++) sum += a[d]! * b[d]!;
  return sum;
}
