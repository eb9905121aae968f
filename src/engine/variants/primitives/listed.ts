/** Variants whose every query has a list of keys: softmax over the list, and nothing else is touched. */

import { floats } from '../../onnx/tensor';
import { blockOutput } from './blockOutput';
import { listedAttend } from './listedRows';
import {
  type Block,
  type BlockRows,
  type Layer,
  type MixerRow,
  type PlanNode,
  scaleOf,
  takeRows,
  headOf,
} from './mixer';
import type { BlockRowMixer } from './selection';
import { isPlain } from './plainScores';
import { runsOf } from './shared';

/** The keys of a query: ascending positions, at least one, no key twice. */
export type KeyLists = (head: number, query: number) => ArrayLike<number>;

interface Listed {
  /** 0 stands for `1/sqrt(D)`. */
  readonly scale: number;
  structure(query: number | undefined): readonly PlanNode[];
}

export interface Lists {
  readonly keys: KeyLists;
  /** Scores in place of `q.k`, aligned with the keys. */
  readonly scores?: KeyLists;
  /** Added to the scores, aligned with the keys. */
  readonly bias?: KeyLists;
}

export type ListedMixer = Listed &
  (
    | { readonly keysOf: KeyLists }
    | {
        /** Lists that are chosen for a block of queries together. */
        lists(block: Block): Promise<Lists>;
        /** Keys of a query, for progress. */
        length(query: number): number;
      }
  );

/** Queries whose lists are gathered at once; a block is cut into such parts. */
const PART = 32;

export function listedMixer(layer: Layer, options: ListedMixer): BlockRowMixer {
  const { executor, q, k, v } = layer;
  const groups = k.shape[0]!;
  const [heads, , width] = q.shape as [number, number, number];
  const everyHead = Array.from({ length: heads }, (_, head) => head);
  const listsOf = async (block: Block): Promise<Lists> =>
    'lists' in options ? options.lists(block) : { keys: options.keysOf };
  const lengthOf = (query: number) =>
    'lists' in options ? options.length(query) : options.keysOf(0, query).length;

  /** The rows of some queries, for every head or for one. */
  async function attendPart({ start, end }: Block, called: readonly number[], { keys, scores, bias }: Lists) {
    const queries = Array.from({ length: end - start }, (_, b) => start + b);
    const all = called.length === heads;
    const groupOf = Math.floor((called[0]! * groups) / heads);
    const streams = all ? groups : 1;
    const perStream = called.length / streams;
    const head = (stream: number, group: number) => called[stream * perStream + group]!;
    const rows = takeRows(all ? q : headOf(q, called[0]!), queries);
    const result = await listedAttend({
      executor,
      q: floats([streams, perStream, queries.length, width], rows.data),
      k: all ? k : headOf(k, groupOf),
      v: all ? v : headOf(v, groupOf),
      scale: scaleOf(options.scale, width),
      queries: Float32Array.from(queries),
      list: (stream, group, b) => keys(head(stream, group), queries[b]!),
      ...(scores && { scores: (stream, group, b) => scores(head(stream, group), queries[b]!) }),
      ...(bias && { bias: (stream, group, b) => bias(head(stream, group), queries[b]!) }),
      position: scores || !layer.position ? undefined : { term: layer.position, heads: called },
    });
    const row = (at: number, query: number): MixerRow => {
      const list = Int32Array.from(keys(called[at]!, query));
      const from = (at * queries.length + query - start) * result.length;
      return { keys: list, weights: result.weights.slice(from, from + list.length) };
    };
    return { ...result, row };
  }

  return {
    // Lists grow slowly along a block: its ends stand for the rest.
    cost: ({ start, end }) => ((lengthOf(start) + lengthOf(end - 1)) / 2) * (end - start),

    async attend(block) {
      const lists = await listsOf(block);
      const isOwn = lists.scores === undefined && lists.bias === undefined;
      const tellsMass = isOwn && isPlain(layer, options.scale);
      const output = blockOutput(block, heads, v.shape[2]!, tellsMass);
      for (const part of runsOf(PART, block)) output.put(part, await attendPart(part, everyHead, lists));
      return output.result;
    },

    async row(head, query) {
      const block = { start: query, end: query + 1 };
      return (await attendPart(block, [head], await listsOf(block))).row(0, query);
    },

    async rows(block): Promise<BlockRows> {
      const lists = await listsOf(block);
      const parts = runsOf(PART, block);
      const results: Awaited<ReturnType<typeof attendPart>>[] = [];
      for (const part of parts) results.push(await attendPart(part, everyHead, lists));
      return (head, query) => results[parts.findIndex(part => query < part.end)]!.row(head, query);
    },

    structure: query => options.structure(query),
  };
}
