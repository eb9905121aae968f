/** What a run of a graph costs, in multiplications: so that progress is a share of the arithmetic. */

import type { HeadShape } from './heads';

export interface PartCost {
  /** Numbers of weights that every token is multiplied with. */
  readonly weights: number;
  /** How many attentions it holds. */
  readonly sites: number;
}

interface LayerShape {
  readonly q: HeadShape;
  readonly v: HeadShape;
}

/** The share of a run over a document that is done with a part. */
export function doneShare(
  parts: readonly PartCost[],
  part: number,
  layers: readonly LayerShape[],
  tokens: number,
): number {
  const each = attentionCost(layers, tokens) / layers.length;
  const cost = (of: readonly PartCost[]) =>
    of.reduce((sum, { weights, sites }) => sum + weights * tokens + sites * each, 0);
  return cost(parts.slice(0, part + 1)) / cost(parts);
}

/** All layers' attention, with every pair of tokens. */
export function attentionCost(layers: readonly LayerShape[], tokens: number): number {
  return layers.reduce((sum, { q, v }) => sum + q.heads * (q.width + v.width) * tokens ** 2, 0);
}
