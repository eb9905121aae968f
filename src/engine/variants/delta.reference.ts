import type { DeltaParams } from './delta';
import type { Reference } from './primitives/mixer';

/** `delta` by plain loops: `M (diag(1/β) + tril(K Kᵀ, -1)) = scale · tril(Q Kᵀ)`, solved from the right. */
export const deltaReference: Reference<DeltaParams> = (inputs, { strength }) => {
  const { heads, tokens, width, scale, k, score } = inputs;
  const given = inputs.tensors['beta'];
  const m = new Float64Array(heads * tokens * tokens);
  for (let h = 0; h < heads; h++) {
    const product = (i: number, j: number) => {
      let sum = 0;
      for (let d = 0; d < width; d++)
        sum += k[(h * tokens + i) * width + d]! * k[(h * tokens + j) * width + d]!;
      return sum;
    };
    const overlap = Float64Array.from({ length: tokens * tokens }, (_, at) =>
      product(Math.floor(at / tokens), at % tokens),
    );
    for (let i = 0; i < tokens; i++) {
      for (let j = i; j >= 0; j--) {
        let left = score(h, i, j) / scale;
        // Column j of the product also holds what later keys took, by their overlap with key j.
        for (let t = j + 1; t <= i; t++) {
          left -= (m[(h * tokens + i) * tokens + t]! / scale) * overlap[t * tokens + j]!;
        }
        const beta = given?.data[h * tokens + j] ?? strength / overlap[j * tokens + j]!;
        m[(h * tokens + i) * tokens + j] = scale * beta * left;
      }
    }
  }
  return m;
};
