/** What a graph from outside may hold: known operators, tensors as large as their data, subgraphs within bounds. */

import { fromBinary } from '@bufbuild/protobuf';

import { Problem } from '../../protocol/problem';
import {
  type Attribute,
  type Graph,
  GraphSchema,
  type Node,
  type Tensor,
  Tensor_DataLocation,
  Tensor_DataType,
} from '../onnx/onnx_pb';

/** The runtime's own operators; others would need a library with code of their own. */
const DOMAINS: readonly string[] = ['', 'ai.onnx', 'ai.onnx.ml', 'com.microsoft'];
/** The runtime takes a second for two thousand nodes, and minutes for many more. */
const MOST_NODES = 50_000;
const MOST_DEPTH = 8;
const MOST_ELEMENTS = 2 ** 40;

/** Fields of the format that Longsight's own part of it leaves out. */
const GRAPH_SPARSE_INITIALIZER = 15;
const ATTRIBUTE_GRAPHS: readonly number[] = [6, 11];
/** Lists of tensors, and sparse ones. */
const ATTRIBUTE_TENSORS: readonly number[] = [10, 22, 23];

const BITS: ReadonlyMap<Tensor_DataType, number> = new Map([
  [Tensor_DataType.FLOAT, 32],
  [Tensor_DataType.UINT8, 8],
  [Tensor_DataType.INT8, 8],
  [Tensor_DataType.UINT16, 16],
  [Tensor_DataType.INT16, 16],
  [Tensor_DataType.INT32, 32],
  [Tensor_DataType.INT64, 64],
  [Tensor_DataType.BOOL, 8],
  [Tensor_DataType.FLOAT16, 16],
  [Tensor_DataType.DOUBLE, 64],
  [Tensor_DataType.UINT32, 32],
  [Tensor_DataType.UINT64, 64],
  [Tensor_DataType.BFLOAT16, 16],
]);

/** @throws Problem for the first thing that may not be there. */
export function checkGraph(graph: Graph, path: string): void {
  const nodes = checkPart(graph, path, 0);
  if (nodes <= MOST_NODES) return;
  throw new Problem(
    `The graph of ${path} has ${nodes} nodes; expected at most ${MOST_NODES}. Export it without unrolling loops.`,
  );
}

/** Bytes of a tensor's elements; undefined for types that Longsight does not know. */
export function byteLength({ dims, dataType }: Tensor): number | undefined {
  const bits = BITS.get(dataType);
  return bits === undefined ? undefined : (elements(dims) * bits) / 8;
}

/** @returns how many nodes there are, those of subgraphs included. */
function checkPart(graph: Graph, path: string, depth: number): number {
  if (depth > MOST_DEPTH) {
    throw new Problem(`The graph of ${path} nests subgraphs deeper than ${MOST_DEPTH} levels.`);
  }
  if (graph.$unknown?.some(({ no }) => no === GRAPH_SPARSE_INITIALIZER)) {
    throw new Problem(`The graph of ${path} holds sparse weights, which Longsight does not read.`);
  }
  for (const tensor of graph.initializer) {
    checkTensor(tensor, path);
    if (depth > 0) refuseExternal(tensor, path);
  }
  let nodes = graph.node.length;
  for (const node of graph.node) {
    checkDomain(node, path);
    for (const attribute of node.attribute) nodes += checkAttribute(attribute, path, depth);
  }
  return nodes;
}

function checkDomain({ domain, opType }: Node, path: string): void {
  if (DOMAINS.includes(domain)) return;
  throw new Problem(
    `The graph of ${path} uses the operator ${opType} of the domain '${domain}', which needs code from elsewhere. Longsight runs the operators of ONNX and com.microsoft alone; export the model without it.`,
  );
}

function checkAttribute({ t, $unknown = [], name }: Attribute, path: string, depth: number): number {
  if (t !== undefined) {
    checkTensor(t, path);
    refuseExternal(t, path);
  }
  let nodes = 0;
  for (const { no, data } of $unknown) {
    if (ATTRIBUTE_TENSORS.includes(no)) {
      throw new Problem(
        `The graph of ${path} has an attribute '${name}' with a list of tensors or a sparse one.`,
      );
    }
    if (ATTRIBUTE_GRAPHS.includes(no)) nodes += checkPart(subgraph(data, path), path, depth + 1);
  }
  return nodes;
}

/** @param data a field as it was read: its length, then the message. */
function subgraph(data: Uint8Array, path: string): Graph {
  let start = 0;
  while (start < data.length && data[start]! >= 0x80) start += 1;
  try {
    return fromBinary(GraphSchema, data.subarray(start + 1));
  } catch (error) {
    throw new Problem(`A subgraph of ${path} cannot be read: ${(error as Error).message}.`);
  }
}

function checkTensor(tensor: Tensor, path: string): void {
  const { name, dims, rawData, dataLocation, $unknown = [] } = tensor;
  const size = elements(dims);
  const wrong = (found: string) =>
    new Problem(
      `In ${path}, the tensor '${name}' [${dims.join(', ')}] cannot be: ${found}. Export or copy the file again.`,
    );
  if (dims.some(length => length < 0n) || size > MOST_ELEMENTS) throw wrong('its shape is out of bounds');
  if (dataLocation === Tensor_DataLocation.EXTERNAL) return;
  if (rawData.length > 0) {
    const expected = byteLength(tensor);
    if (expected === undefined || expected === rawData.length) return;
    throw wrong(`it would take ${expected} bytes, found ${rawData.length}`);
  }
  // Numbers in lists of their own: at least a byte for each, or for two of four bits.
  const listed = $unknown.reduce((sum, { data }) => sum + data.length, 0);
  if (size > 2 * listed) throw wrong(`it would hold ${size} numbers, found ${listed} bytes`);
}

function refuseExternal({ name, dataLocation }: Tensor, path: string): void {
  if (dataLocation !== Tensor_DataLocation.EXTERNAL) return;
  throw new Problem(
    `In ${path}, the tensor '${name}' inside a node lies in another file; expected that of weights alone.`,
  );
}

function elements(dims: readonly bigint[]): number {
  return dims.reduce((product, length) => product * Number(length), 1);
}
