/** Exact statistics of softmax rows, as graph nodes: a few passes over the weights, no sort, no n x n. */

import type { GraphBuilder } from '../../onnx/builder';
import type { Value } from '../../onnx/graph';
import type { Dim } from '../../onnx/tensor';

interface Inputs {
  /** `[S, G, B, K]` */
  readonly weights: Value;
  /** `[S, G, B, K]` the scores the softmax saw. */
  readonly masked: Value;
  /** `[K]` ascending positions of the keys. */
  readonly positions: Value;
  /** `[B, 1]` share of a row's mass that its span holds. */
  readonly spanMass: Value;
  readonly sinkTokens: number;
  readonly tile: number;
}

/** Each `[S, G, B]`. */
export interface StatisticsValues {
  readonly entropy: Value;
  readonly sink: Value;
  readonly peak: Value;
  /** Position of the earliest key of the span; meant for keys that all lie at or before the query. */
  spanStart(): Value;
}

export function rowStatistics(g: GraphBuilder, inputs: Inputs): StatisticsValues {
  const { weights, masked, positions, spanMass, sinkTokens, tile } = inputs;
  const [streams, group, block] = weights.shape as [number, number, Dim];
  const peak = g.reduce('ReduceMax', weights, 3);

  // -sum p log p = lse - sum p s, with lse = s* - log p* at the strongest key.
  const logSum = g.sub(g.reduce('ReduceMax', masked, 3), g.unary('Log', g.arithmetic('Max', peak, 1e-38)));
  const row = g.unsqueeze(weights, 3);
  const column = g.unsqueeze(masked, 4);
  const meanScore = g.reshape(g.matMul(row, column), [streams, group, block]);
  const entropy = g.arithmetic('Max', g.sub(logSum, meanScore), 0);

  // Keys ascend, so the first tokens of the document can only be among the first gathered.
  const head = g.slice(weights, 3, 0, sinkTokens, sinkTokens);
  const isSink = g.cast(g.less(g.slice(positions, 0, 0, sinkTokens, sinkTokens), sinkTokens), 'float32');
  const sink = g.reduce('ReduceSum', g.mul(head, isSink), 3);

  return { entropy, sink, peak, spanStart: () => spanStart(g, { weights, positions, spanMass, tile }) };
}

/**
 * Two steps from the row's end backwards: the tile in which the mass crosses the share, then the key
 * inside it.
 */
function spanStart(
  g: GraphBuilder,
  { weights, positions, spanMass, tile }: Pick<Inputs, 'weights' | 'positions' | 'spanMass' | 'tile'>,
): Value {
  const [streams, group, block] = weights.shape as [number, number, Dim];
  const tiled = g.reshape(weights, [streams, group, block, 'T', tile]);
  const tileMass = g.reduce('ReduceSum', tiled, 4);
  const fromTile = g.cumSum(tileMass, 3, true);
  const total = g.slice(fromTile, 3, 0, 1, 1);
  const wanted = g.mul(total, spanMass);
  const tileAt = lastAtLeast(g, fromTile, wanted);

  const tileIndex = g.cast(tileAt, 'int32');
  const beyond = g.gatherElements(g.sub(fromTile, tileMass), tileIndex, 3);
  const lanes = g.constant({ type: 'float32', shape: [tile], data: new Float32Array(tile) });
  const laneIndex = g.cast(g.add(g.reshape(tileAt, [streams, group, block, 1, 1]), lanes), 'int32');
  const inTile = g.reshape(g.gatherElements(tiled, laneIndex, 3), [streams, group, block, tile]);
  const fromLane = g.add(g.cumSum(inTile, 3, true), beyond);
  const laneAt = lastAtLeast(g, fromLane, wanted);

  const key = g.cast(g.add(g.mul(tileAt, tile), laneAt), 'int32');
  return g.gather(positions, g.reshape(key, [streams, group, block]));
}

/** Index of the last entry of a falling sequence that is at least `wanted`; 0 if none: `[..., 1]`. */
function lastAtLeast(g: GraphBuilder, falling: Value, wanted: Value): Value {
  const reached = g.cast(g.compare('GreaterOrEqual', falling, wanted), 'float32');
  return g.arithmetic('Max', g.sub(g.reduce('ReduceSum', reached, 3, true), 1), 0);
}
