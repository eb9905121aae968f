/** Variants where runs of queries share their keys, each head with a list of its own. */

import { floats, type FloatTensor } from '../../onnx/tensor';
import { blockOutput } from './blockOutput';
import {
  type Block,
  type BlockRows,
  type Layer,
  type MixerRow,
  type PlanNode,
  scaleOf,
  takeRows,
} from './mixer';
import type { BlockRowMixer } from './selection';
import { isPlain } from './plainScores';
import { sharedAttend } from './sharedLists';

export interface SharedMixer {
  /** 0 stands for `1/sqrt(D)`. */
  readonly scale: number;
  readonly causal: boolean;
  /** Cuts a block where lists change. */
  runs(block: Block): readonly Block[];
  /** Keys of a head's run of queries: ascending positions; later ones are hidden where causal. */
  keysOf(head: number, run: Block): ArrayLike<number>;
  structure(query: number | undefined): readonly PlanNode[];
}

export function sharedMixer(layer: Layer, options: SharedMixer): BlockRowMixer {
  const { executor, q, k, v } = layer;
  const [heads, , width] = q.shape as [number, number, number];
  const everyHead = Array.from({ length: heads }, (_, head) => head);

  async function attendRun(run: Block, called: readonly number[], withWeights: boolean) {
    const queries = Array.from({ length: run.end - run.start }, (_, b) => run.start + b);
    const lists = called.map(head => options.keysOf(head, run));
    const one = called.length === 1 ? called[0]! : undefined;
    const result = await sharedAttend(
      {
        executor,
        q: one === undefined ? takeRows(q, queries) : takeRows(headOf(q, one, heads), queries),
        k: one === undefined ? k : headOf(k, one, heads),
        v: one === undefined ? v : headOf(v, one, heads),
        scale: scaleOf(options.scale, width),
        causal: options.causal,
        queries: Float32Array.from(queries),
        lists,
        position: layer.position && { term: layer.position, heads: called },
      },
      withWeights,
    );
    const row = (at: number, query: number): MixerRow => {
      const list = lists[at]!;
      const from = (at * queries.length + query - run.start) * result.length;
      let seen = 0;
      while (seen < list.length && (!options.causal || list[seen]! <= query)) seen += 1;
      return {
        keys: Int32Array.from({ length: seen }, (_, index) => list[index]!),
        weights: result.weights.slice(from, from + seen),
      };
    };
    return { ...result, row };
  }

  return {
    cost: block =>
      options
        .runs(block)
        .reduce((sum, run) => sum + options.keysOf(0, run).length * (run.end - run.start), 0),

    async attend(block) {
      const output = blockOutput(block, heads, v.shape[2]!, isPlain(layer, options.scale));
      for (const run of options.runs(block)) output.put(run, await attendRun(run, everyHead, false));
      return output.result;
    },

    async row(head, query) {
      const run = options.runs({ start: query, end: query + 1 })[0]!;
      return (await attendRun(run, [head], true)).row(0, query);
    },

    async rows(block): Promise<BlockRows> {
      const runs = options.runs(block);
      const results: Awaited<ReturnType<typeof attendRun>>[] = [];
      for (const run of runs) results.push(await attendRun(run, everyHead, true));
      return (head, query) => results[runs.findIndex(run => query < run.end)]!.row(head, query);
    },

    structure: query => options.structure(query),
  };
}

/** The part of `x [S, P, D]` that serves one of `heads` query heads, over the same memory. */
function headOf(x: FloatTensor, head: number, heads: number): FloatTensor {
  const [streams, stride, width] = x.shape as [number, number, number];
  const from = Math.floor((head * streams) / heads) * stride * width;
  return floats([1, stride, width], x.data.subarray(from, from + stride * width));
}

/** The parts of a block between multiples of `size`. */
export function runsOf(size: number, { start, end }: Block): Block[] {
  const runs: Block[] = [];
  for (let from = start; from < end;) {
    const to = Math.min(end, (Math.floor(from / size) + 1) * size);
    runs.push({ start: from, end: to });
    from = to;
  }
  return runs;
}
