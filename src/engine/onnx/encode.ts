/** Writes a graph in the ONNX file format: opset 21, IR version 10. */

import { create, toBinary } from '@bufbuild/protobuf';
import { parse } from 'node:path';

import type { AttributeValue, Graph, Initializer, Value } from './graph';
import {
  Attribute_Type,
  type AttributeSchema,
  ModelSchema,
  Tensor_DataLocation,
  Tensor_DataType,
  type TensorSchema,
} from './onnx_pb';
import type { ElementType } from './tensor';
import type { MessageInitShape } from '@bufbuild/protobuf';

/** The newest opset whose kernels WebGPU has. */
const OPSET = 21n;
const IR_VERSION = 10n;

export const DATA_TYPES: Readonly<Record<ElementType, Tensor_DataType>> = {
  float32: Tensor_DataType.FLOAT,
  float16: Tensor_DataType.FLOAT16,
  bfloat16: Tensor_DataType.BFLOAT16,
  int32: Tensor_DataType.INT32,
  int64: Tensor_DataType.INT64,
  int8: Tensor_DataType.INT8,
  uint8: Tensor_DataType.UINT8,
  bool: Tensor_DataType.BOOL,
};

export function encodeGraph(graph: Graph): Uint8Array {
  const model = create(ModelSchema, {
    irVersion: IR_VERSION,
    producerName: 'longsight',
    opsetImport: [
      { domain: '', version: OPSET },
      { domain: 'com.microsoft', version: 1n },
    ],
    graph: {
      name: graph.name,
      input: graph.inputs.map(valueInfo),
      output: graph.outputs.map(valueInfo),
      initializer: graph.initializers.map(initializer),
      node: graph.nodes.map((node, index) => ({
        name: `${node.op}_${index}`,
        opType: node.op,
        domain: node.domain,
        input: [...node.inputs],
        output: [...node.outputs],
        attribute: Object.entries(node.attributes).map(([name, value]) => attribute(name, value)),
      })),
    },
  });
  return toBinary(ModelSchema, model);
}

function valueInfo(value: Value) {
  const dim = value.shape.map(length =>
    typeof length === 'number'
      ? { value: { case: 'dimValue' as const, value: BigInt(length) } }
      : { value: { case: 'dimParam' as const, value: length } },
  );
  const tensorType = { elemType: DATA_TYPES[value.type], shape: { dim } };
  return { name: value.name, type: { value: { case: 'tensorType' as const, value: tensorType } } };
}

function attribute(name: string, value: AttributeValue): MessageInitShape<typeof AttributeSchema> {
  if (typeof value === 'number') return { name, type: Attribute_Type.INT, i: BigInt(value) };
  if (typeof value === 'string')
    return { name, type: Attribute_Type.STRING, s: new TextEncoder().encode(value) };
  if ('float' in value) return { name, type: Attribute_Type.FLOAT, f: value.float };
  return { name, type: Attribute_Type.INTS, ints: value.map(item => BigInt(item)) };
}

function initializer(item: Initializer): MessageInitShape<typeof TensorSchema> {
  if ('tensor' in item) {
    const { type, shape, data } = item.tensor;
    return {
      name: item.name,
      dataType: DATA_TYPES[type],
      dims: shape.map(BigInt),
      rawData: new Uint8Array(data.buffer, data.byteOffset, data.byteLength),
    };
  }
  const { file, offset, length } = item.external;
  return {
    name: item.name,
    dataType: DATA_TYPES[item.type],
    dims: item.shape.map(BigInt),
    dataLocation: Tensor_DataLocation.EXTERNAL,
    // Locations are read from the file system's root: Hugging Face caches link files across folders.
    externalData: [
      { key: 'location', value: file.slice(parse(file).root.length) },
      { key: 'offset', value: String(offset) },
      { key: 'length', value: String(length) },
    ],
  };
}
