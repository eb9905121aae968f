/** Random blocks that a block of queries sees: given as a tensor, or drawn from a seed. */

import { Problem } from '../../../protocol/problem';
import type { Tensors } from './mixer';
import { ownTensor } from './ownTensor';
import { seeded } from './seeded';

/** Blocks that block `c` sees in a head, in any order, perhaps twice. */
export type BlockDraws = (head: number, c: number) => readonly number[];

interface Sizes {
  readonly heads: number;
  /** Blocks of the document. */
  readonly count: number;
}

/**
 * The tensor `random_blocks`: `[blocks, R]` or `[H, blocks, R]`, where the rows of the first and the last
 * block may be left out; -1 stands for none. With `R` = `blocks` and nothing but 0 and 1 it is a mask.
 * Undefined where it is not given.
 *
 * @throws Problem for another shape, or an entry that is no block.
 */
export function givenBlocks(tensors: Tensors, { heads, count }: Sizes): BlockDraws | undefined {
  const rowsOf = (rows: number) => [[rows, 'R'] as const, [heads, rows, 'R'] as const];
  const tensor = ownTensor(tensors, 'random_blocks', ...rowsOf(count), ...rowsOf(count - 2));
  if (tensor === undefined) return undefined;
  const { shape, data } = tensor;
  const [rows, each] = shape.slice(-2) as [number, number];
  const wrong = data.find(c => !Number.isInteger(c) || c < -1 || c >= count);
  if (wrong !== undefined) {
    throw new Problem(
      `The tensor 'random_blocks' holds ${wrong}, which is no block: they are 0 to ${count - 1}, or -1 for none.`,
    );
  }
  const skipped = (count - rows) / 2;
  const isMask = each === count && count > 2 && data.every(c => c === 0 || c === 1);
  return (head, c) => {
    if (c < skipped || c >= count - skipped) return [];
    const from = ((shape.length === 2 ? 0 : head) * rows + c - skipped) * each;
    const entries = Array.from(data.subarray(from, from + each));
    return isMask ? entries.flatMap((is, c) => (is === 1 ? [c] : [])) : entries.filter(other => other >= 0);
  };
}

/** At most `random` of the blocks from 1 that are neither the last nor `c` or its neighbours. */
export function drawnBlocks(
  count: number,
  { random, seed, causal }: { random: number; seed: number; causal: boolean },
): BlockDraws {
  const drawn = new Map<number, readonly number[]>();
  return (_, c) => {
    const known = drawn.get(c);
    if (known !== undefined) return known;
    const before = Math.max(0, c - 2);
    const after = causal ? 0 : Math.max(0, count - 1 - Math.max(1, c + 2));
    // Place `at` among the blocks to draw from: those before the window, then those after it.
    const place = (at: number) => (at < before ? 1 + at : Math.max(1, c + 2) + at - before);
    const { below } = seeded(seed, c);
    const places = new Set<number>();
    while (places.size < Math.min(random, before + after)) {
      places.add(random < before + after ? below(before + after) : places.size);
    }
    const blocks = [...places].map(place);
    drawn.set(c, blocks);
    return blocks;
  };
}
