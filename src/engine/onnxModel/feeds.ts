/** What an exported model asks for, from token ids alone: no padding, no past. */

import { Problem } from '../../protocol/problem';
import { type Graph, Tensor_DataType, type ValueInfo } from '../onnx/onnx_pb';
import type { Feeds } from '../onnx/graph';
import { type ElementType, type HostArrays, sizeOf, type Tensor } from '../onnx/tensor';
import type { GraphIndex } from './graphIndex';

const KNOWN =
  'input_ids, attention_mask, token_type_ids, position_ids, cache_position, seqlens_k, total_sequence_length, past_*';

const TYPES: ReadonlyMap<Tensor_DataType, ElementType> = new Map([
  [Tensor_DataType.FLOAT, 'float32'],
  [Tensor_DataType.FLOAT16, 'float16'],
  [Tensor_DataType.INT32, 'int32'],
  [Tensor_DataType.INT64, 'int64'],
  [Tensor_DataType.BOOL, 'bool'],
]);
const MOST_PAST = 2 ** 20;

interface Declared {
  readonly name: string;
  readonly type: ElementType;
  /** Lengths, and names of those that are known when the graph runs. */
  readonly dims: readonly (number | string)[];
}

type Fill = (token: number, tokens: number) => number;

/** Inputs with a number for every token. */
const BY_TOKEN: readonly (readonly [RegExp, Fill])[] = [
  [/^(attention_mask|input_mask|mask)$/i, () => 1],
  [/^(token_type_ids|segment_ids)$/i, () => 0],
  [/^(position_ids|cache_position)$/i, token => token],
];
/** Inputs with one number. */
const ONCE: readonly (readonly [RegExp, Fill])[] = [
  [/^(seqlens_k|past_seq_len)$/i, (_, tokens) => tokens - 1],
  [/^total_seq(uence)?_len(gth)?$/i, (_, tokens) => tokens],
];
const IDS = /^(input_?ids|input(\.1)?|ids|tokens|x)$/i;
const PAST = /^past/i;
/** Inputs that have a meaning of their own. */
const OTHERS = [...[...BY_TOKEN, ...ONCE].map(([pattern]) => pattern), PAST];

export interface Inputs {
  /** The name of the input that takes token ids. */
  readonly ids: string;
  /** The only number of tokens that the graph takes; undefined where it takes any. */
  readonly length: number | undefined;
  feeds(ids: Int32Array): Feeds;
}

/** @throws Problem naming an input that Longsight has nothing for. */
export function readInputs(graph: Graph, index: GraphIndex, path: string): Inputs {
  const declared = graph.input
    // Old files list their weights among the inputs.
    .filter(({ name }) => index.initializer(name) === undefined)
    .map(info => declaredInput(info, path));
  const ids = idsAmong(declared);
  if (ids === undefined) {
    throw new Problem(
      `${path} takes no token ids: expected an input input_ids, or only one input, of whole numbers [batch, tokens]; found ${shown(declared)}.`,
    );
  }
  const fixed = ids.dims.at(-1);
  const makers = declared.map(input => [input.name, maker(input, ids, path)] as const);
  return {
    ids: ids.name,
    length: typeof fixed === 'number' ? fixed : undefined,
    feeds: numbers => Object.fromEntries(makers.map(([name, make]) => [name, make(numbers)])),
  };
}

/** By its name, else the only one that can be: exporters keep the names of a function's own arguments. */
function idsAmong(inputs: readonly Declared[]): Declared | undefined {
  const possible = inputs.filter(
    ({ type, dims }) => isWhole(type) && (dims.length === 1 || dims.length === 2),
  );
  const named = inputs.find(({ name }) => IDS.test(name));
  if (named !== undefined) return possible.find(input => input === named);
  const [only, ...more] = possible.filter(({ name }) => !OTHERS.some(pattern => pattern.test(name)));
  return more.length === 0 ? only : undefined;
}

function declaredInput({ name, type }: ValueInfo, path: string): Declared {
  const tensor = type?.value.case === 'tensorType' ? type.value.value : undefined;
  const element = tensor && TYPES.get(tensor.elemType);
  if (tensor === undefined || element === undefined) {
    throw new Problem(
      `${path} takes an input '${name}' that is no tensor of float, float16, int32, int64 or bool numbers; Longsight feeds ${KNOWN}.`,
    );
  }
  const dims = (tensor.shape?.dim ?? []).map(({ value }) =>
    value.case === 'dimValue' ? Number(value.value) : (value.value ?? '?'),
  );
  return { name, type: element, dims };
}

function maker(input: Declared, ids: Declared, path: string): (ids: Int32Array) => Tensor {
  const { name, type, dims } = input;
  const shape = (tokens: number) => (dims.length === 1 ? [tokens] : [1, tokens]);
  if (input === ids) return numbers => tensor(type, shape(numbers.length), at => numbers[at]!);
  const byToken = BY_TOKEN.find(([pattern]) => pattern.test(name));
  if (byToken !== undefined && dims.length <= 2) {
    const [, fill] = byToken;
    return ({ length }) => tensor(type, shape(length), token => fill(token, length));
  }
  const once = ONCE.find(([pattern]) => pattern.test(name));
  if (once !== undefined && dims.length <= 2) {
    const [, fill] = once;
    return ({ length }) =>
      tensor(
        type,
        dims.map(() => 1),
        () => fill(0, length),
      );
  }
  if (PAST.test(name) && dims.length >= 3) {
    const empty = pastShape(input, path);
    return () => tensor(type, empty, () => 0);
  }
  throw new Problem(
    `${path} takes an input '${name}' ${type} [${dims.join(', ')}]; Longsight feeds ${KNOWN}. Export the model for text alone, without inputs of another kind.`,
  );
}

/** Keys or values `[batch, G, 0, D]`, or both `[2, batch, G, 0, D]`: the length that is open stays empty. */
function pastShape({ name, dims }: Declared, path: string): readonly number[] {
  const batch = dims.length === 5 ? 1 : 0;
  const shape = dims.map((length, axis) => {
    if (typeof length === 'number') return length;
    return axis === batch || /batch/i.test(length) ? 1 : 0;
  });
  const open = shape.filter(length => length === 0).length;
  const size = shape.reduce((product, length) => product * Math.max(1, length), 1);
  if (open === 1 && size <= MOST_PAST) return shape;
  throw new Problem(
    `${path} takes a past '${name}' [${dims.join(', ')}], which cannot be empty: expected one open length beside the batch, found ${open}. Export the model without past, or with dynamic axes.`,
  );
}

function tensor(type: ElementType, shape: readonly number[], value: (at: number) => number): Tensor {
  const size = sizeOf(shape);
  if (type === 'int64') {
    return { type, shape, data: BigInt64Array.from({ length: size }, (_, at) => BigInt(value(at))) };
  }
  const make = ARRAYS[type];
  const data = make(size);
  const one = type === 'float16' ? FLOAT16_ONE : 1;
  for (let at = 0; at < size; at++) data[at] = value(at) * one;
  return { type, shape, data };
}

/** Bits of 1 in half precision; the numbers fed in it are zeros and ones. */
const FLOAT16_ONE = 0x3c00;

const ARRAYS: Readonly<
  Record<Exclude<ElementType, 'int64'>, (size: number) => Exclude<HostArrays[ElementType], BigInt64Array>>
> = {
  float32: size => new Float32Array(size),
  float16: size => new Uint16Array(size),
  bfloat16: size => new Uint16Array(size),
  int32: size => new Int32Array(size),
  int8: size => new Int8Array(size),
  uint8: size => new Uint8Array(size),
  bool: size => new Uint8Array(size),
};

function isWhole(type: ElementType): boolean {
  return type === 'int64' || type === 'int32';
}

function shown(inputs: readonly Declared[]): string {
  const listed = inputs.slice(0, 12).map(({ name, type, dims }) => `${name} ${type} [${dims.join(', ')}]`);
  return listed.length === 0 ? 'no inputs' : listed.join(', ');
}
