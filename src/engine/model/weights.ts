/** The weights of one checkpoint, and the programs over them. */

import { GraphBuilder } from '../onnx/builder';
import type { Program, Value } from '../onnx/graph';
import type { ElementType } from '../onnx/tensor';
import { layerNorm } from './layers';
import type { TensorEntry } from './tensor';

const ELEMENT_TYPES: Readonly<Partial<Record<TensorEntry['dtype'], ElementType>>> = {
  F32: 'float32',
  F16: 'float16',
  BF16: 'bfloat16',
};

/** Brings weights of a checkpoint into graphs by name; they stay on disk. */
export class Weights {
  readonly #tensors: ReadonlyMap<string, TensorEntry>;
  readonly #stamp: string;

  constructor({ tensors, stamp }: { tensors: ReadonlyMap<string, TensorEntry>; stamp: string }) {
    this.#tensors = tensors;
    this.#stamp = stamp;
  }

  /** A program of this checkpoint; `stage` names all that it depends on besides. */
  program(stage: string, build: (g: GraphBuilder) => void): Program {
    const key = `${this.#stamp}/${stage}`;
    return {
      key,
      build() {
        const g = new GraphBuilder(key);
        build(g);
        return g.build();
      },
    };
  }

  entry(name: string): TensorEntry {
    const entry = this.#tensors.get(name);
    if (entry === undefined) throw new Error(`The checkpoint has no tensor ${name}.`);
    return entry;
  }

  has(name: string): boolean {
    return this.#tensors.has(name);
  }

  get(g: GraphBuilder, name: string): Value {
    const entry = this.entry(name);
    const type = ELEMENT_TYPES[entry.dtype];
    if (type === undefined) throw new Error(`The checkpoint has no float tensor ${name}.`);
    return g.weight(name, type, entry.shape, entry);
  }

  /** `x [B, I] -> [B, O]` with `name.weight [O, I]` and, where the checkpoint has it, `name.bias [O]`. */
  linear(g: GraphBuilder, x: Value, name: string): Value {
    return g.linear(x, this.get(g, `${name}.weight`), this.#bias(g, name));
  }

  /** `x [B, I] -> [B, O]` with `name.weight [I, O]`, the other way round, and `name.bias [O]`. */
  transposedLinear(g: GraphBuilder, x: Value, name: string): Value {
    const weight = this.get(g, `${name}.weight`);
    const bias = this.get(g, `${name}.bias`);
    return g.node('Gemm', [x, weight, bias], {}, x.type, [x.shape[0]!, weight.shape[1]!]);
  }

  /** LayerNorm with `name.weight` and, where the checkpoint has it, `name.bias`. */
  layerNorm(g: GraphBuilder, x: Value, name: string, epsilon: number): Value {
    return layerNorm(g, x, this.get(g, `${name}.weight`), this.#bias(g, name), epsilon);
  }

  #bias(g: GraphBuilder, name: string): Value | undefined {
    return this.has(`${name}.bias`) ? this.get(g, `${name}.bias`) : undefined;
  }
}
