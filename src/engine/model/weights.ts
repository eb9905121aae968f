/** The weights of one checkpoint, and the programs over them. */

import { GraphBuilder } from '../onnx/builder';
import type { Program, Value } from '../onnx/graph';
import type { ElementType } from '../onnx/tensor';
import { type ByteKind, int8Product } from './int8Product';
import { layerNorm } from './layers';
import { quantizeMatrix } from './quantize';
import type { TensorEntry } from './tensor';

const ELEMENT_TYPES: Readonly<Partial<Record<TensorEntry['dtype'], ElementType>>> = {
  F32: 'float32',
  F16: 'float16',
  BF16: 'bfloat16',
};

/** Names of what belongs to a numbered layer. */
const LAYER = /\.\d+\./;

/** What the matrices of the layers are multiplied as. */
export type MatrixFormat = 'float' | ByteKind;

interface WeightsOptions {
  readonly tensors: ReadonlyMap<string, TensorEntry>;
  readonly stamp: string;
  readonly format: MatrixFormat;
}

/**
 * Brings weights of a checkpoint into graphs by name. They stay on disk; as `int8`, the matrices of the layers are
 * made into 8-bit copies while a program is built.
 */
export class Weights {
  readonly #tensors: ReadonlyMap<string, TensorEntry>;
  readonly #stamp: string;
  readonly #format: MatrixFormat;

  constructor({ tensors, stamp, format }: WeightsOptions) {
    this.#tensors = tensors;
    this.#stamp = `${stamp}/${format}`;
    this.#format = format;
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
    const kind = this.#bytes(name);
    if (kind !== undefined) return this.#int8Linear(g, x, name, 0, kind);
    return g.linear(x, this.get(g, `${name}.weight`), this.#bias(g, name));
  }

  /** `x [B, I] -> [B, O]` with `name.weight [I, O]`, the other way round, and `name.bias [O]`. */
  transposedLinear(g: GraphBuilder, x: Value, name: string): Value {
    const kind = this.#bytes(name);
    if (kind !== undefined) return this.#int8Linear(g, x, name, 1, kind);
    const weight = this.get(g, `${name}.weight`);
    const bias = this.get(g, `${name}.bias`);
    return g.node('Gemm', [x, weight, bias], {}, x.type, [x.shape[0]!, weight.shape[1]!]);
  }

  /** LayerNorm with `name.weight` and, where the checkpoint has it, `name.bias`. */
  layerNorm(g: GraphBuilder, x: Value, name: string, epsilon: number): Value {
    return layerNorm(g, x, this.get(g, `${name}.weight`), this.#bias(g, name), epsilon);
  }

  #int8Linear(g: GraphBuilder, x: Value, name: string, outputs: 0 | 1, kind: ByteKind): Value {
    const product = int8Product(g, x, quantizeMatrix(this.entry(`${name}.weight`), outputs), kind);
    const bias = this.#bias(g, name);
    return bias === undefined ? product : g.add(product, bias);
  }

  /** The bytes of a matrix; undefined for floats, which the head keeps, since it is no part of a layer. */
  #bytes(name: string): ByteKind | undefined {
    return this.#format !== 'float' && LAYER.test(name) ? this.#format : undefined;
  }

  #bias(g: GraphBuilder, name: string): Value | undefined {
    return this.has(`${name}.bias`) ? this.get(g, `${name}.bias`) : undefined;
  }
}
