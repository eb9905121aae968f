/**
 * The contract of every variant: `plan` decides over a layer's queries and keys, `attend` computes a
 * block of outputs, `rows` says exactly what a query looked at.
 *
 * Letters: `H` query heads, `G` key-value heads (`H` is a multiple), `N` tokens, `P` = `N` rounded up
 * to a multiple of `TILE`, `D` width of q and k, `E` width of v, `B` queries of a block.
 */

import type { VariantInfo } from '../../../protocol/inspection';
import type { Executor } from '../../onnx/graph';
import { floats, type FloatTensor } from '../../onnx/tensor';
import type { MixerMemory } from './memory';
import type { Admission, PooledRead, PooledRows } from './pooledRead';
import type { PositionTerm } from './positionTerm';
import { type Params, type ParamSpecs, resolveParams } from './params';

/** Arrays over tokens are padded with zeros to a multiple of this. */
export const TILE = 64;

export type TextUnit = 'word' | 'sentence' | 'paragraph';

/** What a mixer works on: one layer of one document. */
export interface Layer {
  /** `N` */
  readonly tokens: number;
  /** `[H, P, D]` */
  readonly q: FloatTensor;
  /** `[G, P, D]` */
  readonly k: FloatTensor;
  /** `[G, P, E]` */
  readonly v: FloatTensor;
  readonly executor: Executor;
  /** Which layer of the model this is, and of how many; 0 of 1 for a tensor file. */
  readonly index: number;
  readonly count: number;
  /** The unit index of every token, `[N]`, non-decreasing from 0; undefined where there is no text. */
  readonly units: ((unit: TextUnit) => Int32Array) | undefined;
  /** Tensors of the variant's own, by the catalogue's names; what is missing is fitted, seeded or absent. */
  readonly tensors: Tensors;
  /** Queries, keys and values of all tokens as a global query has them; those of every query if absent. */
  readonly globals?: LayerHeads;
  /** What a position modifier around the variant, or the model itself, does to the scores. */
  readonly position?: PositionTerm;
}

/** What a query reads. */
export type LayerHeads = Pick<Layer, 'q' | 'k' | 'v'>;

export type Tensors = Readonly<Record<string, FloatTensor>>;

/** Queries `start … end - 1`. */
export interface Block {
  readonly start: number;
  readonly end: number;
}

/** Statistics of the rows of a block, each `[H, B]`; as in the protocol's `StatName`. */
export interface BlockStats {
  readonly entropy: Float32Array;
  readonly span: Float32Array;
  readonly sink: Float32Array;
  readonly peak: Float32Array;
  /**
   * The logarithm of the sum of `exp(q.k * scale)` over the admitted keys, where a row is one softmax of the
   * plain scores: what tells the mass of a larger set that this one holds.
   */
  readonly logSum?: Float32Array;
}

export interface Attended {
  /** `[H, B, E]` */
  readonly y: Float32Array;
  /** Undefined where a block's rows are never formed, as in recurrent mixers: ask for the row then. */
  readonly stats: BlockStats | undefined;
}

/** Row `i` of `M` for one head, over the keys the variant admits. */
export interface MixerRow {
  /** Ascending positions. */
  readonly keys: Int32Array;
  readonly weights: Float32Array;
}

/** Rows of a block's queries. */
export type BlockRows = (head: number, query: number) => MixerRow;

/** A set of positions in a plan; `parent` indexes the list it stands in, before this node, or is -1. */
export interface PlanNode {
  readonly parent: number;
  readonly kind: string;
  readonly label: string;
  /** Flat half-open pairs: start, end, start, end … */
  readonly ranges: Int32Array;
}

/** A variant with its parameters and its plan for one layer. */
export interface Mixer {
  /** Keys of a memory before the document's own: rows have `memory + N` entries, the memory's first. */
  readonly memory?: number;
  /** How many (query, key) pairs a block costs, for progress. */
  cost(block: Block): number;
  /** Keys that could be read in the time that a row takes for each of its own; 1 if absent. */
  readonly rowCost?: number;
  /** How many queries from `start` on are best attended together, at most `most`; the caller's choice if absent. */
  blockLength?(start: number, most: number): number;
  attend(block: Block): Promise<Attended>;
  row(head: number, query: number): Promise<MixerRow>;
  /** The values that a query's row weighs, `[G, P, E]`; the layer's if absent. */
  valuesOf?(query: number): FloatTensor;
  /** The rows of a block together, where that is faster than one by one. */
  rows?(block: Block): Promise<BlockRows>;
  /** Rows of many queries as the cells of a map, where they need not leave the graph one by one. */
  pooled?(read: PooledRead): Promise<PooledRows>;
  /** Which keys the rows admit, where that is a rule of positions. */
  readonly admission?: Admission;
  /** What the plan decided, as sets of positions; some plans have a window of their own a query. */
  structure(query: number | undefined): readonly PlanNode[];
  /**
   * How many numbers of the layer decoding keeps at the end of the document, as `CandidateResult.memory` defines;
   * the keys and values of every token if absent.
   */
  kept?(): number;
  /** What is remembered when a query reads; absent where there is no memory but the keys themselves. */
  memoryAt?(head: number, query: number): Promise<MixerMemory>;
}

/** The numbers of a variant, by plain loops: what the graph is held against. */
export interface ReferenceInputs {
  readonly heads: number;
  readonly tokens: number;
  /** `q.k * scale` for head, query, key. */
  score(head: number, i: number, j: number): number;
  /** `[H, N, D]`, keys and values already repeated for each query head. */
  readonly q: Float32Array;
  readonly k: Float32Array;
  readonly width: number;
  readonly scale: number;
  readonly units: Layer['units'];
  readonly tensors: Tensors;
}

/** `M` as `[H, N, N]`, or `[H, N, memory + N]`. */
export type Reference<P> = (inputs: ReferenceInputs, params: P) => Float64Array;

/** A choice of parameters that shows a variant's parts at a few hundred tokens; every one is tested. */
export interface Example {
  readonly params: Readonly<Record<string, unknown>>;
  /** Tensors of the variant's own, for random inputs of these sizes. */
  tensors?(sizes: ExampleSizes): Tensors;
}

export interface ExampleSizes {
  /** `H` */
  readonly heads: number;
  /** `N` */
  readonly tokens: number;
  /** `D` */
  readonly width: number;
  /** Standard normal numbers, the same every time. */
  normal(): number;
}

/** `[H, N, E]`, `[H · E, N]` or `[N, H · E]`. */
export type OutputLayout = 'heads first' | 'features first' | 'tokens first';

/** The layer of a case file whose tensors have names and layouts of their own. */
export interface CaseInputs {
  /** Not padded: `[H, N, D]`. */
  readonly heads: LayerHeads;
  /** The other tensors, in the layouts in which the variant takes them. */
  readonly tensors: Tensors;
  /** How outputs are laid out. */
  readonly outputs: OutputLayout;
}

/** A variant as it stands in the list. */
export interface Variant {
  readonly info: VariantInfo;
  /** Checks the parameters and plans. @throws Problem for a parameter it does not take. */
  open(layer: Layer, given: Readonly<Record<string, unknown>>): Promise<Mixer>;
  reference(inputs: ReferenceInputs, given: Readonly<Record<string, unknown>>): Float64Array;
  /** Whether rows are distributions: non-negative with sum 1. */
  readonly distribution: boolean;
  /** Whether a row depends on its own and earlier tokens alone, so that an edit leaves earlier rows as they are. */
  isPrefixStable(given: Readonly<Record<string, unknown>>): boolean;
  /** Set where the softmax takes the layer's position term whatever the variant is laid over. */
  readonly takesScoreTerms?: boolean;
  /** Set where keys may have fewer heads than values, or more; they are repeated for the others. */
  readonly readsApart?: boolean;
  /** Why no other variant can be laid over a layer whose own mixer this is; absent where others can. */
  readonly standsAlone?: string;
  /**
   * Queries, keys and values that a case file has under other names.
   *
   * @param heads how many heads the file expects rows of; undefined where it expects none.
   * @returns undefined where they are not all there.
   */
  readonly inputs?: (tensors: Tensors, heads: number | undefined) => CaseInputs | undefined;
  readonly examples: readonly Example[];
}

export interface Definition<S extends ParamSpecs> extends Omit<VariantInfo, 'params' | 'tensors'> {
  readonly params: S;
  readonly tensors?: VariantInfo['tensors'];
  readonly distribution?: boolean;
  /** Whether a row depends on its own and earlier tokens alone; not when absent. */
  readonly prefixStable?: (params: Params<S>) => boolean;
  readonly readsApart?: boolean;
  readonly standsAlone?: string;
  readonly inputs?: Variant['inputs'];
  readonly examples: readonly Example[];
  open(layer: Layer, params: Params<S>): Promise<Mixer> | Mixer;
  readonly reference: Reference<Params<S>>;
}

export function variant<S extends ParamSpecs>(definition: Definition<S>): Variant {
  const {
    open,
    reference,
    distribution = true,
    prefixStable = () => false,
    examples,
    tensors = {},
    readsApart = false,
    standsAlone,
    inputs,
    ...rest
  } = definition;
  const info = { ...rest, tensors };
  return {
    info,
    distribution,
    examples,
    readsApart,
    ...(standsAlone === undefined ? {} : { standsAlone }),
    ...(inputs && { inputs }),
    isPrefixStable: given => prefixStable(resolveParams(info.id, info.params, given)),
    open: async (layer, given) => open(layer, resolveParams(info.id, info.params, given)),
    reference: (inputs, given) => reference(inputs, resolveParams(info.id, info.params, given)),
  };
}

/** `N` rounded up to whole tiles. */
export function paddedLength(tokens: number): number {
  return Math.ceil(tokens / TILE) * TILE;
}

/** The factor on `q.k`, with 0 standing for the usual one. */
export function scaleOf(given: number, width: number): number {
  return given === 0 ? 1 / Math.sqrt(width) : given;
}

/** Rows `indices` of each head of `x [H, P, D]`, as `[H, indices.length, D]`. */
export function takeRows(x: FloatTensor, indices: ArrayLike<number>): FloatTensor {
  const [heads, stride, width] = x.shape as [number, number, number];
  const { data } = x;
  const rows = floats([heads, indices.length, width]);
  for (let head = 0; head < heads; head++) {
    for (let row = 0; row < indices.length; row++) {
      const from = (head * stride + indices[row]!) * width;
      rows.data.set(data.subarray(from, from + width), (head * indices.length + row) * width);
    }
  }
  return rows;
}

/** One head of `[H, P, D]`, as `[1, P, D]` over the same memory. */
export function headOf(x: FloatTensor, head: number): FloatTensor {
  const [, stride, width] = x.shape as [number, number, number];
  return floats([1, stride, width], x.data.subarray(head * stride * width, (head + 1) * stride * width));
}
