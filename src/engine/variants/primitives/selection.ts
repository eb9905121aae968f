/** Variants that are a softmax over a set of keys given by a rule of positions. */

import type { GraphBuilder } from '../../onnx/builder';
import type { Value } from '../../onnx/graph';
import { floats, type FloatTensor } from '../../onnx/tensor';
import { keyIndex, type Ranges, rangesLength } from './keys';
import {
  type Block,
  type Definition,
  headOf,
  type Layer,
  type Mixer,
  type PlanNode,
  scaleOf,
  takeRows,
  variant,
  type Variant,
} from './mixer';
import type { causal, Params, ParamSpecs, scale } from './params';
import {
  type Rule,
  type RuleTerms,
  softmaxAttend,
  type SoftmaxCall,
  type SoftmaxResult,
  softmaxWeights,
} from './softmaxRows';

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
  /** Sets of positions the rule makes for a query. */
  structure?(params: Params<S>, tokens: number, query: number | undefined): readonly PlanNode[];
}

export function selection<S extends SelectionSpecs>(definition: Selection<S>): Variant {
  const { keys, admits, rule, structure, ...info } = definition;
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
  const groups = k.shape[0]!;
  const [heads, , width] = q.shape as [number, number, number];
  const everyHead = Array.from({ length: heads }, (_, head) => head);

  function call(
    block: Block,
    parts: { q: FloatTensor; k: FloatTensor; v: FloatTensor },
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
    attend(block) {
      const length = block.end - block.start;
      const rows = takeRows(
        q,
        Array.from({ length }, (_, b) => block.start + b),
      );
      const grouped = floats([groups, heads / groups, length, width], rows.data);
      return softmaxAttend(call(block, { q: grouped, k, v }, everyHead));
    },
    async row(head, query) {
      const group = Math.floor((head * groups) / heads);
      const at = (head * q.shape[1]! + query) * width;
      const one = call(
        { start: query, end: query + 1 },
        {
          q: floats([1, 1, 1, width], q.data.subarray(at, at + width)),
          k: headOf(k, group),
          v: headOf(v, group),
        },
        [head],
      );
      const weights = await softmaxWeights(one);
      const admitted = one.keys.rows
        .subarray(0, one.keys.count)
        .map((key, at) => (options.admits(query, key) ? at : -1));
      const kept = admitted.filter(at => at >= 0);
      return {
        keys: kept.map(at => one.keys.rows[at]!),
        weights: Float32Array.from(kept, at => weights[at]!),
      };
    },
    async rows(block) {
      const queries = Array.from({ length: block.end - block.start }, (_, b) => block.start + b);
      const grouped = floats([groups, heads / groups, queries.length, width], takeRows(q, queries).data);
      const one = call(block, { q: grouped, k, v }, everyHead);
      const weights = await softmaxWeights(one);
      const { rows, count } = one.keys;
      return (head, query) => {
        const from = (head * queries.length + query - block.start) * rows.length;
        const kept: number[] = [];
        for (let at = 0; at < count; at++) if (options.admits(query, rows[at]!)) kept.push(at);
        return {
          keys: Int32Array.from(kept, at => rows[at]!),
          weights: Float32Array.from(kept, at => weights[from + at]!),
        };
      };
    },
    structure: query => options.structure(query),
  };
}
