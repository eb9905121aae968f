/** A made-up document and heads with habits, so that the panel has rows of every shape to show. */

import type { Row, RowRef, Structure, StructureNode } from '../../../src/protocol/inspection';
import { SINK_TOKENS } from '../../../src/protocol/inspection';

export const LAYERS = 4;
export const HEADS = 6;

const WORDS = [
  ...' def attend ( q , k , v ) : \n\t scores = q @ k . T * scale \n\t weights = softmax ( scores ) \n\t return weights @ v \n\n class Head : \n\t """ One attention head . """ \n\t def __init__ ( self , width ) : \n\t\t self . width = width \n'.split(
    / /,
  ),
  ...'The memory of a long text is not the text but what the reader kept of it . Chapter two begins where the river bends .'.split(
    ' ',
  ),
];

/** The text of a token, with the space before it that belongs to it. */
export function wordAt(token: number): string {
  const word = WORDS[token % WORDS.length] ?? '';
  return word.startsWith('\n') || word.startsWith('\t') || word.length < 2 ? word || ' ' : ` ${word}`;
}

export function lineAt(token: number): number {
  return 1 + Math.floor(token / 9);
}

/** A number in [0, 1) that depends on its arguments alone. */
export function noise(...seeds: readonly number[]): number {
  let hash = 0x811c9dc5;
  for (const seed of seeds) {
    hash = Math.imul(hash ^ seed, 0x01000193);
    hash ^= hash >>> 15;
  }
  hash = Math.imul(hash ^ (hash >>> 13), 0x85ebca6b);
  return ((hash ^ (hash >>> 16)) >>> 0) / 2 ** 32;
}

/** Unnormalised score of a key: a mixture of reach, sink and recall that each head has its own of. */
function score({ layer, head, token }: RowRef, key: number): number {
  const back = token - key;
  const habit = (layer + head) % 4;
  const reach = 3 * 5 ** (habit + noise(layer, head, 1));
  const near = Math.exp(-back / reach) * (0.05 + noise(layer, head, key, token) ** 6);
  const sink = key < SINK_TOKENS ? ([0, 1, 6, 0.5][habit]! * reach * 0.1) / (1 + key * 3) : 0;
  // A few places far back that this head keeps returning to.
  const kept = noise(layer, key, 7) < 24 / (token + 24) ? reach * 0.3 * noise(key, head) ** 8 : 0;
  return near + sink + kept;
}

/** Keys of a long row that are scored one by one, at its end and in all the rest; a page has to make it in time. */
const NEAR = 2048;
const FAR = 2048;

/** Keys of a row with their scores; of what lies far back every so many stand for those after them. */
function scored(ref: RowRef): { readonly keys: readonly number[]; readonly scores: readonly number[] } {
  const keys: number[] = [];
  const scores: number[] = [];
  const step = Math.max(1, Math.floor((ref.token - NEAR) / FAR));
  for (let key = 0; key <= ref.token;) {
    const stands = key < SINK_TOKENS ? 1 : Math.max(1, Math.min(step, ref.token - NEAR - key));
    keys.push(key);
    scores.push(score(ref, key) * stands);
    key += stands;
  }
  return { keys, scores };
}

export function fakeRow(ref: RowRef, total: number, cells: number, top: number, signed = false): Row {
  const n = ref.token + 1;
  const { keys: seen, scores } = scored(ref);
  const sum = scores.reduce((all, value) => all + value, 0);
  const mass = scores.map(value => value / sum);
  const profile = new Float32Array(cells);
  let entropy = 0;
  let sink = 0;
  seen.forEach((key, at) => {
    const weight = mass[at]!;
    if (weight > 0) entropy -= weight * Math.log(weight);
    if (key < SINK_TOKENS) sink += weight;
    profile[Math.min(cells - 1, Math.floor((key * cells) / total))]! += weight;
  });
  const edges = [0];
  for (let edge = 1; edges.at(-1)! < total; edge *= 2) edges.push(edge);
  const histogram = { edges: Int32Array.from(edges), mass: new Float32Array(edges.length - 1) };
  let span = 0;
  let held = 0;
  for (let at = seen.length - 1; at >= 0; at--) {
    if (held < 0.9) span = n - seen[at]!;
    held += mass[at]!;
    const back = n - 1 - seen[at]!;
    histogram.mass[back === 0 ? 0 : 1 + Math.floor(Math.log2(back))]! += mass[at]!;
  }
  const order = Array.from(mass.keys())
    .sort((a, b) => mass[b]! - mass[a]!)
    .slice(0, top);
  const keys = order.map(at => ({
    index: seen[at]!,
    weight: signed && seen[at]! % 3 === 0 ? -mass[at]! : mass[at]!,
  }));
  return {
    ...ref,
    entropy,
    span,
    sink,
    peak: mass[order[0]!]!,
    mass: order.reduce((kept, index) => kept + mass[index]!, 0),
    keys,
    admitted: n,
    distribution: !signed,
    histogram,
    profile,
    against: !signed
      ? {
          recall: 0.83 - 0.3 * noise(ref.token, ref.head),
          error: 0.21,
          entropy: 2.9,
          span: Math.min(n, 900),
          sink: 0.2,
          missed: order.slice(3, 6).map(at => ({ index: seen[at]!, weight: mass[at]! / 3 })),
        }
      : undefined,
  };
}

function massOn(row: Row | undefined, from: number, to: number, total: number): number {
  if (row === undefined) return Number.NaN;
  const cell = row.profile.length / total;
  let mass = 0;
  for (let at = Math.floor(from * cell); at < Math.ceil(to * cell); at++) mass += row.profile[at] ?? 0;
  return mass;
}

/** Documents of chapters of paragraphs, or buckets that take every so many tokens. */
export function fakeStructure(kind: string, total: number, row: Row | undefined): Structure {
  if (kind === 'dense') return { title: '', nodes: [], total: 0 };
  const nodes: StructureNode[] = [];
  const add = (parent: number, name: string, label: string, from: number, to: number): number => {
    const ranges = Int32Array.of(from, to);
    nodes.push({ parent, kind: name, label, ranges, mass: massOn(row, from, to, total) });
    return nodes.length - 1;
  };
  if (kind === 'lsh') {
    for (let bucket = 0; bucket < 12; bucket++) {
      const ranges: number[] = [];
      let mass = 0;
      for (let at = bucket; at < Math.min(total, 2_400); at += 12) {
        ranges.push(at, at + 1);
        mass += row === undefined ? Number.NaN : massOn(row, at, at + 1, total) / 12;
      }
      nodes.push({
        parent: -1,
        kind: 'bucket',
        label: `bucket ${bucket}`,
        ranges: Int32Array.from(ranges),
        mass,
      });
    }
    return { title: 'Buckets', nodes, total: 12 };
  }
  const chapter = Math.ceil(total / 5);
  const segment = Math.max(16, Math.ceil(total / 160));
  for (let start = 0, number = 1; start < total; start += chapter, number++) {
    const end = Math.min(total, start + chapter);
    const parent = add(-1, 'paragraph', `paragraph ${number}`, start, end);
    for (let from = start; from < end; from += segment) {
      add(parent, 'segment', `segment ${Math.floor(from / segment)}`, from, Math.min(end, from + segment));
    }
  }
  return { title: 'Segments', nodes, total: nodes.length };
}
