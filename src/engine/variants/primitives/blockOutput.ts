/** A block's outputs and statistics, put together from parts of its queries. */

import type { Attended, Block, BlockStats } from './mixer';
import type { SoftmaxResult } from './softmaxRows';

interface BlockOutput {
  readonly result: SoftmaxResult;
  /** Takes the rows of the queries `part`, a part of the block. */
  put(part: Block, of: Pick<Attended, 'y'> & { readonly stats: BlockStats }): void;
}

/** Outputs are `[heads, B, valueWidth]`. */
export function blockOutput({ start, end }: Block, heads: number, valueWidth: number): BlockOutput {
  const length = end - start;
  const zeros = () => new Float32Array(heads * length);
  const stats = { entropy: zeros(), span: zeros(), sink: zeros(), peak: zeros() };
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
      }
    },
  };
}
