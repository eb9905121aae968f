/**
 * Routing attention: every centroid takes its `window` best queries and its `window` best keys, by dot
 * products with q and k of length 1; inside a cluster there is softmax attention of the q and k as they
 * are. The results of a query over its clusters are summed and divided by `count + 1e-5`; a cluster in
 * which it sees no key adds 0 and counts; a query in no cluster gives 0.
 *
 * Roy et al. 2020, Routing Transformer, arXiv 2003.05997, section 4.1. Centroids that are not given are
 * fitted to the document by k-means over the q and k of a head, and brought to length 1.
 */

import { floats } from '../onnx/tensor';
import { centroidsOf, clusterMembers, windowOf } from './primitives/clusters';
import { headNodes } from './primitives/headNodes';
import { cached } from './primitives/kept';
import { ofHead } from './primitives/latent';
import { listedAttend } from './primitives/listedRows';
import {
  type Block,
  type Layer,
  type Mixer,
  type MixerRow,
  scaleOf,
  takeRows,
  variant,
} from './primitives/mixer';
import { normalised } from './primitives/normalised';
import { headTensor } from './primitives/ownTensor';
import { causal, type Params, scale, size } from './primitives/params';
import { rowStats, sumOfRows } from './primitives/rowStats';
import { drawn, seed } from './primitives/seeded';
import { routingReference } from './routing.reference';

const params = {
  clusters: size('sqrt', ['sqrt'], 'Centroids of a head, or sqrt for √N; given centroids bring their own.'),
  window: size('even', ['even'], 'Queries, and keys, that a centroid takes, or even for N / clusters.'),
  seed,
  causal,
  scale,
};

export type RoutingParams = Params<typeof params>;

export const routing = variant({
  id: 'routing',
  title: 'Routing',
  summary: 'A token sees earlier tokens whose keys lie near the centroid that its query is near to.',
  source: 'arXiv 2003.05997',
  trainingClass: 'SP',
  cost: 'N·√N',
  plan: ['clusters'],
  distribution: false,
  params,
  tensors: {
    centroids: { shape: '[H, C, D]', origin: 'fitted', standIn: "k-means over a head's queries and keys" },
  },
  examples: [
    { params: { clusters: 5, window: 20, seed: 2 } },
    {
      params: { window: 24 },
      tensors: ({ heads, width, normal }) => ({ centroids: drawn([heads, 6, width], normal) }),
    },
    { params: { clusters: 4, window: 30, causal: false } },
    { params: {} },
  ],
  open,
  reference: routingReference,
});

/** Rows, one for a query and a cluster of its, that are gathered at once. */
const PART = 128;
const EPSILON = 1e-5;

/** A row of `M`, and the output it gives before it is divided. */
interface ClusterRow extends MixerRow {
  readonly y: Float32Array;
}

async function open(layer: Layer, params: RoutingParams): Promise<Mixer> {
  const { q, k, v, tokens, executor } = layer;
  const { causal } = params;
  const [heads, , width] = q.shape as [number, number, number];
  const [groups, , valueWidth] = v.shape as [number, number, number];
  const group = (head: number) => Math.floor((head * groups) / heads);
  const given = headTensor(layer.tensors, 'centroids', heads, ['C', width]);
  const unit = { q: normalised(q), k: normalised(k) };

  const keys: Int32Array[][] = [];
  const clustersOf: number[][][] = [];
  for (let head = 0; head < heads; head++) {
    const asked = ofHead(unit.q, head).data;
    const offered = ofHead(unit.k, group(head)).data;
    const centroids = centroidsOf(given, head, asked, offered, tokens, width, params);
    const window = windowOf(params, tokens, centroids.length / width);
    const queries = await clusterMembers(executor, asked, tokens, centroids, width, window);
    keys.push(await clusterMembers(executor, offered, tokens, centroids, width, window));
    const found = Array.from({ length: tokens }, (): number[] => []);
    queries.forEach((members, c) => members.forEach(i => found[i]!.push(c)));
    clustersOf.push(found);
  }

  /** Keys of a cluster that a query sees. */
  function seen(head: number, cluster: number, query: number): Int32Array {
    const members = keys[head]![cluster]!;
    if (!causal) return members;
    let low = 0;
    let high = members.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (members[middle]! <= query) low = middle + 1;
      else high = middle;
    }
    return members.subarray(0, low);
  }

  /** The rows of some queries of a head, one for each of their clusters with a key to see. */
  async function clusterRows(head: number, queries: readonly number[]): Promise<Map<number, ClusterRow[]>> {
    const pairs = queries.flatMap(query =>
      clustersOf[head]![query]!.map(cluster => ({ query, list: seen(head, cluster, query) })).filter(
        ({ list }) => list.length > 0,
      ),
    );
    const found = new Map<number, ClusterRow[]>();
    for (let first = 0; first < pairs.length; first += PART) {
      const part = pairs.slice(first, first + PART);
      const positions = part.map(({ query }) => query);
      const rows = takeRows(ofHead(q, head), positions);
      const { y, weights, length } = await listedAttend({
        executor,
        q: floats([1, 1, part.length, width], rows.data),
        k: ofHead(k, group(head)),
        v: ofHead(v, group(head)),
        scale: scaleOf(params.scale, width),
        queries: Float32Array.from(positions),
        list: (_, __, at) => part[at]!.list,
        position: layer.position && { term: layer.position, heads: [head] },
      });
      part.forEach(({ query, list }, at) => {
        const row = {
          keys: list,
          weights: weights.subarray(at * length, at * length + list.length),
          y: y.subarray(at * valueWidth, (at + 1) * valueWidth),
        };
        found.set(query, [...(found.get(query) ?? []), row]);
      });
    }
    return found;
  }

  /** What the sum over a query's clusters is multiplied with. */
  const share = (head: number, query: number) => 1 / (clustersOf[head]![query]!.length + EPSILON);

  function whole(head: number, query: number, rows: readonly ClusterRow[]): MixerRow {
    const { keys, weights } = sumOfRows(rows);
    return { keys, weights: weights.map(weight => weight * share(head, query)) };
  }

  return {
    cost: ({ start, end }) => (end - start) * keys[0]![0]!.length,
    // With the members of every cluster, and its centroid where it was fitted to the document.
    kept: () =>
      keys.flat().reduce((sum, members) => sum + members.length + (given ? 0 : width), cached(layer, tokens)),

    async attend({ start, end }: Block) {
      const length = end - start;
      const y = new Float32Array(heads * length * valueWidth);
      const zeros = () => new Float32Array(heads * length);
      const stats = { entropy: zeros(), span: zeros(), sink: zeros(), peak: zeros() };
      const queries = Array.from({ length }, (_, b) => start + b);
      for (let head = 0; head < heads; head++) {
        for (const [query, rows] of await clusterRows(head, queries)) {
          const at = head * length + query - start;
          for (const row of rows) {
            for (let e = 0; e < valueWidth; e++) y[at * valueWidth + e]! += row.y[e]! * share(head, query);
          }
          const found = rowStats(whole(head, query, rows), query);
          for (const name of ['entropy', 'span', 'sink', 'peak'] as const) stats[name][at] = found[name];
        }
      }
      return { y, stats };
    },

    async row(head, query) {
      const rows = (await clusterRows(head, [query])).get(query);
      return rows === undefined
        ? { keys: new Int32Array(0), weights: new Float32Array(0) }
        : whole(head, query, rows);
    },

    structure: query =>
      headNodes(heads, tokens, 'cluster', head => {
        const routed = clustersOf[head]!;
        const ids = query === undefined ? keys[head]!.map((_, c) => c) : routed[query]!;
        const clusters = ids.map(c => ({ label: `keys of cluster ${c + 1}`, tokens: keys[head]![c]! }));
        const unrouted = Array.from({ length: tokens }, (_, i) => i).filter(i => routed[i]!.length === 0);
        const rest = { label: `${unrouted.length} unrouted queries`, tokens: unrouted };
        return unrouted.length === 0 ? clusters : [...clusters, rest];
      }),
  };
}
