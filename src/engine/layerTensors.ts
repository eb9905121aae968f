/** The tensors that one layer's mixer reads, as the forward pass fills them a block at a time. */

import type { Decoder, HeadShape } from './model/decoder';
import type { FloatTensor, Tensor } from './onnx/tensor';
import type { TensorStore } from './tensorStore';
import { type Block, type LayerHeads, paddedLength, type Tensors } from './variants/primitives/mixer';
import { keptHeads, SharedHeads } from './variants/primitives/sharedHeads';

export interface LayerTensors {
  /** Zeros for queries, keys and values of all tokens. */
  heads(): LayerHeads;
  /** The mixer's own tensors; those that are the same for all tokens are there from the first block on. */
  readonly own: Tensors;
  /** Those of `own` with a number or more for every token. */
  readonly ofTokens: Tensors;
  /** Takes what `project` gives of the mixer's own tensors. */
  keepOwn(parts: Readonly<Record<string, Tensor>>, span: Block): void;
}

export function layerTensors(
  { info, inputs }: Decoder,
  index: number,
  tokens: number,
  store: TensorStore,
): LayerTensors {
  const usual = (heads: number): HeadShape => ({ heads, width: info.headWidth });
  const shapes = inputs?.(index);
  const padded = paddedLength(tokens);
  const make = ({ heads, width }: HeadShape) => store.tensor([heads, padded, width]);
  const queries = () => {
    const shape = shapes?.q ?? usual(info.heads);
    return shape.heads === info.heads ? make(shape) : new SharedHeads(make(shape), info.heads);
  };
  const ofTokens = Object.fromEntries(
    Object.entries(shapes?.tokens ?? {}).map(([name, { heads, width }]) => [
      name,
      store.tensor(width === 1 ? [heads, tokens] : [heads, tokens, width]),
    ]),
  );
  const own: Record<string, FloatTensor> = { ...ofTokens };
  return {
    own,
    ofTokens,
    heads: () => ({
      q: queries(),
      k: make(shapes?.k ?? usual(info.keyValueHeads)),
      v: make(shapes?.v ?? usual(info.keyValueHeads)),
    }),
    keepOwn(parts, span) {
      for (const [name, tensor] of Object.entries(ofTokens)) keepBlock(tensor, parts[name]!, span);
      for (const name of shapes?.fixed ?? []) own[name] ??= parts[name] as FloatTensor;
    },
  };
}

/** Writes a block `[H, B, D]` into its place in `[H, P, D]`. */
export function keepBlock(to: FloatTensor, part: Tensor, { start, end }: Block): void {
  const { shape, data } = keptHeads(to);
  const [heads, padded, width = 1] = shape as [number, number, number?];
  const size = (end - start) * width;
  const rows = part.data as Float32Array;
  for (let head = 0; head < heads; head++) {
    data.set(rows.subarray(head * size, (head + 1) * size), (head * padded + start) * width);
  }
}
