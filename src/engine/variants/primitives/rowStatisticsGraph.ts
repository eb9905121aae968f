/** Exact statistics of softmax rows, as graph nodes: a few passes over the weights, no sort, no n x n. */

import { SINK_TOKENS } from '../../../protocol/inspection';
import type { GraphBuilder } from '../../onnx/builder';
import type { Value } from '../../onnx/graph';
import type { Dim } from '../../onnx/tensor';
import { TILE } from './mixer';

interface Inputs {
  /** `[S, R, K]` */
  readonly weights: Value;
  /** `[S, R, K]` the scores the softmax saw. */
  readonly masked: Value;
  /** `[S, R]` mean of the scores under the weights. */
  readonly meanScore: Value;
  /**
   * Ascending positions of the keys: `[K]`; `[S, K]` where every stream has keys of its own; `[S, R, K]`
   * where every row has.
   */
  readonly positions: Value;
  /** `[R, 1]` share of a row's mass that its span holds. */
  readonly spanMass: Value;
}

/** Each `[S, R]`. */
interface StatisticsValues {
  readonly entropy: Value;
  readonly sink: Value;
  readonly peak: Value;
  /** Log of the sum of `exp(masked)`. */
  readonly logSum: Value;
  /** Position of the earliest key of the span; meant for keys that all lie at or before the query. */
  spanStart(): Value;
}

interface OutputOptions extends Inputs {
  /** What multiplied the weights, which are then no distribution. */
  readonly factor: Value | undefined;
  /** Whether no key lies after its query, as `spanStart` needs. */
  readonly looksBack: boolean;
}

/** Makes the statistics outputs of the graph: `entropy`, `sink`, `peak`, `logSum`, and `spanStart` looking back. */
export function outputStatistics(g: GraphBuilder, { factor, looksBack, ...inputs }: OutputOptions): void {
  const stats = factor === undefined ? rowStatistics(g, inputs) : shareStatistics(g, inputs);
  g.output('entropy', stats.entropy);
  g.output('sink', stats.sink);
  g.output('peak', stats.peak);
  g.output('logSum', stats.logSum);
  if (looksBack) g.output('spanStart', stats.spanStart());
}

function rowStatistics(g: GraphBuilder, inputs: Inputs): StatisticsValues {
  const { weights, masked, meanScore, positions } = inputs;
  const peak = g.reduce('ReduceMax', weights, 2);
  const tiles = tilesOf(g, weights);

  // -sum p log p = lse - sum p s; shares of the weights' own sum, which is 1 but for rounding.
  const logSum = logSumExp(g, tiles, masked);
  const mean = g.div(meanScore, g.arithmetic('Max', sumOf(g, tiles), 1e-38));
  const some = g.cast(g.compare('Greater', peak, 0), 'float32');
  const entropy = g.mul(g.arithmetic('Max', g.sub(logSum, mean), 0), some);

  // Keys ascend, so the first tokens of the document can only be among the first gathered.
  const head = g.slice(weights, 2, 0, SINK_TOKENS, SINK_TOKENS);
  const first = g.slice(positions, -1, 0, SINK_TOKENS, SINK_TOKENS);
  const isSink = g.cast(
    g.less(first.shape.length === 2 ? g.unsqueeze(first, 1) : first, SINK_TOKENS),
    'float32',
  );
  const sink = g.reduce('ReduceSum', g.mul(head, isSink), 2);

  return { entropy, sink, peak, logSum, spanStart: () => spanStart(g, tiles, inputs) };
}

/** The same of rows that are no distributions: entropy of their `|M|` shares, and the rest in `|M|`. */
function shareStatistics(g: GraphBuilder, inputs: Omit<Inputs, 'masked' | 'meanScore'>): StatisticsValues {
  const sizes = g.unary('Abs', inputs.weights);
  const total = g.reduce('ReduceSum', sizes, 2, true);
  const shares = g.div(sizes, g.arithmetic('Max', total, 1e-38));
  const logs = g.unary('Log', g.arithmetic('Max', shares, 1e-38));
  const meanScore = g.reduce('ReduceSum', g.mul(shares, logs), 2);
  const stats = rowStatistics(g, { ...inputs, weights: shares, masked: logs, meanScore });
  const mass = g.reduce('ReduceSum', sizes, 2);
  return { ...stats, sink: g.mul(stats.sink, mass), peak: g.mul(stats.peak, mass) };
}

/** The weights in tiles, and the mass that lies in and after each. */
interface Tiles {
  /** `[S, R, T, tile]` */
  readonly tiled: Value;
  /** `[S, R, T]` */
  readonly mass: Value;
  /** `[S, R, T]` */
  readonly from: Value;
  /** `[S, R, 1]` */
  readonly total: Value;
}

function tilesOf(g: GraphBuilder, weights: Value): Tiles {
  const tiled = inTiles(g, weights);
  const mass = g.reduce('ReduceSum', tiled, 3);
  const from = g.cumSum(mass, 2, true);
  return { tiled, mass, from, total: g.slice(from, 2, 0, 1, 1) };
}

function inTiles(g: GraphBuilder, x: Value): Value {
  const [streams, rows] = x.shape as [number, Dim];
  return g.reshape(x, [streams, rows, 'T', TILE]);
}

/** One tile of each row, `[S, R, tile]`; `at [S, R, 1]` says which. */
function tileAt(g: GraphBuilder, tiled: Value, at: Value): Value {
  const [streams, rows, , tile] = tiled.shape as [number, Dim, Dim, number];
  const lanes = g.constant({ type: 'float32', shape: [tile], data: new Float32Array(tile) });
  const index = g.cast(g.add(g.unsqueeze(at, 3), lanes), 'int32');
  return g.reshape(g.gatherElements(tiled, index, 2), [streams, rows, tile]);
}

/**
 * `s - log(p / sum)` at any key with a weight: at the strongest one of the tile in the middle of the row's mass, so
 * that no pass over all the scores is needed.
 */
function logSumExp(g: GraphBuilder, tiles: Tiles, scores: Value): Value {
  const { tiled, from, total } = tiles;
  const middle = lastAtLeast(g, from, g.mul(total, 0.5));
  const weight = g.reduce('ReduceMax', tileAt(g, tiled, middle), 2);
  const score = g.reduce('ReduceMax', tileAt(g, inTiles(g, scores), middle), 2);
  const log = (x: Value) => g.unary('Log', g.arithmetic('Max', x, 1e-38));
  return g.add(g.sub(score, log(weight)), log(sumOf(g, tiles)));
}

/** `[S, R]` */
function sumOf(g: GraphBuilder, { total }: Tiles): Value {
  const [streams, rows] = total.shape as [number, Dim];
  return g.reshape(total, [streams, rows]);
}

/**
 * Two steps from the row's end backwards: the tile in which the mass crosses the share, then the key
 * inside it.
 */
function spanStart(g: GraphBuilder, tiles: Tiles, { positions, spanMass }: Inputs): Value {
  const { tiled, mass, from, total } = tiles;
  const [streams, rows] = tiled.shape as [number, Dim];
  const wanted = g.mul(total, spanMass);
  const crossing = lastAtLeast(g, from, wanted);
  const beyond = g.gatherElements(g.sub(from, mass), g.cast(crossing, 'int32'), 2);
  const fromLane = g.add(g.cumSum(tileAt(g, tiled, crossing), 2, true), beyond);
  const lane = lastAtLeast(g, fromLane, wanted);

  const key = g.cast(g.add(g.mul(crossing, TILE), lane), 'int32');
  const flat = g.reshape(key, [streams, rows]);
  if (positions.shape.length === 1) return g.gather(positions, flat);
  if (positions.shape.length === 2) return g.gatherElements(positions, flat, 1);
  return g.reshape(g.gatherElements(positions, key, 2), [streams, rows]);
}

/** Index of the last entry of a falling sequence that is at least `wanted`; 0 if none: `[..., 1]`. */
function lastAtLeast(g: GraphBuilder, falling: Value, wanted: Value): Value {
  const reached = g.cast(g.compare('GreaterOrEqual', falling, wanted), 'float32');
  return g.arithmetic('Max', g.sub(g.reduce('ReduceSum', reached, 2, true), 1), 0);
}
