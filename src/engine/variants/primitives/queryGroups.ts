/**
 * Variants whose queries fall into groups with key ranges of their own, such as a few global queries
 * among local ones: one dense softmax a group, so that a group pays for its own keys only.
 */

import { floats, type FloatTensor } from '../../onnx/tensor';
import { keyIndex, type Ranges, rangesLength } from './keys';
import {
  type Block,
  type BlockRows,
  type BlockStats,
  type Layer,
  type LayerHeads,
  type MixerRow,
  type PlanNode,
  scaleOf,
  takeRows,
} from './mixer';
import { isPlain } from './plainScores';
import type { WholeRowMixer } from './selection';
import { type Rule, softmaxAttend, type SoftmaxCall, softmaxWeights } from './softmaxRows';

export interface QueryGroup {
  readonly queries: readonly number[];
  /** Keys that some query of the group may see; all that it sees where there is no rule. */
  readonly keys: Ranges;
  /** What the group reads; the layer's own queries, keys and values if absent. */
  readonly heads?: LayerHeads | undefined;
}

export interface GroupedMixer {
  readonly causal: boolean;
  /** 0 stands for `1/sqrt(D)`. */
  readonly scale: number;
  /** Cuts a block into groups of ascending queries. */
  groups(block: Block): readonly QueryGroup[];
  readonly rule?: Rule;
  /** Values of a label for every token, `[N]`, that the rule compares. */
  readonly labels?: Readonly<Record<string, ArrayLike<number>>>;
  /** The rule over two positions, beyond causality. */
  admits?(i: number, j: number): boolean;
  structure(query: number | undefined): readonly PlanNode[];
}

export function groupedMixer(layer: Layer, options: GroupedMixer): WholeRowMixer {
  const { executor } = layer;
  const groups = layer.k.shape[0]!;
  const [heads, , width] = layer.q.shape as [number, number, number];
  const valueWidth = layer.v.shape[2]!;

  /** For one head, or for all. */
  function call({ queries, keys: flat, heads: read = layer }: QueryGroup, head?: number): SoftmaxCall {
    const { q, k, v } = read;
    const keys = keyIndex(flat);
    const labels = Object.entries(options.labels ?? {}).map(([name, of]) => [
      name,
      {
        queries: Float32Array.from(queries, i => of[i]!),
        keys: Float32Array.from(keys.rows, j => of[j]!),
      },
    ]);
    const part = (x: FloatTensor) =>
      head === undefined ? x : oneHead(x, Math.floor((head * x.shape[0]!) / heads));
    const called = head === undefined ? Array.from({ length: heads }, (_, h) => h) : [head];
    const streams = head === undefined ? groups : 1;
    return {
      executor,
      q: floats([streams, called.length / streams, queries.length, width], takeRows(part(q), queries).data),
      k: part(k),
      v: part(v),
      scale: scaleOf(options.scale, width),
      causal: options.causal,
      queries: Float32Array.from(queries),
      keys,
      ...(options.rule && { rule: options.rule }),
      position: layer.position && { term: layer.position, heads: called },
      labels: Object.fromEntries(labels) as NonNullable<SoftmaxCall['labels']>,
    };
  }

  /** Row `at` of a call's weights, over the keys that its query sees. */
  function rowOf({ keys }: SoftmaxCall, weights: Float32Array, at: number, query: number): MixerRow {
    const from = at * keys.rows.length;
    const kept: number[] = [];
    for (let index = 0; index < keys.count; index++) {
      const key = keys.rows[index]!;
      if ((!options.causal || key <= query) && (options.admits?.(query, key) ?? true)) kept.push(index);
    }
    return {
      keys: Int32Array.from(kept, index => keys.rows[index]!),
      weights: Float32Array.from(kept, index => weights[from + index]!),
    };
  }

  return {
    cost: block =>
      options
        .groups(block)
        .reduce((pairs, { queries, keys }) => pairs + queries.length * rangesLength(keys), 0),

    async attend(block) {
      const length = block.end - block.start;
      const y = new Float32Array(heads * length * valueWidth);
      const zeros = () => new Float32Array(heads * length);
      const mass = isPlain(layer, options.scale) ? { logSum: zeros() } : {};
      const stats: BlockStats = { entropy: zeros(), span: zeros(), sink: zeros(), peak: zeros(), ...mass };
      for (const group of options.groups(block)) {
        const { queries } = group;
        const result = await softmaxAttend(call(group));
        for (let from = 0; from < result.stats.peak.length; from++) {
          const to =
            Math.floor(from / queries.length) * length + queries[from % queries.length]! - block.start;
          y.set(result.y.subarray(from * valueWidth, (from + 1) * valueWidth), to * valueWidth);
          for (const name of ['entropy', 'span', 'sink', 'peak'] as const)
            stats[name][to] = result.stats[name][from]!;
          if (stats.logSum !== undefined) stats.logSum[to] = result.logSum![from]!;
        }
      }
      return { y, stats, weights: new Float32Array(0) };
    },

    async row(head, query) {
      const one = call(options.groups({ start: query, end: query + 1 })[0]!, head);
      return rowOf(one, await softmaxWeights(one), 0, query);
    },

    valuesOf(query) {
      const [group] = options.groups({ start: query, end: query + 1 });
      return (group?.heads ?? layer).v;
    },

    async rows(block): Promise<BlockRows> {
      const found = new Map<number, (head: number) => MixerRow>();
      for (const group of options.groups(block)) {
        const one = call(group);
        const weights = await softmaxWeights(one);
        const { queries } = group;
        queries.forEach((query, b) =>
          found.set(query, head => rowOf(one, weights, head * queries.length + b, query)),
        );
      }
      return (head, query) => found.get(query)!(head);
    },

    structure: query => options.structure(query),
  };
}

/** One head of `[H, P, D]`, as `[1, P, D]` over the same memory. */
function oneHead(x: FloatTensor, head: number): FloatTensor {
  const [, stride, width] = x.shape as [number, number, number];
  return floats([1, stride, width], x.data.subarray(head * stride * width, (head + 1) * stride * width));
}
