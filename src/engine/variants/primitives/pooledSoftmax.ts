/** Rows of a softmax over keys given by a rule, pooled to cells in its graph. */

import { floats } from '../../onnx/tensor';
import { cellLayout, type CellLayout } from './cellLayout';
import { NOWHERE, type Ranges, ranges, rangesLength } from './keys';
import { headOf, type Layer, scaleOf, takeRows } from './mixer';
import { type BesideCall, pooledFeeds, pooledProgram } from './pooledGraph';
import type { Admission, PooledRead, PooledRows } from './pooledRead';
import type { Rule, SoftmaxCall } from './softmaxCall';

/** Weights in memory at once, which also bounds the time of a run to some tens of milliseconds. */
const MOST_WEIGHTS = 2 ** 21;
const MOST_QUERIES = 256;
/** A run of fewer takes mostly its start. */
const FEW_WEIGHTS = 2 ** 17;
/** As many such arrays a position term takes. */
const TERM_ARRAYS = 4;
/** Label of the keys that do more than fill a chunk. */
const REAL = 'real';

interface PooledSoftmax extends Admission {
  /** 0 stands for `1/sqrt(D)`. */
  readonly scale: number;
}

export async function pooledSoftmax(
  layer: Layer,
  options: PooledSoftmax,
  read: PooledRead,
): Promise<PooledRows> {
  const most = MOST_WEIGHTS / (layer.position === undefined ? 1 : TERM_ARRAYS);
  const { queries, seen } = together(options, read.queries, most);
  const layout = cellLayout(seen, read, layer.executor.wantsFewShapes);
  const cells = Math.ceil((read.keys.end - read.keys.start) / read.step);
  const size = queries.length * cells;
  const { counts } = read;
  if (layout.cells.length === 0) {
    const none = () => new Float32Array(size);
    const missed = read.beside && none();
    return { count: queries.length, mass: none(), admitted: counts ? none() : undefined, missed };
  }
  const call = softmaxCall(layer, options, read.head, queries, layout);
  const beside = read.beside && besideCall(read.beside, queries, layout);
  const pooled = { call, layout, counts, beside };
  const found = await layer.executor.run(pooledProgram(pooled), pooledFeeds(pooled));
  const sums = (name: string) => {
    const chunks = found[name];
    return chunks && cellSums(chunks.data as Float32Array, layout.cells, queries.length, cells);
  };
  return {
    count: queries.length,
    mass: sums('mass')!,
    admitted: sums('admitted'),
    missed: sums('missed'),
  };
}

/** As many of the first queries as are read in one run, and the keys that they see. */
function together(
  admission: Admission,
  queries: readonly number[],
  most: number,
): { readonly queries: readonly number[]; readonly seen: Ranges } {
  let count = 1;
  let seen = keysOf(admission, queries.slice(0, 1));
  while (count < queries.length && count < MOST_QUERIES) {
    const next = Math.min(2 * count, queries.length);
    const keys = keysOf(admission, queries.slice(0, next));
    const weights = rangesLength(keys) * next;
    if (weights > most) break;
    // Queries that share no keys would each read those of all.
    if (weights > FEW_WEIGHTS && rangesLength(keys) > 1.5 * rangesLength(seen)) break;
    count = next;
    seen = keys;
  }
  return { queries: queries.slice(0, count), seen };
}

/** Keys that some of the queries see, ascending. */
function keysOf({ keys }: Admission, queries: readonly number[]): Ranges {
  const [start, end] = [queries[0]!, queries.at(-1)! + 1];
  if (end - start === queries.length) return keys({ start, end });
  const pairs: [number, number][] = [];
  for (const query of queries) {
    const flat = keys({ start: query, end: query + 1 });
    for (let at = 0; at < flat.length; at += 2) pairs.push([flat[at]!, flat[at + 1]!]);
  }
  return ranges(Infinity, ...pairs);
}

function softmaxCall(
  layer: Layer,
  { causal, scale, rule, labels }: PooledSoftmax,
  head: number,
  queries: readonly number[],
  { index, real }: CellLayout,
): SoftmaxCall {
  const { executor, q, k, v, position } = layer;
  const [heads, , width] = q.shape as [number, number, number];
  const shown = real === undefined ? rule : realOnly(rule);
  return {
    executor,
    q: floats([1, 1, queries.length, width], takeRows(headOf(q, head), queries).data),
    k,
    v,
    stream: Math.floor((head * k.shape[0]!) / heads),
    scale: scaleOf(scale, width),
    causal,
    queries: Float32Array.from(queries),
    keys: index,
    ...(shown && { rule: shown }),
    position: position && { term: position, heads: [head] },
    labels: {
      ...labelsAt(labels, queries, index.rows),
      ...(real && { [REAL]: { queries: new Float32Array(queries.length), keys: real } }),
    },
  };
}

function realOnly(rule: Rule | undefined): Rule {
  return {
    key: `${REAL}+${rule?.key ?? ''}`,
    admits(g, terms) {
      const isReal = g.compare('Greater', terms.label(REAL).j, 0);
      return rule === undefined ? isReal : g.and(isReal, rule.admits(g, terms));
    },
  };
}

function labelsAt(
  labels: Admission['labels'],
  queries: readonly number[],
  keys: Int32Array,
): NonNullable<SoftmaxCall['labels']> {
  return Object.fromEntries(
    Object.entries(labels ?? {}).map(([name, of]) => [
      name,
      {
        queries: Float32Array.from(queries, query => of[query]!),
        keys: Float32Array.from(keys, key => of[key]!),
      },
    ]),
  );
}

function besideCall(admission: Admission, queries: readonly number[], { index }: CellLayout): BesideCall {
  const { rows, positions } = index;
  const seen = keysOf(admission, queries);
  const besides = new Float32Array(rows.length).fill(NOWHERE);
  let pair = 0;
  // Every key stands once, in ascending order, apart from those that only fill up.
  for (let at = 0; at < index.count; at++) {
    const key = positions[at]!;
    while (pair < seen.length && seen[pair + 1]! <= key) pair += 2;
    if (pair < seen.length && seen[pair]! <= key) besides[at] = key;
  }
  const last = admission.causal ? queries : Array<number>(queries.length).fill(NOWHERE / 2);
  return {
    rule: admission.rule,
    last: Float32Array.from(last),
    positions: besides,
    labels: labelsAt(admission.labels, queries, rows),
  };
}

/** `[rows, chunks]` to `[rows, cells]`. */
function cellSums(chunks: Float32Array, cellOf: Int32Array, rows: number, cells: number): Float32Array {
  const sums = new Float32Array(rows * cells);
  for (let row = 0; row < rows; row++) {
    for (let at = 0; at < cellOf.length; at++)
      sums[row * cells + cellOf[at]!]! += chunks[row * cellOf.length + at]!;
  }
  return sums;
}
