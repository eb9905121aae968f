/** A layer of standard normal queries, keys and values. */

import type { Executor } from '../src/engine/onnx/graph';
import { floats } from '../src/engine/onnx/tensor';
import {
  type ExampleSizes,
  type Layer,
  paddedLength,
  type Tensors,
} from '../src/engine/variants/primitives/mixer';
import { seeded } from '../src/engine/variants/primitives/seeded';

/** Tokens of the units that stand for those of a text. */
export const UNITS = { word: 2, sentence: 24, paragraph: 120 } as const;

interface RandomLayer {
  readonly executor: Executor;
  readonly tokens: number;
  readonly heads: number;
  /** Key-value heads. */
  readonly groups: number;
  readonly width: number;
  /** Tensors of a variant's own. */
  tensors?(sizes: ExampleSizes): Tensors;
}

/** Equal sizes give equal numbers. */
export function randomLayer(sizes: RandomLayer): Layer {
  const { executor, tokens, heads, groups, width, tensors } = sizes;
  const { normal } = seeded(tokens);
  const padded = paddedLength(tokens);
  const random = (count: number) => {
    const x = floats([count, padded, width]);
    for (let h = 0; h < count; h++)
      for (let at = 0; at < tokens * width; at++) x.data[h * padded * width + at] = normal();
    return x;
  };
  return {
    executor,
    index: 0,
    count: 1,
    tokens,
    q: random(heads),
    k: random(groups),
    v: random(groups),
    units: unit => Int32Array.from({ length: tokens }, (_, i) => Math.floor(i / UNITS[unit])),
    tensors: tensors?.({ heads, tokens, width, normal }) ?? {},
  };
}
