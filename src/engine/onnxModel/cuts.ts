/**
 * A graph in parts that run one after another, cut between its attentions where the least passes from one to the
 * next: so that a run can say how far it is. Weights, and what is made of weights alone, go with who reads them.
 */

import { create, toBinary } from '@bufbuild/protobuf';

import {
  type Graph,
  GraphSchema,
  type Model,
  ModelSchema,
  type Node,
  Tensor_DataType,
  type Tensor,
  ValueInfoSchema,
} from '../onnx/onnx_pb';
import { sizeOf } from '../onnx/tensor';
import type { SessionPart } from '../runtime/partedSession';
import type { PartCost } from './cost';

export interface GraphPart extends SessionPart, PartCost {}

/** Each part has threads of its own, and there is no need to know better how far a run is. */
const MOST_PARTS = 12;
/** Attributes that hold subgraphs, which read values without naming them as inputs. */
const ATTRIBUTE_GRAPHS: readonly number[] = [6, 11];
/** Operators whose results differ from run to run. */
const RANDOM = /^(Random|Multinomial|Bernoulli)/;
/** By the runtime's names of them. */
const TYPES: Readonly<Record<string, Tensor_DataType>> = {
  float32: Tensor_DataType.FLOAT,
  float16: Tensor_DataType.FLOAT16,
  float64: Tensor_DataType.DOUBLE,
  int8: Tensor_DataType.INT8,
  int16: Tensor_DataType.INT16,
  int32: Tensor_DataType.INT32,
  int64: Tensor_DataType.INT64,
  uint8: Tensor_DataType.UINT8,
  uint16: Tensor_DataType.UINT16,
  uint32: Tensor_DataType.UINT32,
  uint64: Tensor_DataType.UINT64,
  bool: Tensor_DataType.BOOL,
};

/** Types that weights do not have. */
const PLAIN: readonly Tensor_DataType[] = [
  Tensor_DataType.BOOL,
  Tensor_DataType.INT32,
  Tensor_DataType.INT64,
];

/**
 * @param model whose nodes from `own` on are taps, each of which goes with what it reads.
 * @param truths a value of every attention, in the order of the nodes.
 * @returns one part where the graph cannot be cut.
 */
export function cutGraph(model: Model, own: number, truths: readonly string[]): readonly GraphPart[] {
  const graph = model.graph!;
  const constants = constantsOf(graph);
  const cuts = placesOf(graph, own, truths, constants) ?? [];
  const makers = new Map(graph.node.flatMap(node => node.output.map(value => [value, node] as const)));
  const isGiven = new Set(graph.output.map(({ name }) => name));
  const parts = Array.from({ length: cuts.length + 1 }, () => [] as Node[]);
  const partOf = new Map<string, number>();
  for (const [at, node] of graph.node.entries()) {
    const isConstant = isConstantNode(node, constants);
    if (isConstant && !node.output.some(value => isGiven.has(value))) continue;
    const behind = Math.max(0, ...node.input.map(value => partOf.get(value) ?? 0));
    const part = at < own && !isConstant ? cuts.filter(cut => cut <= at).length : behind;
    parts[part]!.push(node);
    if (!isConstant) for (const value of present(node.output)) partOf.set(value, part);
  }
  const isTaken = parts.map(nodes => new Set(nodes.flatMap(({ input }) => input)));
  return parts.map((nodes, part) => {
    const all = [...constantNodes(nodes, makers, constants), ...nodes];
    const read = new Set(all.flatMap(({ input }) => input));
    const later = isTaken.slice(part + 1);
    const inputs = [
      ...graph.input.map(({ name }) => name).filter(name => read.has(name) && !constants.has(name)),
      ...[...read].filter(value => (partOf.get(value) ?? part) < part),
    ];
    const outputs = nodes
      .flatMap(({ output }) => present(output))
      .filter(value => isGiven.has(value) || (partOf.has(value) && later.some(taken => taken.has(value))));
    const initializer = graph.initializer.filter(({ name }) => read.has(name));
    return {
      inputs,
      outputs,
      weights: multiplied(all, initializer),
      sites: truths.filter(value => partOf.get(value) === part).length,
      encode: typeOf => encodePart(model, { nodes: all, initializer, inputs, outputs }, typeOf),
    };
  });
}

function present(values: readonly string[]): readonly string[] {
  return values.filter(value => value !== '');
}

function isConstantNode({ output }: Node, constants: ReadonlySet<string>): boolean {
  return present(output).every(value => constants.has(value));
}

/** Values that no input of the graph has a part in. */
function constantsOf({ initializer, node: nodes }: Graph): ReadonlySet<string> {
  const constants = new Set(initializer.map(({ name }) => name));
  for (const { opType, input, output } of nodes) {
    if (RANDOM.test(opType) || !present(input).every(value => constants.has(value))) continue;
    for (const value of present(output)) constants.add(value);
  }
  return constants;
}

/** The nodes before which to cut; undefined for a graph that is out of order, or has subgraphs. */
function placesOf(
  { node: nodes }: Graph,
  own: number,
  truths: readonly string[],
  constants: ReadonlySet<string>,
): readonly number[] | undefined {
  const made = new Map<string, number>();
  const last = new Map<string, number>();
  for (const [at, { output }] of nodes.slice(0, own).entries()) {
    for (const value of present(output)) if (!constants.has(value)) made.set(value, at);
  }
  for (const [at, { input, attribute }] of nodes.slice(0, own).entries()) {
    const unknown = attribute.flatMap(({ $unknown = [] }) => $unknown);
    if (unknown.some(({ no }) => ATTRIBUTE_GRAPHS.includes(no))) return undefined;
    if (input.some(value => (made.get(value) ?? -1) >= at)) return undefined;
    for (const value of input) last.set(value, at);
  }
  // How many values pass every place: one more after its maker, one less after its last reader.
  const changes = new Int32Array(own + 1);
  for (const [value, at] of made) {
    changes[at + 1]! += 1;
    changes[(last.get(value) ?? at) + 1]! -= 1;
  }
  let passing = 0;
  const counts = changes.map(change => (passing += change));
  const ends = truths.map(value => made.get(value) ?? 0);
  const places = ends.slice(1).map((end, site) => {
    let best = end;
    for (let at = end; at > ends[site]!; at--) if (counts[at]! <= counts[best]!) best = at;
    return best;
  });
  const step = Math.ceil(places.length / (MOST_PARTS - 1));
  return places.filter((_, at) => at % step === step - 1);
}

/** The constant nodes that `nodes` read, in order. */
function constantNodes(
  nodes: readonly Node[],
  makers: ReadonlyMap<string, Node>,
  constants: ReadonlySet<string>,
): readonly Node[] {
  const found = new Set<Node>();
  const own = new Set(nodes);
  const visit = (value: string) => {
    const maker = makers.get(value);
    if (maker === undefined || !constants.has(value) || found.has(maker) || own.has(maker)) return;
    maker.input.forEach(visit);
    found.add(maker);
  };
  for (const { input } of nodes) input.forEach(visit);
  return [...found];
}

/** Numbers of matrices, less those that are looked up and those that are masks or positions. */
function multiplied(nodes: readonly Node[], initializers: readonly Tensor[]): number {
  const looked = new Set(nodes.filter(({ opType }) => opType === 'Gather').map(({ input }) => input[0]));
  return initializers
    .filter(({ name, dims, dataType }) => dims.length > 1 && !looked.has(name) && !PLAIN.includes(dataType))
    .reduce((sum, { dims }) => sum + sizeOf(dims.map(Number)), 0);
}

function encodePart(
  { irVersion, producerName, opsetImport, graph }: Model,
  part: {
    readonly nodes: readonly Node[];
    readonly initializer: Tensor[];
    readonly inputs: readonly string[];
    readonly outputs: readonly string[];
  },
  typeOf: (value: string) => string | undefined,
): Uint8Array {
  const own = new Map(graph!.input.map(info => [info.name, info]));
  const made = new Set(part.nodes.flatMap(({ output }) => output));
  const valueInfo = (name: string, elemType?: Tensor_DataType) =>
    create(ValueInfoSchema, {
      name,
      ...(elemType !== undefined && {
        type: { value: { case: 'tensorType' as const, value: { elemType } } },
      }),
    });
  const given = new Map(graph!.output.map(info => [info.name, info]));
  return toBinary(
    ModelSchema,
    create(ModelSchema, {
      irVersion,
      producerName,
      opsetImport,
      graph: create(GraphSchema, {
        name: graph!.name,
        initializer: part.initializer,
        valueInfo: graph!.valueInfo.filter(({ name }) => made.has(name)),
        input: part.inputs.map(name => own.get(name) ?? valueInfo(name, TYPES[typeOf(name) ?? ''])),
        output: part.outputs.map(name => given.get(name) ?? valueInfo(name)),
        node: [...part.nodes],
      }),
    }),
  );
}
