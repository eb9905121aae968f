import type { MambaParams } from './mamba';
import type { Reference } from './primitives/mixer';

/** `mamba` by plain loops: each write, carried forward a token at a time. */
export const mambaReference: Reference<MambaParams> = (inputs, { channel, step }) => {
  const { heads, tokens, width, q, k, tensors } = inputs;
  const { delta, A } = tensors;
  const channels = Math.max(delta?.shape[2] ?? 1, A?.shape.length === 3 ? A.shape[1]! : 1);
  const stepAt = (h: number, t: number, c: number) => {
    if (delta === undefined) return step;
    const own = delta.shape[2] ?? 1;
    return delta.data[(h * tokens + t) * own + (own === 1 ? 0 : c)]!;
  };
  const rateAt = (h: number, c: number, s: number) => {
    if (A === undefined) return -(s + 1);
    return A.data[(A.shape.length === 3 ? h * channels + c : h) * width + s]!;
  };
  const m = new Float64Array(heads * tokens * tokens);
  const left = new Float64Array(width);
  const shown = channel >= 0 && channels > 1 ? [channel] : Array.from({ length: channels }, (_, c) => c);
  for (let h = 0; h < heads; h++) {
    for (const c of shown) {
      for (let j = 0; j < tokens; j++) {
        for (let s = 0; s < width; s++) left[s] = k[(h * tokens + j) * width + s]! * stepAt(h, j, c);
        for (let i = j; i < tokens; i++) {
          let weight = 0;
          for (let s = 0; s < width; s++) {
            if (i > j) left[s]! *= Math.exp(rateAt(h, c, s) * stepAt(h, i, c));
            weight += q[(h * tokens + i) * width + s]! * left[s]!;
          }
          const share = shown.length === 1 ? weight : Math.abs(weight) / shown.length;
          m[(h * tokens + i) * tokens + j]! += share;
        }
      }
    }
  }
  return m;
};
