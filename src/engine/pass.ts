/** Where the queries, keys and values of an inspection come from, and where its attention goes. */

import type { Block, Layer } from './variants/primitives/mixer';

export interface Pass {
  /** A layer with all its queries, keys and values. */
  layer(index: number): Promise<Layer>;
  /** The first token to attend in a layer. */
  first(index: number): number;
  /** Takes a block of the layer's outputs, `y [H, B, E]`. */
  feed(index: number, block: Block, y: Float32Array): Promise<void>;
  /** After the last layer. */
  finish(): Promise<void>;
}

export function* blocks(from: number, to: number, length: number): Generator<Block> {
  for (let start = from; start < to; start += length) yield { start, end: Math.min(to, start + length) };
}
