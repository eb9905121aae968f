import { headwiseReference } from './primitives/blocks';
import type { Reference } from './primitives/mixer';
import type { SnapkvParams } from './snapkv';

/** `snapkv` by plain loops; query heads with the same keys make a group. */
export const snapkvReference: Reference<SnapkvParams> = (inputs, params) => {
  const { heads, tokens, width, k, score } = inputs;
  const { budget, probe, pool, sinks, window } = params;
  const prompt = params.prompt === 0 ? Math.max(0, tokens - probe) : Math.min(tokens, params.prompt);
  const names = Array.from({ length: heads }, (_, h) =>
    k.subarray(h * tokens * width, (h + 1) * tokens * width).join(),
  );

  const kept = Array.from({ length: heads }, (_, h) => {
    const mass = new Float64Array(prompt);
    const group = names.map((_, other) => other).filter(other => names[other] === names[h]);
    for (const other of group) {
      for (let i = Math.max(0, prompt - probe); i < prompt; i++) {
        const powers = Array.from({ length: i + 1 }, (_, j) => Math.exp(score(other, i, j)));
        const sum = powers.reduce((total, power) => total + power, 0);
        powers.forEach((power, j) => (mass[j]! += power / sum / group.length));
      }
    }
    const pooled = Array.from(mass, (_, j) => {
      let sum = 0;
      for (let t = 0; t < pool; t++) sum += mass[j - Math.floor(pool / 2) + t] ?? 0;
      return sum / pool;
    });
    const forced = pooled.map((_, j) => j).filter(j => j < sinks || j >= prompt - window);
    const others = pooled.map((_, j) => j).filter(j => !forced.includes(j));
    others.sort((a, b) => pooled[b]! - pooled[a]! || a - b);
    return new Set([...forced, ...others.slice(0, Math.max(0, budget - forced.length))]);
  });
  return headwiseReference(inputs, (h, i, j) => j <= i && (i < prompt || j >= prompt || kept[h]!.has(j)));
};
