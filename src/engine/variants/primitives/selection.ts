/** Variants that are a softmax over a set of keys given by a rule of positions. */

import type { GraphBuilder } from '../../onnx/builder';
import type { Value } from '../../onnx/graph';
import { floats, type FloatTensor } from '../../onnx/tensor';
import { cached } from './kept';
import { type KeyIndex, keyIndex, type Ranges, rangesLength } from './keys';
import {
  type Block,
  type Definition,
  type Layer,
  type Mixer,
  type MixerRow,
  type PlanNode,
  scaleOf,
  takeRows,
  variant,
  type Variant,
} from './mixer';
import type { causal, Params, ParamSpecs, scale } from './params';
import { isPlain, tellingMass } from './plainScores';
import { pooledSoftmax } from './pooledSoftmax';
import {
  type Rule,
  type RuleTerms,
  softmaxAttend,
  type SoftmaxCall,
  type SoftmaxResult,
  softmaxWeights,
} from './softmaxRows';

/** Attention scores in memory at once, of the heads that run together. */
const MOST_SCORES = 2 ** 24;
/** As many such arrays a position term takes. */
const TERM_ARRAYS = 4;
const SHORTEST = 16;
/** Over so few keys the pairs that a block only masks outweigh what longer blocks save. */
const FEW_KEYS = 2 ** 13;
const SHORT = 128;

type SelectionSpecs = ParamSpecs & { readonly causal: typeof causal; readonly scale: typeof scale };

interface Selection<S extends SelectionSpecs> extends Omit<
  Definition<S>,
  'open' | 'reference' | 'distribution'
> {
  /** Keys that some query of the block may see. */
  keys(params: Params<S>, tokens: number, block: Block): Ranges;
  /** Which of them a query sees, beyond causality; all when absent. */
  admits?(g: GraphBuilder, params: Params<S>, terms: RuleTerms): Value;
  /** The same rule over two positions, as the paper writes it. */
  rule(params: Params<S>, i: number, j: number): boolean;
  /** How many tokens the last one or a later one still sees; all when absent. */
  keptTokens?(params: Params<S>, tokens: number): number;
  /** Sets of positions the rule makes for a query. */
  structure?(params: Params<S>, tokens: number, query: number | undefined): readonly PlanNode[];
}

export function selection<S extends SelectionSpecs>(definition: Selection<S>): Variant {
  const { keys, admits, rule, keptTokens, structure, ...info } = definition;
  return variant<S>({
    ...info,
    open(layer, params) {
      const graphRule: Rule | undefined = admits && {
        key: `${info.id}${JSON.stringify(params)}`,
        admits: (g, terms) => admits(g, params, terms),
      };
      return softmaxMixer(layer, {
        causal: params.causal,
        scale: params.scale,
        rule: graphRule,
        keys: block => keys(params, layer.tokens, block),
        admits: (i, j) => (!params.causal || j <= i) && rule(params, i, j),
        keptTokens: keptTokens?.(params, layer.tokens),
        structure: query => structure?.(params, layer.tokens, query) ?? [],
      });
    },
    reference: (inputs, params) =>
      softmaxReference(inputs, (i, j) => (!params.causal || j <= i) && rule(params, i, j)),
  });
}

/** `M [H, N, N]` of a softmax over the keys a rule admits, by plain loops. */
export function softmaxReference(
  { heads, tokens, score }: { heads: number; tokens: number; score(h: number, i: number, j: number): number },
  admits: (i: number, j: number) => boolean,
): Float64Array {
  const m = new Float64Array(heads * tokens * tokens);
  for (let h = 0; h < heads; h++) {
    for (let i = 0; i < tokens; i++) {
      const row = m.subarray((h * tokens + i) * tokens, (h * tokens + i + 1) * tokens);
      let largest = -Infinity;
      for (let j = 0; j < tokens; j++) if (admits(i, j)) largest = Math.max(largest, score(h, i, j));
      let sum = 0;
      for (let j = 0; j < tokens; j++) if (admits(i, j)) sum += row[j] = Math.exp(score(h, i, j) - largest);
      for (let j = 0; j < tokens; j++) row[j]! /= sum || 1;
    }
  }
  return m;
}

export interface SoftmaxMixer {
  readonly causal: boolean;
  /** 0 stands for `1/sqrt(D)`. */
  readonly scale: number;
  readonly rule?: Rule | undefined;
  /** Values of a label for every token, `[N]`, that the rule compares. */
  readonly labels?: Readonly<Record<string, ArrayLike<number>>>;
  readonly spanMass?: (query: number) => number;
  keys(block: Block): Ranges;
  /** The whole rule over two positions, causality included. */
  admits(i: number, j: number): boolean;
  /** How many tokens the last one or a later one still sees; all when absent. */
  readonly keptTokens?: number | undefined;
  structure(query: number | undefined): readonly PlanNode[];
}

/** A mixer that forms its rows, and so has their statistics. */
export interface WholeRowMixer extends Mixer {
  attend(block: Block): Promise<SoftmaxResult>;
}

/** One that gives a block's rows together. */
export type BlockRowMixer = WholeRowMixer & Required<Pick<Mixer, 'rows'>>;

/** A mixer whose every row is one softmax over gathered keys of its own layer. */
export function softmaxMixer(layer: Layer, options: SoftmaxMixer): BlockRowMixer {
  const { executor, q, k, v } = layer;
  const { keptTokens = layer.tokens } = options;
  const groups = k.shape[0]!;
  const [heads, , width] = q.shape as [number, number, number];
  const everyHead = Array.from({ length: heads }, (_, head) => head);

  function call(
    block: Block,
    parts: { q: FloatTensor; stream?: number },
    called: readonly number[],
  ): SoftmaxCall {
    const queries = Float32Array.from({ length: block.end - block.start }, (_, b) => block.start + b);
    const keys = keyIndex(options.keys(block));
    const labels = Object.entries(options.labels ?? {}).map(([name, of]) => [
      name,
      { queries: queries.map(i => of[i]!), keys: Float32Array.from(keys.rows, j => of[j]!) },
    ]);
    return {
      executor,
      ...parts,
      k,
      v,
      scale: scaleOf(options.scale, width),
      causal: options.causal,
      queries,
      keys,
      ...(options.rule && { rule: options.rule }),
      spanMass: options.spanMass,
      position: layer.position && { term: layer.position, heads: called },
      labels: Object.fromEntries(labels) as NonNullable<SoftmaxCall['labels']>,
    };
  }

  return {
    cost: block => rangesLength(options.keys(block)) * (block.end - block.start),
    blockLength(start, most) {
      const keys = rangesLength(options.keys({ start, end: Math.min(layer.tokens, start + most) }));
      const together = options.causal ? heads / groups : heads;
      const row = keys * together * (layer.position === undefined ? 1 : TERM_ARRAYS);
      let length = keys < FEW_KEYS ? Math.min(most, SHORT) : most;
      while (length > SHORTEST && length * row > MOST_SCORES) length /= 2;
      return length;
    },
    async attend(block) {
      const length = block.end - block.start;
      const rows = takeRows(
        q,
        Array.from({ length }, (_, b) => block.start + b),
      );
      const grouped = floats([groups, heads / groups, length, width], rows.data);
      const result = await softmaxAttend(call(block, { q: grouped }, everyHead));
      return isPlain(layer, options.scale) ? tellingMass(result) : result;
    },
    async row(head, query) {
      const group = Math.floor((head * groups) / heads);
      const at = (head * q.shape[1]! + query) * width;
      const one = call(
        { start: query, end: query + 1 },
        { q: floats([1, 1, 1, width], q.data.subarray(at, at + width)), stream: group },
        [head],
      );
      return admittedRow(one.keys, await softmaxWeights(one), key => options.admits(query, key));
    },
    async rows(block) {
      const queries = Array.from({ length: block.end - block.start }, (_, b) => block.start + b);
      const grouped = floats([groups, heads / groups, queries.length, width], takeRows(q, queries).data);
      const { keys, ...one } = call(block, { q: grouped }, everyHead);
      const weights = await softmaxWeights({ keys, ...one });
      const stride = keys.rows.length;
      return (head, query) => {
        const row = head * queries.length + query - block.start;
        const entries = weights.subarray(row * stride, (row + 1) * stride);
        return admittedRow(keys, entries, key => options.admits(query, key));
      };
    },
    pooled: read => pooledSoftmax(layer, options, read),
    admission: options,
    kept: () => cached(layer, keptTokens),
    structure: query => options.structure(query),
  };
}

/** The entries of a row whose keys are admitted; over the same memory where all are. */
function admittedRow(
  { rows, count }: KeyIndex,
  weights: Float32Array,
  admits: (key: number) => boolean,
): MixerRow {
  let kept = 0;
  for (let at = 0; at < count; at++) if (admits(rows[at]!)) kept += 1;
  if (kept === count) return { keys: rows.subarray(0, count), weights: weights.subarray(0, count) };
  const row = { keys: new Int32Array(kept), weights: new Float32Array(kept) };
  let to = 0;
  for (let at = 0; at < count; at++) {
    if (!admits(rows[at]!)) continue;
    row.keys[to] = rows[at]!;
    row.weights[to] = weights[at]!;
    to += 1;
  }
  return row;
}
