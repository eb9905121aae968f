import type { ReferenceInputs } from './primitives/mixer';

/** `M [H, N, N]` of a decaying state by plain loops: each write, carried forward a token at a time. */
export function decayReference(
  { heads, tokens, width, q, k }: ReferenceInputs,
  scale: number,
  logDecay: (head: number, t: number, d: number) => number,
): Float64Array {
  const m = new Float64Array(heads * tokens * tokens);
  const left = new Float64Array(width);
  for (let h = 0; h < heads; h++) {
    for (let j = 0; j < tokens; j++) {
      for (let d = 0; d < width; d++) left[d] = k[(h * tokens + j) * width + d]!;
      for (let i = j; i < tokens; i++) {
        let product = 0;
        for (let d = 0; d < width; d++) {
          if (i > j) left[d]! *= Math.exp(logDecay(h, i, d));
          product += q[(h * tokens + i) * width + d]! * left[d]!;
        }
        m[(h * tokens + i) * tokens + j] = scale * product;
      }
    }
  }
  return m;
}
