import type { PlanNode } from './mixer';

/** A set of positions at the top of a plan; `ranges` are flat half-open pairs. */
export function planNode(kind: string, label: string, ranges: ArrayLike<number>): PlanNode {
  return { parent: -1, kind, label, ranges: Int32Array.from(ranges) };
}
