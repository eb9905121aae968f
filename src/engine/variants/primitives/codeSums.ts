/** What the tokens before a position sum up to, code by code: counts and values. */

import { type Layer, TILE } from './mixer';

export interface CodeSums {
  /** `[C]` tokens of each code before `position`. */
  counts(head: number, position: number): Int32Array;
  /** `[C, E]` mean values of each code before `position`; 0 for a code without tokens. */
  means(head: number, position: number): Float32Array;
}

/** Values are summed forwards: asking for rising positions costs `N` in all. `labels` are `[N]` a head. */
export function codeSums({ tokens, q, v }: Layer, labels: readonly Int32Array[], codes: number): CodeSums {
  const heads = q.shape[0]!;
  const [groups, stride, width] = v.shape as [number, number, number];
  const tiled = new Map<Int32Array, Int32Array>();
  const tiles = (of: Int32Array) => {
    const known = tiled.get(of) ?? countsByTile(of, codes);
    tiled.set(of, known);
    return known;
  };
  const states = labels.map(() => ({ position: 0, sums: new Float64Array(codes * width) }));

  function counts(head: number, position: number): Int32Array {
    const of = labels[head]!;
    const tile = Math.floor(position / TILE);
    const found = tiles(of).slice(tile * codes, (tile + 1) * codes);
    for (let j = tile * TILE; j < Math.min(position, tokens); j++) found[of[j]!]! += 1;
    return found;
  }

  return {
    counts,
    means(head, position) {
      const state = states[head]!;
      if (position < state.position) {
        state.sums.fill(0);
        state.position = 0;
      }
      const from = Math.floor((head * groups) / heads) * stride;
      for (; state.position < position; state.position++) {
        const to = labels[head]![state.position]! * width;
        const at = (from + state.position) * width;
        for (let e = 0; e < width; e++) state.sums[to + e]! += v.data[at + e]!;
      }
      const many = counts(head, position);
      return Float32Array.from(state.sums, (sum, at) => sum / Math.max(1, many[Math.floor(at / width)]!));
    },
  };
}

/** Counts before every tile's first token, `[N / TILE + 1, C]`. */
function countsByTile(labels: Int32Array, codes: number): Int32Array {
  const tiles = Math.floor(labels.length / TILE) + 1;
  const counts = new Int32Array(tiles * codes);
  const running = new Int32Array(codes);
  labels.forEach((label, j) => {
    if (j % TILE === 0) counts.set(running, (j / TILE) * codes);
    running[label]! += 1;
  });
  if (labels.length % TILE === 0) counts.set(running, (tiles - 1) * codes);
  return counts;
}
