/** Plans in which every head sorts the tokens into sets of its own. */

import type { PlanNode } from './mixer';

export interface TokenSet {
  readonly label: string;
  /** Ascending positions. */
  readonly tokens: ArrayLike<number>;
}

/** A node for every head, over the sets of that head. */
export function headNodes(
  heads: number,
  tokens: number,
  kind: string,
  setsOf: (head: number) => readonly TokenSet[],
): PlanNode[] {
  const nodes: PlanNode[] = [];
  for (let head = 0; head < heads; head++) {
    const parent = nodes.length;
    nodes.push({ parent: -1, kind: 'head', label: `head ${head}`, ranges: Int32Array.of(0, tokens) });
    for (const set of setsOf(head)) {
      nodes.push({ parent, kind, label: set.label, ranges: positionRanges(set.tokens) });
    }
  }
  return nodes;
}

/** Ascending positions as half-open pairs. */
export function positionRanges(positions: ArrayLike<number>): Int32Array {
  const flat: number[] = [];
  for (let at = 0; at < positions.length; at++) {
    const position = positions[at]!;
    if (flat.length > 0 && flat[flat.length - 1] === position) flat[flat.length - 1] = position + 1;
    else flat.push(position, position + 1);
  }
  return Int32Array.from(flat);
}

/** The tokens of each label, ascending: label `[N]` below `count`. */
export function tokensByLabel(labels: Int32Array | Uint32Array, count: number): Int32Array[] {
  const sizes = new Int32Array(count);
  for (const label of labels) sizes[label]! += 1;
  const sets = Array.from(sizes, size => new Int32Array(size));
  const filled = new Int32Array(count);
  labels.forEach((label, i) => (sets[label]![filled[label]!++] = i));
  return sets;
}
