import type { ReferenceInputs } from './primitives/mixer';
import type { RecurrentMemoryParams } from './recurrent-memory';

/**
 * `M [H, N, mem + N]` of a softmax over a memory and the document by plain loops; memory keys have the
 * positions `-mem … -1`, and scores stand in that order. A query sees no key after itself.
 */
export function memoryReference(
  { heads, tokens, width, scale, q, score, tensors }: ReferenceInputs,
  admits: (i: number, j: number, scores: Float64Array) => boolean,
  /** Of a query and a position of the memory and the document in one; `q.k * scale` when absent. */
  scoreAt?: (h: number, i: number, at: number) => number,
): Float64Array {
  const given = tensors['mem_k'];
  const memory = given?.shape[1] ?? 0;
  const length = memory + tokens;
  const m = new Float64Array(heads * tokens * length);
  for (let h = 0; h < heads; h++) {
    for (let i = 0; i < tokens; i++) {
      const scores = Float64Array.from({ length }, (_, at) => {
        if (scoreAt !== undefined) return at <= memory + i ? scoreAt(h, i, at) : 0;
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

/** Scores with positions, by plain loops; undefined where there are none. */
export function positionedScore(
  { heads, tokens, width, scale, q, k, tensors }: ReferenceInputs,
  { position, base }: RecurrentMemoryParams,
): ((h: number, i: number, at: number) => number) | undefined {
  const memory = tensors['mem_k']?.shape[1] ?? 0;
  const key = (h: number, at: number, d: number) =>
    at < memory
      ? tensors['mem_k']!.data[(h * memory + at) * width + d]!
      : k[(h * tokens + at - memory) * width + d]!;
  if (position === 'rope') {
    const half = width / 2;
    const turned = (x: (d: number) => number, at: number) =>
      Array.from({ length: width }, (_, d) => {
        const angle = at * base ** ((-2 * (d % half)) / width);
        const other = d < half ? -x(d + half) : x(d - half);
        return x(d) * Math.cos(angle) + other * Math.sin(angle);
      });
    const queries = Array.from({ length: heads * tokens }, (_, row) =>
      turned(d => q[row * width + d]!, memory + (row % tokens)),
    );
    const keys = Array.from({ length: heads * (memory + tokens) }, (_, row) => {
      const [h, at] = [Math.floor(row / (memory + tokens)), row % (memory + tokens)];
      return turned(d => key(h, at, d), at);
    });
    return (h, i, at) => {
      const own = keys[h * (memory + tokens) + at]!;
      return queries[h * tokens + i]!.reduce((sum, x, d) => sum + x * own[d]!, 0) * scale;
    };
  }
  const { u, v_bias: v, r } = tensors;
  if (u === undefined || v === undefined || r === undefined) return undefined;
  return (h, i, at) => {
    let sum = 0;
    for (let d = 0; d < width; d++) {
      const query = q[(h * tokens + i) * width + d]!;
      sum += (query + u.data[h * width + d]!) * key(h, at, d);
      const distance = memory + i - at;
      sum += (query + v.data[h * width + d]!) * r.data[(h * (memory + tokens) + distance) * width + d]!;
    }
    return sum * scale;
  };
}
