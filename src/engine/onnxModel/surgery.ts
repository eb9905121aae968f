/** The graph cut open: what is to be looked at becomes outputs, and only that is computed. */

import { create } from '@bufbuild/protobuf';

import {
  Attribute_Type,
  GraphSchema,
  type Model,
  ModelSchema,
  type Node,
  NodeSchema,
  Tensor_DataType,
  type ValueInfo,
  ValueInfoSchema,
} from '../onnx/onnx_pb';
import type { ModelFile } from './modelFile';
import type { Site, Tap } from './site';

/** Which queries' rows are taken, int64 `[R]`. */
export const ROWS = 'longsight.rows';
/** Zeros `[N, 1]`, which give a mask for all queries a row for each. */
export const COLUMN = 'longsight.column';

export interface Opened {
  /** The graph's own nodes, then those that take values out. */
  readonly model: Model;
  /** Of the inputs that the graph has beside its own, those that it reads. */
  readonly asks: readonly string[];
}

/** The output of a tap; float32 whatever the graph computes in. */
export function outputName({ value, extract }: Tap): string {
  return `longsight.${extract}.${value}`;
}

/** Every tap of a site, those for its checks included. */
export function tapsOf({ taps, truth, mask }: Site): readonly Tap[] {
  return [...Object.values(taps), truth.tap, ...(mask === undefined ? [] : [mask])];
}

export function openGraph({ model, graph }: ModelFile, sites: readonly Site[], more: readonly Tap[]): Opened {
  const taps = new Map([...sites.flatMap(tapsOf), ...more].map(tap => [outputName(tap), tap]));
  const all = [...taps.values()];
  const asks = [
    ...(all.some(({ extract }) => extract === 'rows' || extract === 'maskRows') ? [ROWS] : []),
    ...(all.some(({ extract }) => extract === 'maskRows') ? [COLUMN] : []),
  ];
  const inputs: Readonly<Record<string, ValueInfo>> = {
    [ROWS]: valueInfo(ROWS, Tensor_DataType.INT64),
    [COLUMN]: valueInfo(COLUMN, Tensor_DataType.FLOAT),
  };
  const opened = create(ModelSchema, {
    irVersion: model.irVersion,
    producerName: model.producerName,
    opsetImport: model.opsetImport,
    graph: create(GraphSchema, {
      name: graph.name,
      initializer: graph.initializer,
      valueInfo: graph.valueInfo,
      input: [...graph.input, ...asks.map(name => inputs[name]!)],
      output: [...taps.keys()].map(name => valueInfo(name, Tensor_DataType.FLOAT)),
      node: [...graph.node, ...sites.flatMap(({ nodes }) => nodes), ...all.flatMap(nodesOf)],
    }),
  });
  return { model: opened, asks };
}

function nodesOf(tap: Tap): Node[] {
  const output = outputName(tap);
  const raw = `${output}.raw`;
  const wide = `${output}.wide`;
  switch (tap.extract) {
    case 'whole':
      return [cast(tap.value, output)];
    case 'rows':
      return [gather(tap.value, raw), cast(raw, output)];
    case 'least':
      return [cast(tap.value, raw), node('ReduceMin', [raw], output, { keepdims: 0 })];
    case 'most':
      return [cast(tap.value, raw), node('ReduceMax', [raw], output, { keepdims: 0 })];
    case 'maskRows':
      return [cast(tap.value, raw), node('Add', [raw, COLUMN], wide, {}), gather(wide, output)];
  }
}

function cast(value: string, output: string): Node {
  return node('Cast', [value], output, { to: Tensor_DataType.FLOAT });
}

function gather(value: string, output: string): Node {
  return node('Gather', [value, ROWS], output, { axis: -2 });
}

function node(
  opType: string,
  input: string[],
  output: string,
  attributes: Readonly<Record<string, number>>,
): Node {
  const attribute = Object.entries(attributes).map(([name, value]) => ({
    name,
    type: Attribute_Type.INT,
    i: BigInt(value),
  }));
  return create(NodeSchema, { name: output, opType, input, output: [output], attribute });
}

/** Without a shape: the runtime finds it. */
function valueInfo(name: string, elemType: Tensor_DataType): ValueInfo {
  const type = { value: { case: 'tensorType' as const, value: { elemType } } };
  return create(ValueInfoSchema, { name, type });
}
