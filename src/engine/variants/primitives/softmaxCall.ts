/**
 * A call of the one softmax, and what it feeds to the graph. Letters as in `softmaxRows`.
 */

import { SPAN_MASS } from '../../../protocol/inspection';
import type { GraphBuilder } from '../../onnx/builder';
import type { Executor, Feeds, Value } from '../../onnx/graph';
import { floats, type FloatTensor, integers } from '../../onnx/tensor';
import { type KeyIndex, NOWHERE, takeKeys } from './keys';
import { headOf, TILE } from './mixer';
import { type PositionTerm, termFeeds } from './positionTerm';

/** Later than every token and before `NOWHERE`, also in float32. */
const EVERYWHERE = NOWHERE / 2;

/** The positions and labels a rule is written over, shaped to broadcast to `[B, K]`. */
export interface RuleTerms {
  /** `[B, 1]` query positions, float32. */
  readonly i: Value;
  /** `[1, K]` key positions, float32. */
  readonly j: Value;
  /** A label of tokens: `[B, 1]` at the queries and `[1, K]` at the keys. */
  label(name: string): { readonly i: Value; readonly j: Value };
}

/** Which keys a query sees, beyond causality. */
export interface Rule {
  /** Names the rule and its constants: equal keys mean equal graphs. */
  readonly key: string;
  /** A bool that broadcasts to `[B, K]`. */
  admits(g: GraphBuilder, terms: RuleTerms): Value;
}

export interface SoftmaxCall {
  readonly executor: Executor;
  /** `[S, G, B, D]` */
  readonly q: FloatTensor;
  /** `[S, P, D]`, or more streams where one is chosen. */
  readonly k: FloatTensor;
  /** `[S, P, E]`, likewise. */
  readonly v: FloatTensor;
  /** The one stream of k and v that is read, and then `S` is 1; all of them when absent. */
  readonly stream?: number;
  readonly scale: number;
  readonly causal: boolean;
  /** `[B]` positions of the queries. */
  readonly queries: Float32Array;
  readonly keys: KeyIndex;
  readonly rule?: Rule;
  /** Labels of the tokens, each at the queries `[B]` and at the gathered keys `[K]`. */
  readonly labels?: Readonly<Record<string, { readonly queries: Float32Array; readonly keys: Float32Array }>>;
  /** Set when a query may see no key at all; its row is then 0. */
  readonly mayBeEmpty?: boolean;
  /** Share of the row's mass that its span holds; 0.9 unless the row is part of a larger mixture. */
  readonly spanMass?: ((query: number) => number) | undefined;
  /** What depends on offsets, for the heads `[S * G]` of the call. */
  readonly position?: { readonly term: PositionTerm; readonly heads: readonly number[] } | undefined;
}

/** What a graph gives: outputs with their statistics, the weights, or both. */
export type Want = 'outputs' | 'weights' | 'both';

/** `[B]` */
export function spanShares({ queries, spanMass }: SoftmaxCall): Float32Array {
  return queries.map(query => spanMass?.(query) ?? SPAN_MASS);
}

/**
 * How many tiles at the end hold every key that position hides from some query, where that is the smaller
 * part: the mask is then added to these alone. Undefined where any key may be hidden, and where a number of its
 * own for every block would be a shape of its own.
 */
export function hiddenTiles(call: SoftmaxCall): number | undefined {
  const { executor, queries, keys, causal, rule } = call;
  if (rule !== undefined || executor.wantsFewShapes) return undefined;
  const { positions } = keys;
  const seenByAll = causal ? queries.reduce((least, query) => Math.min(least, query), NOWHERE) : EVERYWHERE;
  let seen = positions.length;
  while (seen > 0 && positions[seen - 1]! > seenByAll) seen -= 1;
  const tiles = positions.length / TILE;
  const hidden = Math.max(1, tiles - Math.floor(seen / TILE));
  return 2 * hidden <= tiles ? hidden : undefined;
}

export function softmaxFeeds(call: SoftmaxCall, want: Want): Feeds {
  const [streams, group, length, width] = call.q.shape as [number, number, number, number];
  const { queries, keys } = call;
  const labels = Object.entries(call.labels ?? {}).flatMap(([name, of]): [string, FloatTensor][] => [
    [`${name}_i`, floats([of.queries.length], of.queries)],
    [`${name}_j`, floats([of.keys.length], of.keys)],
  ]);
  const shares = spanShares(call);
  const rows = group * length;
  const hidden = hiddenTiles(call);
  return {
    q: floats([streams, rows, width], call.q.data),
    ...(isHeld(call) && heldFeeds(call)),
    k: keyFeed(call, call.k),
    ...(want !== 'weights' && { v: keyFeed(call, call.v) }),
    scale: floats([], Float32Array.of(call.scale)),
    spanMass: floats(
      [rows],
      Float32Array.from({ length: rows }, (_, r) => shares[r % length]!),
    ),
    i: floats([length], queries),
    last: floats([length], call.causal ? queries : new Float32Array(length).fill(EVERYWHERE)),
    j: floats([keys.positions.length], keys.positions),
    ...(hidden !== undefined && tailFeeds(keys, hidden, streams, rows)),
    ...Object.fromEntries(labels),
    ...(call.position && positionFeeds(call, call.position)),
  };
}

/** Whether the device keeps the keys and values: it then takes a call's own from the whole. */
export function isHeld({ executor, k, v }: SoftmaxCall): boolean {
  return executor.holds(k) && executor.holds(v);
}

function keyFeed(call: SoftmaxCall, x: FloatTensor): FloatTensor {
  if (isHeld(call)) return x;
  return takeKeys(call.stream === undefined ? x : headOf(x, call.stream), call.keys);
}

/** The keys' rows within a stream, and the first row of every stream. */
function heldFeeds({ q, k, stream = 0, keys }: SoftmaxCall): Feeds {
  const streams = q.shape[0]!;
  const firsts = Int32Array.from({ length: streams }, (_, at) => (stream + at) * k.shape[1]!);
  return { rows: integers([keys.rows.length], keys.rows), firsts: integers([streams, 1], firsts) };
}

/** Positions of the last `hidden` tiles of keys, and their places along `K`. */
function tailFeeds({ positions }: KeyIndex, hidden: number, streams: number, rows: number): Feeds {
  const first = positions.length - hidden * TILE;
  const places = Int32Array.from({ length: hidden * TILE }, (_, at) => first + at);
  return {
    tail_j: floats([places.length], positions.subarray(first)),
    tail_at: integers([places.length], places),
    tail_rows: integers([streams, rows, 1], new Int32Array(streams * rows)),
  };
}

function positionFeeds(
  { executor, q, queries, keys }: SoftmaxCall,
  { term, heads }: NonNullable<SoftmaxCall['position']>,
): Feeds {
  const [streams, , length] = q.shape as [number, number, number];
  const lowest = keys.positions[0]! - queries[length - 1]!;
  const highest = keys.positions[Math.max(0, keys.count - 1)]! - queries[0]!;
  const { wantsFewShapes } = executor;
  return termFeeds(term, { heads, streams, length, lowest, highest, wantsFewShapes });
}
