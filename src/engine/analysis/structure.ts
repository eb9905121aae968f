/** A plan's sets of positions, with the mass a row puts on each. */

import type { Structure, StructureNode } from '../../protocol/inspection';
import type { MixerRow, PlanNode } from '../variants/primitives/mixer';

interface StructureOptions {
  readonly title: string;
  /** `N` */
  readonly tokens: number;
  /** Whose mass the nodes show. */
  readonly row: (MixerRow & { readonly token: number }) | undefined;
  /** At most so many nodes, their ancestors aside. */
  readonly limit: number;
}

/** Keeps the nodes that hold the row's token and the heaviest others, with their ancestors. */
export function describeStructure(nodes: readonly PlanNode[], options: StructureOptions): Structure {
  const { title, tokens, row, limit } = options;
  const before = row && massBefore(row, tokens);
  const total = before?.at(-1) ?? 0;
  const mass = nodes.map(({ ranges }) => {
    if (before === undefined) return NaN;
    let sum = 0;
    for (let at = 0; at < ranges.length; at += 2) sum += before[ranges[at + 1]!]! - before[ranges[at]!]!;
    return total === 0 ? 0 : sum / total;
  });
  const rank = (index: number) => (row && holds(nodes[index]!, row.token) ? 2 : row ? mass[index]! : 0);
  const order = Array.from(nodes, (_, index) => index);
  if (nodes.length > limit) order.sort((a, b) => rank(b) - rank(a) || a - b);
  const kept = new Set<number>();
  for (const index of order.slice(0, limit)) {
    for (let at = index; at >= 0 && !kept.has(at); at = nodes[at]!.parent) kept.add(at);
  }
  const places = new Map([...kept].sort((a, b) => a - b).map((index, place) => [index, place]));
  const described = [...places.keys()].map((index): StructureNode => {
    const { parent, kind, label, ranges } = nodes[index]!;
    return { parent: places.get(parent) ?? -1, kind, label, ranges, mass: mass[index]! };
  });
  return { title, nodes: described, total: nodes.length };
}

/** Labels of the nodes that hold a token, root first. */
export function pathOf(nodes: readonly PlanNode[], token: number): string[] {
  return nodes.filter(node => holds(node, token)).map(({ label }) => label);
}

/** A document's own hierarchy, for variants that plan none: paragraphs and the sentences in them. */
export function textNodes(paragraphs: Int32Array, sentences: Int32Array): PlanNode[] {
  const nodes: PlanNode[] = [];
  const tokens = paragraphs.length;
  for (let start = 0; start < tokens;) {
    let end = start;
    while (end < tokens && paragraphs[end] === paragraphs[start]) end += 1;
    const parent = nodes.length;
    const label = `paragraph ${paragraphs[start]! + 1}`;
    nodes.push({ parent: -1, kind: 'paragraph', label, ranges: Int32Array.of(start, end) });
    for (let from = start, count = 1; from < end; count++) {
      let to = from;
      while (to < end && sentences[to] === sentences[from]) to += 1;
      nodes.push({ parent, kind: 'sentence', label: `sentence ${count}`, ranges: Int32Array.of(from, to) });
      from = to;
    }
    start = end;
  }
  return nodes;
}

function holds({ ranges }: PlanNode, token: number): boolean {
  for (let at = 0; at < ranges.length; at += 2)
    if (ranges[at]! <= token && token < ranges[at + 1]!) return true;
  return false;
}

/** `[N + 1]` sum of `|weight|` over the positions before each. */
export function massBefore({ keys, weights }: MixerRow, tokens: number): Float64Array {
  const before = new Float64Array(tokens + 1);
  keys.forEach((key, at) => (before[key + 1] = Math.abs(weights[at]!)));
  for (let at = 1; at <= tokens; at++) before[at]! += before[at - 1]!;
  return before;
}
