/** Whether a softmax is over the plain scores of its layer, so that its sum tells the mass it holds of a larger set. */

import type { Layer } from './mixer';
import type { SoftmaxResult } from './softmaxRows';

/** @param scale of the variant; 0 stands for the usual one. */
export function isPlain({ position }: Layer, scale: number): boolean {
  return position === undefined && scale === 0;
}

/** The result with its log-sums among the statistics. */
export function tellingMass(result: SoftmaxResult): SoftmaxResult {
  const { stats, logSum } = result;
  return logSum === undefined ? result : { ...result, stats: { ...stats, logSum } };
}
