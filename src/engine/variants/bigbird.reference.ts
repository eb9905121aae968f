import type { BigbirdParams } from './bigbird';
import { drawnBlocks, givenBlocks } from './primitives/blockDraws';
import type { Reference } from './primitives/mixer';
import { softmaxReference } from './primitives/selection';

/** `bigbird` by plain loops, on the same draws. */
export const bigbirdReference: Reference<BigbirdParams> = (inputs, params) => {
  const { heads, tokens, tensors, score } = inputs;
  const { block, causal } = params;
  const count = Math.ceil(tokens / block);
  const draws = givenBlocks(tensors, { heads, count }) ?? drawnBlocks(count, params);
  const m = new Float64Array(heads * tokens * tokens);
  for (let h = 0; h < heads; h++) {
    const admits = (i: number, j: number) => {
      const [a, b] = [Math.floor(i / block), Math.floor(j / block)];
      const isGlobal = [a, b].some(c => c === 0 || c === count - 1);
      return (!causal || j <= i) && (Math.abs(a - b) <= 1 || isGlobal || draws(h, a).includes(b));
    };
    const head = { heads: 1, tokens, score: (_: number, i: number, j: number) => score(h, i, j) };
    m.set(softmaxReference(head, admits), h * tokens * tokens);
  }
  return m;
};
