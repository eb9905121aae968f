/**
 * The one softmax of the product: a block of queries over a set of gathered keys, with the exact
 * statistics of every row, computed in the graph. Nothing larger than `[S, R, K]` exists.
 *
 * Letters: `S` key-value streams, `G` query heads on each, `B` queries, `R` = `G * B` rows, `K` gathered
 * keys in whole tiles, `D` and `E` widths of keys and values.
 */

import { SINK_TOKENS, SPAN_MASS } from '../../../protocol/inspection';
import { GraphBuilder } from '../../onnx/builder';
import type { Executor, Feeds, Program, Value } from '../../onnx/graph';
import { floats, type FloatTensor, integers } from '../../onnx/tensor';
import { type KeyIndex, NOWHERE } from './keys';
import { type BlockStats, TILE } from './mixer';
import { type PositionTerm, termFeeds, termKey, termValues } from './positionTerm';
import { rowStatistics, shareStatistics } from './rowStatisticsGraph';
import { symmetricSpans } from './symmetricSpan';

/** Scores of keys that a query may not see; finite, so that products with weight 0 stay 0. */
const HIDDEN = -1e30;

/** The positions and labels a rule is written over, shaped to broadcast to `[B, K]`. */
export interface RuleTerms {
  /** `[B, 1]` query positions, float32. */
  readonly i: Value;
  /** `[1, K]` key positions, float32. */
  readonly j: Value;
  /** A label of tokens: `[B, 1]` at the queries and `[1, K]` at the keys. */
  label(name: string): { readonly i: Value; readonly j: Value };
}

/** Which keys a query sees, beyond causality. */
export interface Rule {
  /** Names the rule and its constants: equal keys mean equal graphs. */
  readonly key: string;
  /** A bool that broadcasts to `[B, K]`. */
  admits(g: GraphBuilder, terms: RuleTerms): Value;
}

export interface SoftmaxCall {
  readonly executor: Executor;
  /** `[S, G, B, D]` */
  readonly q: FloatTensor;
  /** `[S, P, D]` */
  readonly k: FloatTensor;
  /** `[S, P, E]` */
  readonly v: FloatTensor;
  readonly scale: number;
  readonly causal: boolean;
  /** `[B]` positions of the queries. */
  readonly queries: Float32Array;
  readonly keys: KeyIndex;
  readonly rule?: Rule;
  /** Labels of the tokens, each at the queries `[B]` and at the gathered keys `[K]`. */
  readonly labels?: Readonly<Record<string, { readonly queries: Float32Array; readonly keys: Float32Array }>>;
  /** Set when a query may see no key at all; its row is then 0. */
  readonly mayBeEmpty?: boolean;
  /** Share of the row's mass that its span holds; 0.9 unless the row is part of a larger mixture. */
  readonly spanMass?: ((query: number) => number) | undefined;
  /** Asks for the row's log-sum-exp, by which parts of a row are merged. */
  readonly wantLogSum?: boolean;
  /** What depends on offsets, for the heads `[S * G]` of the call. */
  readonly position?: { readonly term: PositionTerm; readonly heads: readonly number[] } | undefined;
}

export interface SoftmaxResult {
  /** `[S * G, B, E]` */
  readonly y: Float32Array;
  /** Each `[S * G, B]`. */
  readonly stats: BlockStats;
  /** `[S * G, B, K]`; empty unless asked for. */
  readonly weights: Float32Array;
  /** `[S * G, B]` log of the sum of `exp(score)`, where asked for; about -1e30 for a row with no key. */
  readonly logSum?: Float32Array;
}

export async function softmaxAttend(call: SoftmaxCall, withWeights = false): Promise<SoftmaxResult> {
  const want = withWeights || !call.causal ? 'both' : 'outputs';
  const results = await call.executor.run(program(call, want), feeds(call));
  const array = (name: string) => results[name]!.data as Float32Array;
  const { queries } = call;
  const weights = want === 'both' ? array('weights') : new Float32Array(0);
  const span = call.causal
    ? array('spanStart').map((start, row) => queries[row % queries.length]! - start + 1)
    : symmetricSpans(weights, queries, call.keys, spanShares(call));
  const stats = { entropy: array('entropy'), span, sink: array('sink'), peak: array('peak') };
  return { y: array('y'), stats, weights, ...(call.wantLogSum && { logSum: array('logSum') }) };
}

/** The weights themselves, `[S * G, B, K]`. */
export async function softmaxWeights(call: SoftmaxCall): Promise<Float32Array> {
  const results = await call.executor.run(program(call, 'weights'), feeds(call));
  return results['weights']!.data as Float32Array;
}

function spanShares({ queries, spanMass }: SoftmaxCall): Float32Array {
  return queries.map(query => spanMass?.(query) ?? SPAN_MASS);
}

function feeds(call: SoftmaxCall): Feeds {
  const [streams, group, length, width] = call.q.shape as [number, number, number, number];
  const labels = Object.entries(call.labels ?? {}).flatMap(
    ([name, { queries, keys }]): [string, FloatTensor][] => [
      [`${name}_i`, floats([queries.length], queries)],
      [`${name}_j`, floats([keys.length], keys)],
    ],
  );
  const shares = spanShares(call);
  return {
    q: floats([streams, group * length, width], call.q.data),
    k: call.k,
    v: call.v,
    scale: floats([], Float32Array.of(call.scale)),
    spanMass: floats(
      [group * length],
      Float32Array.from({ length: group * length }, (_, r) => shares[r % length]!),
    ),
    i: floats([length], call.queries),
    j: floats([call.keys.positions.length], call.keys.positions),
    rows: integers([call.keys.rows.length], call.keys.rows),
    ...Object.fromEntries(labels),
    ...(call.position && positionFeeds(call, call.position)),
  };
}

function positionFeeds(
  { q, queries, keys }: SoftmaxCall,
  { term, heads }: NonNullable<SoftmaxCall['position']>,
): Feeds {
  const [streams, , length] = q.shape as [number, number, number];
  const lowest = keys.positions[0]! - queries[length - 1]!;
  const highest = keys.positions[Math.max(0, keys.count - 1)]! - queries[0]!;
  return termFeeds(term, { heads, streams, length, lowest, highest });
}

function program(call: SoftmaxCall, want: 'outputs' | 'weights' | 'both'): Program {
  const [streams, group, , width] = call.q.shape as [number, number, number, number];
  const labels = Object.keys(call.labels ?? {});
  const { causal, rule, mayBeEmpty = false } = call;
  const term = call.position?.term;
  const wantLogSum = call.wantLogSum === true && want !== 'weights';
  const parts = [
    'softmax',
    want,
    streams,
    group,
    width,
    causal,
    mayBeEmpty,
    wantLogSum,
    rule?.key,
    ...labels,
  ];
  const key = [...parts, termKey(term)].join('/');
  return {
    key,
    build() {
      const g = new GraphBuilder(key);
      const unscaled = g.input('q', 'float32', [streams, 'R', width]);
      const k = g.input('k', 'float32', [streams, 'P', width]);
      const v = g.input('v', 'float32', [streams, 'P', 'E']);
      const scale = g.input('scale', 'float32', []);
      const spanMass = g.unsqueeze(g.input('spanMass', 'float32', ['R']), 1);
      const i = g.unsqueeze(g.input('i', 'float32', ['B']), 1);
      const positions = g.input('j', 'float32', ['K']);
      const j = g.unsqueeze(positions, 0);
      const rows = g.input('rows', 'int32', ['K']);
      const labelled = new Map(
        labels.map(name => [
          name,
          {
            i: g.unsqueeze(g.input(`${name}_i`, 'float32', ['B']), 1),
            j: g.unsqueeze(g.input(`${name}_j`, 'float32', ['K']), 0),
          },
        ]),
      );
      const terms: RuleTerms = { i, j, label: name => labelled.get(name)! };
      /** `[B, K] -> [R, K]`; what is the same for every query broadcasts as it is. */
      const forEachHead = (x: Value) => {
        if (x.shape[0] === 1) return x;
        return g.concat(Array<Value>(group).fill(x), 0, 'R');
      };

      const inReach = causal ? g.lessOrEqual(j, i) : g.less(j, NOWHERE);
      const allowed = rule === undefined ? inReach : g.and(inReach, rule.admits(g, terms));
      const q = g.mul(unscaled, scale);
      const keys = g.gather(k, rows, 1);
      const content = g.matMul(q, g.transpose(keys, 0, 2, 1));
      const { added, factor } = termValues(g, term, {
        streams,
        group,
        width,
        q: unscaled,
        scale,
        i: forEachHead(i),
        j,
      });
      const scores = added === undefined ? content : g.add(content, added);
      // Adding is several times as fast as choosing: only the small mask is chosen.
      const masked = g.add(scores, forEachHead(g.where(allowed, 0, HIDDEN)));
      const softmax = g.softmax(masked);
      const shares = mayBeEmpty ? g.mul(softmax, forEachHead(g.cast(allowed, 'float32'))) : softmax;
      const weights = factor === undefined ? shares : g.mul(shares, factor);
      if (want !== 'outputs') g.output('weights', weights);
      if (want === 'weights') return g.build();
      if (wantLogSum) {
        const peak = g.reduce('ReduceMax', softmax, 2);
        g.output('logSum', g.sub(g.reduce('ReduceMax', masked, 2), g.unary('Log', peak)));
      }

      // One product gives the outputs and the mean key, from which the mean score follows.
      const values = g.gather(v, rows, 1);
      const product = g.matMul(weights, g.concat([values, keys], 2, 'E+D'));
      g.output('y', g.slice(product, 2, 0, -width, 'E'));
      const meanKey = g.slice(product, 2, -width, END, width);
      const meanContent = g.reduce('ReduceSum', g.mul(q, meanKey), 2);
      const meanScore =
        added === undefined
          ? meanContent
          : g.add(meanContent, g.reduce('ReduceSum', g.mul(weights, added), 2));
      const row = { weights, positions, spanMass, sinkTokens: SINK_TOKENS, tile: TILE };
      const stats =
        factor === undefined ? rowStatistics(g, { ...row, masked, meanScore }) : shareStatistics(g, row);
      g.output('entropy', stats.entropy);
      g.output('sink', stats.sink);
      g.output('peak', stats.peak);
      if (causal) g.output('spanStart', stats.spanStart());
      return g.build();
    },
  };
}

/** Past the end of any axis. */
const END = 2 ** 31 - 1;
