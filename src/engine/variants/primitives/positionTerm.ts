/**
 * What acts on a softmax beside `q.k`. A position modifier has terms that depend on the offset `j - i`
 * alone, or on the query and the offset, looked up in tables by every softmax of the product; a model may
 * bend its scores.
 *
 * Letters as in `softmaxRows`; `T` offsets of a table.
 */

import type { GraphBuilder } from '../../onnx/builder';
import type { Feeds, Value } from '../../onnx/graph';
import { roundedUp } from '../../onnx/rounding';
import { floats, type FloatTensor, integers } from '../../onnx/tensor';

/** Something for every head and offset `first … first + T - 1`; offsets beyond take the nearest one's. */
export interface OffsetTable {
  readonly first: number;
  /** `[H, T]` numbers, or `[H, T, D]` vectors. */
  readonly values: FloatTensor;
}

export interface PositionTerm {
  /** Numbers added to the scores. */
  readonly bias?: OffsetTable;
  /** Vectors `x`: `(q_i + shift) . x_{j-i} * scale` is added to the scores; `shift [H, D]`. */
  readonly products?: OffsetTable & { readonly shift?: FloatTensor };
  /** Numbers that the weights are multiplied with, after the softmax. */
  readonly factor?: OffsetTable;
  /** Scores, with all that is added to them, become `tanh(score / softcap) · softcap`. */
  readonly softcap?: number;
}

const PARTS = ['bias', 'products', 'factor'] as const;
type Part = (typeof PARTS)[number];

/** Tables are cut to the offsets of a block, in whole pieces of so many, to keep shapes few. */
const PIECE = 64;

export function termKey(term: PositionTerm | undefined): string {
  const cap = term?.softcap === undefined ? '' : `/${term.softcap}`;
  return PARTS.filter(part => term?.[part]).join('+') + cap;
}

/** What acts inside the softmax, for plans that read its weights: a factor comes after it. */
export function withoutFactor({ bias, products, softcap }: PositionTerm): PositionTerm {
  const cap = softcap === undefined ? {} : { softcap };
  return { ...(bias && { bias }), ...(products && { products }), ...cap };
}

/** A call over the heads `heads` (`[S * G]`), with offsets from `lowest` to `highest`. */
export interface TermCall {
  readonly heads: readonly number[];
  readonly streams: number;
  /** `B` */
  readonly length: number;
  readonly lowest: number;
  readonly highest: number;
  /** Whether the device wants few lengths of tables. */
  readonly wantsFewShapes: boolean;
}

export function termFeeds(term: PositionTerm | undefined, call: TermCall): Feeds {
  const { heads, streams, length } = call;
  const feeds: [string, Feeds[string]][] = PARTS.flatMap(part => {
    const table = term?.[part];
    if (table === undefined) return [];
    const { first, last, values } = cut(table, call);
    const size = values.shape[1]!;
    const rows = heads.length * length;
    const base = Int32Array.from({ length: rows }, (_, row) => Math.floor(row / length) * size);
    return [
      [part, values],
      [`${part}_first`, floats([], Float32Array.of(first))],
      [`${part}_last`, floats([], Float32Array.of(last - first))],
      [`${part}_base`, integers([streams, rows / streams, 1], base)],
    ];
  });
  const shift = term?.products?.shift;
  if (term?.products) {
    const width = term.products.values.shape[2]!;
    const rows = floats([heads.length, 1, width]);
    heads.forEach((head, at) => {
      if (shift) rows.data.set(shift.data.subarray(head * width, (head + 1) * width), at * width);
    });
    feeds.push(['products_shift', rows]);
  }
  return Object.fromEntries(feeds);
}

/** The part of a table that a call can meet, for its heads. */
function cut(
  { first, values }: OffsetTable,
  { heads, lowest, highest, wantsFewShapes }: TermCall,
): { first: number; last: number; values: FloatTensor } {
  const [, count, width = 1] = values.shape as [number, number, number?];
  const within = (offset: number) => Math.min(Math.max(offset, first), first + count - 1);
  const [from, to] = [within(lowest), within(highest)];
  const used = to - from + 1;
  const size = wantsFewShapes ? roundedUp(used, PIECE) : Math.ceil(used / PIECE) * PIECE;
  const part = floats(values.shape.length === 3 ? [heads.length, size, width] : [heads.length, size]);
  heads.forEach((head, at) => {
    const start = (head * count + from - first) * width;
    part.data.set(values.data.subarray(start, start + used * width), at * size * width);
  });
  return { first: from, last: to, values: part };
}

export interface TermInputs {
  readonly streams: number;
  /** `G` */
  readonly group: number;
  readonly width: number;
  /** `[S, R, D]`, not scaled. */
  readonly q: Value;
  /** `q.k`, scaled. */
  readonly content: Value;
  readonly scale: Value;
  /** `[R, 1]` positions of the queries. */
  readonly i: Value;
  /** Positions of the keys: `[1, K]`, or `[S, R, L]` where every row has keys of its own. */
  readonly j: Value;
}

/** What is added to the scores, and what the weights are multiplied with: each `[S, R, K]`. */
export function termValues(
  g: GraphBuilder,
  term: PositionTerm | undefined,
  inputs: TermInputs,
): { added: Value | undefined; factor: Value | undefined } {
  if (term === undefined) return { added: undefined, factor: undefined };
  const offsets = g.sub(inputs.j, inputs.i);
  const bias = term.bias && numbers(g, 'bias', offsets, inputs);
  const products = term.products && dotProducts(g, offsets, inputs);
  const sum = bias && products ? g.add(bias, products) : (bias ?? products);
  return {
    added: term.softcap === undefined ? sum : bend(g, inputs.content, sum, term.softcap),
    factor: term.factor && numbers(g, 'factor', offsets, inputs),
  };
}

/** What turns `content` into the bent score, as a number added to it. */
function bend(g: GraphBuilder, content: Value, added: Value | undefined, cap: number): Value {
  const score = added === undefined ? content : g.add(content, added);
  return g.sub(g.mul(g.unary('Tanh', g.div(score, cap)), cap), content);
}

/** Places in a table, `int32`. */
function places(g: GraphBuilder, part: Part, offsets: Value): Value {
  const from = g.sub(offsets, g.input(`${part}_first`, 'float32', []));
  const last = g.input(`${part}_last`, 'float32', []);
  return g.cast(g.arithmetic('Min', g.arithmetic('Max', from, 0), last), 'int32');
}

function numbers(g: GraphBuilder, part: Part, offsets: Value, { streams, group }: TermInputs): Value {
  const table = g.input(part, 'float32', [streams * group, `${part}_T`]);
  const base = g.input(`${part}_base`, 'int32', [streams, 'R', 1]);
  return g.gather(g.reshape(table, [`${part}_all`]), g.add(places(g, part, offsets), base));
}

function dotProducts(g: GraphBuilder, offsets: Value, inputs: TermInputs): Value {
  const { streams, group, width, q, scale } = inputs;
  const heads = streams * group;
  const vectors = g.input('products', 'float32', [heads, 'T', width]);
  const shift = g.input('products_shift', 'float32', [heads, 1, width]);
  const base = g.input('products_base', 'int32', [streams, 'R', 1]);
  const queries = g.mul(g.add(g.reshape(q, [heads, 'B', width]), shift), scale);
  const at = places(g, 'products', offsets);
  if (offsets.shape.length === 3) {
    // A few keys a row: their vectors are gathered, and no row meets the whole table.
    const own = g.gather(g.reshape(vectors, ['all', width]), g.add(at, base), 0);
    const rows = g.reshape(queries, [streams, 'R', width, 1]);
    return g.reshape(g.matMul(own, rows), [streams, 'R', offsets.shape[2]!]);
  }
  const all = g.reshape(g.matMul(queries, g.transpose(vectors, 0, 2, 1)), [streams, 'R', 'T']);
  const zeros = g.constant(integers([streams, 1, 1], new Int32Array(streams)));
  return g.gatherElements(all, g.add(at, zeros), 2);
}

/** A table of numbers, by a function of head and offset, for offsets `first … last`. */
export function offsetNumbers(
  heads: number,
  first: number,
  last: number,
  at: (head: number, offset: number) => number,
): OffsetTable {
  const count = last - first + 1;
  const values = floats([heads, count]);
  for (let head = 0; head < heads; head++) {
    for (let t = 0; t < count; t++) values.data[head * count + t] = at(head, first + t);
  }
  return { first, values };
}
