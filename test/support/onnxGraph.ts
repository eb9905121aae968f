/** Writes ONNX files by hand, node by node, as exporters do. */

import { create, type MessageInitShape, toBinary } from '@bufbuild/protobuf';

import {
  Attribute_Type,
  EntrySchema,
  type Model,
  ModelSchema,
  type Node,
  NodeSchema,
  Tensor_DataLocation,
  Tensor_DataType,
  TensorSchema,
  type Type_TensorTypeSchema,
  type ValueInfo,
  ValueInfoSchema,
} from '../../src/engine/onnx/onnx_pb';
import { toHalf } from '../../src/engine/onnx/halfFloat';

type Attributes = Readonly<Record<string, number | string | readonly number[] | { readonly float: number }>>;
type Dims = readonly (number | string)[];

const { FLOAT, INT32, INT64, BOOL } = Tensor_DataType;
export const TYPES = { float32: FLOAT, int32: INT32, int64: INT64, bool: BOOL } as const;

export class OnnxGraph {
  readonly model: Model;
  #count = 0;

  constructor(opset = 17) {
    this.model = create(ModelSchema, {
      irVersion: 9n,
      producerName: 'by hand',
      opsetImport: [
        { domain: '', version: BigInt(opset) },
        { domain: 'com.microsoft', version: 1n },
      ],
      graph: { name: 'model' },
    });
  }

  get #graph() {
    return this.model.graph!;
  }

  input(name: string, type: keyof typeof TYPES, dims: Dims): string {
    const dim = dims.map(length =>
      typeof length === 'number'
        ? { value: { case: 'dimValue' as const, value: BigInt(length) } }
        : { value: { case: 'dimParam' as const, value: length } },
    );
    this.#graph.input.push(valueInfo(name, { elemType: TYPES[type], shape: { dim } }));
    return name;
  }

  output(name: string, value: string): void {
    this.node('Identity', [value], {}, '', [name]);
    this.#graph.output.push(valueInfo(name, { elemType: FLOAT }));
  }

  weight(shape: readonly number[], data: Float32Array): string {
    return this.#initializer(FLOAT, shape, data);
  }

  floats(...numbers: readonly number[]): string {
    return this.#initializer(FLOAT, [numbers.length], Float32Array.from(numbers));
  }

  float(number: number): string {
    return this.#initializer(FLOAT, [], Float32Array.of(number));
  }

  ints(...numbers: readonly number[]): string {
    return this.#initializer(INT64, [numbers.length], BigInt64Array.from(numbers, BigInt));
  }

  int(number: number): string {
    return this.#initializer(INT64, [], BigInt64Array.of(BigInt(number)));
  }

  booleans(shape: readonly number[], data: Uint8Array): string {
    return this.#initializer(BOOL, shape, data);
  }

  /** Puts a node at the end; answers the name of its first output. */
  node(
    opType: string,
    input: readonly string[],
    attributes: Attributes = {},
    domain = '',
    output: readonly string[] = [this.#fresh(opType)],
  ): string {
    this.#graph.node.push(makeNode(opType, input, output, attributes, domain));
    return output[0]!;
  }

  /** As `node`, with several outputs. */
  nodes(opType: string, input: readonly string[], count: number, attributes: Attributes = {}): string[] {
    const output = Array.from({ length: count }, () => this.#fresh(opType));
    this.node(opType, input, attributes, '', output);
    return output;
  }

  microsoft(opType: string, input: readonly string[], attributes: Attributes = {}, outputs = 1): string {
    const output = Array.from({ length: outputs }, () => this.#fresh(opType));
    return this.node(opType, input, attributes, 'com.microsoft', output);
  }

  reshape(x: string, ...shape: readonly number[]): string {
    return this.node('Reshape', [x, this.ints(...shape)]);
  }

  transpose(x: string, ...perm: readonly number[]): string {
    return this.node('Transpose', [x], { perm });
  }

  cast(x: string, type: keyof typeof TYPES): string {
    return this.node('Cast', [x], { to: TYPES[type] });
  }

  einsum(equation: string, ...input: readonly string[]): string {
    return this.node('Einsum', input, { equation });
  }

  /** The length of one axis, `[1]` or a scalar. */
  length(x: string, axis: number, scalar = false): string {
    const shape = this.node('Shape', [x]);
    return this.node('Gather', [shape, scalar ? this.int(axis) : this.ints(axis)], { axis: 0 });
  }

  slice(x: string, start: number | string, end: number | string, axis: number): string {
    const bound = (at: number | string) => (typeof at === 'number' ? this.ints(at) : at);
    return this.node('Slice', [x, bound(start), bound(end), this.ints(axis)]);
  }

  encode(): Uint8Array {
    return toBinary(ModelSchema, this.model);
  }

  /** Moves every weight out of the file. @returns the bytes of the other file, named `location` in this one. */
  externalise(location: string): Uint8Array {
    const parts: Uint8Array[] = [];
    let offset = 0;
    for (const tensor of this.#graph.initializer) {
      if (tensor.dataType !== FLOAT || tensor.rawData.length === 0) continue;
      parts.push(tensor.rawData);
      const entries = { location, offset: String(offset), length: String(tensor.rawData.length) };
      offset += tensor.rawData.length;
      tensor.rawData = new Uint8Array(0);
      tensor.dataLocation = Tensor_DataLocation.EXTERNAL;
      tensor.externalData = Object.entries(entries).map(([key, value]) =>
        create(EntrySchema, { key, value }),
      );
    }
    return Buffer.concat(parts);
  }

  /** Everything in half precision: weights, casts, inputs and outputs. */
  halve(): void {
    const { FLOAT16 } = Tensor_DataType;
    for (const tensor of this.#graph.initializer) {
      if (tensor.dataType !== FLOAT) continue;
      const { buffer, byteOffset, byteLength } = tensor.rawData;
      const numbers = new Float32Array(buffer, byteOffset, byteLength / 4);
      tensor.rawData = new Uint8Array(Uint16Array.from(numbers, toHalf).buffer);
      tensor.dataType = FLOAT16;
    }
    for (const { opType, attribute } of this.#graph.node) {
      if (opType === 'Cast' && attribute[0]!.i === BigInt(FLOAT)) attribute[0]!.i = BigInt(FLOAT16);
    }
    for (const { type } of [...this.#graph.input, ...this.#graph.output]) {
      const { value } = type!.value;
      if (value!.elemType === FLOAT) value!.elemType = FLOAT16;
    }
  }

  #initializer(
    dataType: Tensor_DataType,
    shape: readonly number[],
    data: Float32Array | BigInt64Array | Uint8Array,
  ): string {
    const name = this.#fresh('weight');
    const rawData = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    this.#graph.initializer.push(create(TensorSchema, { name, dataType, dims: shape.map(BigInt), rawData }));
    return name;
  }

  #fresh(prefix: string): string {
    this.#count += 1;
    return `/model/${prefix}_${this.#count}`;
  }
}

function valueInfo(name: string, value: MessageInitShape<typeof Type_TensorTypeSchema>): ValueInfo {
  return create(ValueInfoSchema, { name, type: { value: { case: 'tensorType', value } } });
}

function makeNode(
  opType: string,
  input: readonly string[],
  output: readonly string[],
  attributes: Attributes,
  domain: string,
): Node {
  const attribute = Object.entries(attributes).map(([name, value]) => {
    if (typeof value === 'number') return { name, type: Attribute_Type.INT, i: BigInt(value) };
    if (typeof value === 'string') {
      return { name, type: Attribute_Type.STRING, s: new TextEncoder().encode(value) };
    }
    if ('float' in value) return { name, type: Attribute_Type.FLOAT, f: value.float };
    return { name, type: Attribute_Type.INTS, ints: value.map(BigInt) };
  });
  return create(NodeSchema, {
    name: `${output[0]!}_node`,
    opType,
    domain,
    input: [...input],
    output: [...output],
    attribute,
  });
}
