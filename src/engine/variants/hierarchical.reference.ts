import type { HierarchicalParams } from './hierarchical';
import type { Reference } from './primitives/mixer';

/** `hierarchical` by plain loops. */
export const hierarchicalReference: Reference<HierarchicalParams> = (inputs, params) => {
  const { heads, tokens, width, q, k, scale, score, units, tensors } = inputs;
  const { levels, text, branch, pool, causal } = params;
  const everything = Array.from({ length: tokens }, (_, i) => i);
  const words = ['word', 'sentence', 'paragraph'] as const;
  const raw = (level: number, i: number) =>
    level >= levels ? 0 : text && units ? units(words[level - 1]!)[i]! : Math.floor(i / branch ** level);
  /** The first token of the unit names it. */
  const unitOf = (level: number) =>
    everything.reduce<number[]>((names, i) => {
      const isNew = i === 0 || [1, 2, 3].some(l => l >= level && raw(l, i) !== raw(l, i - 1));
      return [...names, isNew || level === 0 ? i : names[i - 1]!];
    }, []);
  const softmax = (scores: number[]) => {
    const largest = Math.max(...scores);
    const sum = scores.reduce((total, s) => total + Math.exp(s - largest), 0);
    return scores.map(s => Math.exp(s - largest) / sum);
  };
  const m = new Float64Array(heads * tokens * tokens);
  for (let h = 0; h < heads; h++) {
    const at = (x: Float32Array, i: number) =>
      x.subarray((h * tokens + i) * width, (h * tokens + i + 1) * width);
    const dot = (a: ArrayLike<number>, b: ArrayLike<number>) =>
      Array.from(a).reduce((sum, item, d) => sum + item * b[d]!, 0) * scale;
    for (let level = 0; level < levels; level++) {
      const share = tensors['level_weights']?.data[level] ?? 1 / levels;
      const of = unitOf(level);
      const parents = level + 1 < levels ? unitOf(level + 1) : of.map(() => 0);
      const names = [...new Set(of)];
      const members = new Map(names.map(name => [name, everything.filter(i => of[i] === name)]));
      const mean = (x: Float32Array, name: number) =>
        Array.from({ length: width }, (_, d) => {
          const items = members.get(name)!.map(i => at(x, i)[d]!);
          return items.reduce((sum, item) => sum + item, 0) / items.length;
        });
      const queries = new Map(names.map(name => [name, mean(q, name)]));
      const keys = new Map(names.map(name => [name, mean(k, name)]));
      const pooled = new Map(
        names.map(name => {
          const inside = members
            .get(name)!
            .map(j => (pool === 'mean' ? 0 : dot(queries.get(name)!, at(k, j))));
          return [name, softmax(inside)];
        }),
      );
      for (const name of names) {
        const siblings = names.filter(
          other =>
            parents[other] === parents[name] && (!causal || other < name || (level === 0 && other === name)),
        );
        const attention = softmax(
          siblings.map(other =>
            level === 0 ? score(h, name, other) : dot(queries.get(name)!, keys.get(other)!),
          ),
        );
        for (const i of members.get(name)!) {
          siblings.forEach((other, s) => {
            members.get(other)!.forEach((j, t) => {
              m[(h * tokens + i) * tokens + j]! += share * attention[s]! * pooled.get(other)![t]!;
            });
          });
        }
      }
    }
  }
  return m;
};
