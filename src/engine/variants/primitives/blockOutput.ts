/** A block's outputs and statistics, put together from parts of its queries. */

import type { Attended, Block, BlockStats } from './mixer';
import type { SoftmaxResult } from './softmaxRows';

interface BlockOutput {
  readonly result: SoftmaxResult;
  /** Takes the rows of the queries `part`, a part of the block. */
  put(
    part: Block,
    of: Pick<Attended, 'y'> & { readonly stats: BlockStats; readonly logSum?: Float32Array },
  ): void;
}

/**
 * Outputs are `[heads, B, valueWidth]`.
 *
 * @param tellsMass whether the parts' log-sums are those of plain scores.
 */
export function blockOutput(
  { start, end }: Block,
  heads: number,
  valueWidth: number,
  tellsMass = false,
): BlockOutput {
  const length = end - start;
  const zeros = () => new Float32Array(heads * length);
  const logSum = tellsMass ? { logSum: zeros() } : {};
  const stats: BlockStats = { entropy: zeros(), span: zeros(), sink: zeros(), peak: zeros(), ...logSum };
  const y = new Float32Array(heads * length * valueWidth);
  return {
    result: { y, stats, weights: new Float32Array(0) },
    put(part, of) {
      const count = part.end - part.start;
      for (let head = 0; head < heads; head++) {
        const from = head * count;
        const to = head * length + part.start - start;
        y.set(of.y.subarray(from * valueWidth, (from + count) * valueWidth), to * valueWidth);
        for (const name of ['entropy', 'span', 'sink', 'peak'] as const) {
          stats[name].set(of.stats[name].subarray(from, from + count), to);
        }
        stats.logSum?.set(of.logSum!.subarray(from, from + count), to);
      }
    },
  };
}
