/** The blocks that attention runs in, cut as the pipeline cuts them. */

import { blockLength } from '../src/engine/attention';
import type { Block, Mixer } from '../src/engine/variants/primitives/mixer';

export function blocksOf(mixer: Mixer, tokens: number, heads: number): Block[] {
  const blocks: Block[] = [];
  for (let start = 0; start < tokens;) {
    const end = Math.min(tokens, start + blockLength([mixer], start, tokens, heads));
    blocks.push({ start, end });
    start = end;
  }
  return blocks;
}

/** `count` of the items, each from the middle of an equal part. */
export function evenly<T>(items: readonly T[], count: number): T[] {
  return Array.from({ length: count }, (_, at) => items[Math.floor(((at + 0.5) * items.length) / count)]!);
}
