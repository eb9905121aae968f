/** Variants whose every query has a list of keys: softmax over the list, and nothing else is touched. */

import { floats } from '../../onnx/tensor';
import { listedAttend } from './listedRows';
import { type Block, type Layer, type PlanNode, scaleOf, takeRows } from './mixer';
import type { WholeRowMixer } from './selection';

export interface ListedMixer {
  /** 0 stands for `1/sqrt(D)`. */
  readonly scale: number;
  /** The keys of a query: ascending positions, at least one, no key twice. */
  keysOf(head: number, query: number): ArrayLike<number>;
  structure(query: number | undefined): readonly PlanNode[];
}

/** Queries whose lists are gathered at once; a block is cut into such parts. */
const PART = 32;

export function listedMixer(layer: Layer, options: ListedMixer): WholeRowMixer {
  const { executor, q, k, v, tokens } = layer;
  const groups = k.shape[0]!;
  const [heads, , width] = q.shape as [number, number, number];
  const valueWidth = v.shape[2]!;

  function part(
    queries: readonly number[],
    firstHead: number,
    headCount: number,
    firstGroup: number,
    groupCount: number,
  ) {
    const perGroup = headCount / groupCount;
    const rows = takeRows(q, queries).data.subarray(firstHead * queries.length * width);
    const data = rows.subarray(0, headCount * queries.length * width);
    const cut = (x: typeof k) => {
      const [, stride, size] = x.shape as [number, number, number];
      const from = firstGroup * stride * size;
      return floats([groupCount, stride, size], x.data.subarray(from, from + groupCount * stride * size));
    };
    return listedAttend({
      executor,
      q: floats([groupCount, perGroup, queries.length, width], data),
      k: cut(k),
      v: cut(v),
      scale: scaleOf(options.scale, width),
      queries: Float32Array.from(queries),
      list: (stream, group, query) => options.keysOf(firstHead + stream * perGroup + group, queries[query]!),
    });
  }

  return {
    cost({ start, end }) {
      let pairs = 0;
      // Lists grow slowly along a block: its ends stand for the rest.
      for (const query of [start, end - 1]) pairs += options.keysOf(0, Math.min(query, tokens - 1)).length;
      return (pairs / 2) * (end - start);
    },

    async attend({ start, end }: Block) {
      const length = end - start;
      const y = new Float32Array(heads * length * valueWidth);
      const zeros = () => new Float32Array(heads * length);
      const stats = { entropy: zeros(), span: zeros(), sink: zeros(), peak: zeros() };
      for (let first = start; first < end; first += PART) {
        const queries = Array.from({ length: Math.min(PART, end - first) }, (_, b) => first + b);
        const result = await part(queries, 0, heads, 0, groups);
        const count = queries.length;
        for (let head = 0; head < heads; head++) {
          const to = head * length + first - start;
          y.set(
            result.y.subarray(head * count * valueWidth, (head + 1) * count * valueWidth),
            to * valueWidth,
          );
          for (const name of ['entropy', 'span', 'sink', 'peak'] as const) {
            stats[name].set(result.stats[name].subarray(head * count, (head + 1) * count), to);
          }
        }
      }
      return { y, stats, weights: new Float32Array(0) };
    },

    async row(head, query) {
      const group = Math.floor((head * groups) / heads);
      const keys = Int32Array.from(options.keysOf(head, query));
      const { weights } = await part([query], head, 1, group, 1);
      return { keys, weights: weights.slice(0, keys.length) };
    },

    structure: query => options.structure(query),
  };
}
