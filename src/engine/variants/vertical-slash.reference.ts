import type { Reference } from './primitives/mixer';
import { softmaxReference } from './primitives/selection';
import type { VerticalSlashParams } from './vertical-slash';

/** `vertical-slash` by plain loops. */
export const verticalSlashReference: Reference<VerticalSlashParams> = (inputs, params) => {
  const { heads, tokens, score } = inputs;
  const { columns, slashes, probe, sinks, window, causal } = params;
  const m = new Float64Array(heads * tokens * tokens);
  for (let h = 0; h < heads; h++) {
    const columnSums = Array<number>(tokens).fill(0);
    const slashSums = Array<number>(tokens).fill(0);
    for (let i = Math.max(0, tokens - probe); i < tokens; i++) {
      const scores = Array.from({ length: i + 1 }, (_, j) => score(h, i, j));
      const largest = Math.max(...scores);
      const sum = scores.reduce((total, item) => total + Math.exp(item - largest), 0);
      scores.forEach((item, j) => {
        const weight = Math.exp(item - largest) / sum;
        columnSums[j]! += weight;
        slashSums[i - j]! += weight;
      });
    }
    const kept = (sums: readonly number[], count: number, always: number) => {
      const ranked = sums.map((_, at) => at).slice(always);
      ranked.sort((a, b) => sums[b]! - sums[a]! || a - b);
      return new Set([...sums.keys()].slice(0, always).concat(ranked.slice(0, Math.max(0, count - always))));
    };
    const verticals = kept(columnSums, columns, sinks);
    const diagonals = kept(slashSums, slashes, window);
    const head = { heads: 1, tokens, score: (_: number, i: number, j: number) => score(h, i, j) };
    const rows = softmaxReference(
      head,
      (i, j) => ((!causal || j <= i) && verticals.has(j)) || diagonals.has(i - j),
    );
    m.set(rows, h * tokens * tokens);
  }
  return m;
};
