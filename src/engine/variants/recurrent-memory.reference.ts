import type { ReferenceInputs } from './primitives/mixer';

/**
 * `M [H, N, mem + N]` of a softmax over a memory and the document by plain loops; memory keys have the
 * positions `-mem … -1`, and scores stand in that order. A query sees no key after itself.
 */
export function memoryReference(
  { heads, tokens, width, scale, q, score, tensors }: ReferenceInputs,
  admits: (i: number, j: number, scores: Float64Array) => boolean,
): Float64Array {
  const given = tensors['mem_k'];
  const memory = given?.shape[1] ?? 0;
  const length = memory + tokens;
  const m = new Float64Array(heads * tokens * length);
  for (let h = 0; h < heads; h++) {
    for (let i = 0; i < tokens; i++) {
      const scores = Float64Array.from({ length }, (_, at) => {
        if (at >= memory) return score(h, i, at - memory);
        let sum = 0;
        for (let d = 0; d < width; d++)
          sum += q[(h * tokens + i) * width + d]! * given!.data[(h * memory + at) * width + d]!;
        return sum * scale;
      });
      const seen: number[] = [];
      for (let at = 0; at <= memory + i; at++) if (admits(i, at - memory, scores)) seen.push(at);
      const largest = Math.max(...seen.map(at => scores[at]!));
      const total = seen.reduce((sum, at) => sum + Math.exp(scores[at]! - largest), 0);
      for (const at of seen) m[(h * tokens + i) * length + at] = Math.exp(scores[at]! - largest) / total;
    }
  }
  return m;
}
