/** Exact statistics of softmax rows, as graph nodes: a few passes over the weights, no sort, no n x n. */

import type { GraphBuilder } from '../../onnx/builder';
import type { Value } from '../../onnx/graph';
import type { Dim } from '../../onnx/tensor';

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
  readonly sinkTokens: number;
  readonly tile: number;
}

/** Each `[S, R]`. */
export interface StatisticsValues {
  readonly entropy: Value;
  readonly sink: Value;
  readonly peak: Value;
  /** Position of the earliest key of the span; meant for keys that all lie at or before the query. */
  spanStart(): Value;
}

export function rowStatistics(g: GraphBuilder, inputs: Inputs): StatisticsValues {
  const { weights, masked, meanScore, positions, sinkTokens } = inputs;
  const peak = g.reduce('ReduceMax', weights, 2);

  // -sum p log p = lse - sum p s, with lse = s* - log p* at the strongest key.
  const logSum = g.sub(g.reduce('ReduceMax', masked, 2), g.unary('Log', g.arithmetic('Max', peak, 1e-38)));
  const some = g.cast(g.compare('Greater', peak, 0), 'float32');
  const entropy = g.mul(g.arithmetic('Max', g.sub(logSum, meanScore), 0), some);

  // Keys ascend, so the first tokens of the document can only be among the first gathered.
  const head = g.slice(weights, 2, 0, sinkTokens, sinkTokens);
  const first = g.slice(positions, -1, 0, sinkTokens, sinkTokens);
  const isSink = g.cast(
    g.less(first.shape.length === 2 ? g.unsqueeze(first, 1) : first, sinkTokens),
    'float32',
  );
  const sink = g.reduce('ReduceSum', g.mul(head, isSink), 2);

  return { entropy, sink, peak, spanStart: () => spanStart(g, inputs) };
}

/** The same of rows that are no distributions: entropy of their `|M|` shares, and the rest in `|M|`. */
export function shareStatistics(
  g: GraphBuilder,
  inputs: Omit<Inputs, 'masked' | 'meanScore'>,
): StatisticsValues {
  const sizes = g.unary('Abs', inputs.weights);
  const total = g.reduce('ReduceSum', sizes, 2, true);
  const shares = g.div(sizes, g.arithmetic('Max', total, 1e-38));
  const logs = g.unary('Log', g.arithmetic('Max', shares, 1e-38));
  const meanScore = g.reduce('ReduceSum', g.mul(shares, logs), 2);
  const stats = rowStatistics(g, { ...inputs, weights: shares, masked: logs, meanScore });
  const mass = g.reduce('ReduceSum', sizes, 2);
  return { ...stats, sink: g.mul(stats.sink, mass), peak: g.mul(stats.peak, mass) };
}

/**
 * Two steps from the row's end backwards: the tile in which the mass crosses the share, then the key
 * inside it.
 */
function spanStart(g: GraphBuilder, { weights, positions, spanMass, tile }: Inputs): Value {
  const [streams, rows] = weights.shape as [number, Dim];
  const tiled = g.reshape(weights, [streams, rows, 'T', tile]);
  const tileMass = g.reduce('ReduceSum', tiled, 3);
  const fromTile = g.cumSum(tileMass, 2, true);
  const wanted = g.mul(g.slice(fromTile, 2, 0, 1, 1), spanMass);
  const tileAt = lastAtLeast(g, fromTile, wanted);

  const beyond = g.gatherElements(g.sub(fromTile, tileMass), g.cast(tileAt, 'int32'), 2);
  const lanes = g.constant({ type: 'float32', shape: [tile], data: new Float32Array(tile) });
  const laneIndex = g.cast(g.add(g.unsqueeze(tileAt, 3), lanes), 'int32');
  const inTile = g.reshape(g.gatherElements(tiled, laneIndex, 2), [streams, rows, tile]);
  const fromLane = g.add(g.cumSum(inTile, 2, true), beyond);
  const laneAt = lastAtLeast(g, fromLane, wanted);

  const key = g.cast(g.add(g.mul(tileAt, tile), laneAt), 'int32');
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
