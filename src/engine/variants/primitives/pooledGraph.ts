/** The graph of the one softmax, its weights summed over chunks of keys. Letters as in `softmaxRows`. */

import type { GraphBuilder } from '../../onnx/builder';
import { extended } from '../../onnx/extend';
import type { Feeds, Program, Value } from '../../onnx/graph';
import { floats, type Tensor } from '../../onnx/tensor';
import type { CellLayout } from './cellLayout';
import { type Rule, type SoftmaxCall, softmaxFeeds } from './softmaxCall';
import { softmaxProgram } from './softmaxGraph';

/** Another admission at the queries and keys of a call. */
export interface BesideCall {
  readonly rule: Rule | undefined;
  /** `[B]` the last key that each query may see. */
  readonly last: Float32Array;
  /** `[K]` positions; `NOWHERE` for keys that no query sees. */
  readonly positions: Float32Array;
  readonly labels: NonNullable<SoftmaxCall['labels']>;
}

/** A call with one stream and one head on it. */
export interface PooledCall {
  readonly call: SoftmaxCall;
  readonly layout: CellLayout;
  readonly counts: boolean;
  readonly beside: BesideCall | undefined;
}

/** Gives `mass`, and where asked for `admitted` and `missed`, each `[B, chunks]`. */
export function pooledProgram({ call, counts, beside }: PooledCall): Program {
  const inner = softmaxProgram(call, 'weights');
  const labels = Object.keys(beside?.labels ?? {});
  const besides = beside === undefined ? '' : `beside/${beside.rule?.key}/${labels.join('/')}`;
  const isSigned = call.position?.term.factor !== undefined;
  const key = ['pooled', counts, besides, isSigned, inner.key].join('/');
  return {
    key,
    build: () =>
      extended(inner.build(), key, g => {
        const given = g.input('weights', 'float32', [1, 'B', 'K']);
        const weights = isSigned ? g.unary('Abs', given) : given;
        const [from, to] = [g.input('from', 'int64', [1]), g.input('to', 'int64', [1])];
        const shape = g.input('chunks', 'int64', [3]);
        const chunks = (x: Value) => {
          const inside = g.slice(x, -1, from, to, 'I');
          const parts = g.node('Reshape', [inside, shape], {}, 'float32', ['B', 'C', 'W']);
          return g.reduce('ReduceSum', parts, 2);
        };
        g.output('mass', chunks(weights));
        if (counts) {
          const names = Object.keys(call.labels ?? {});
          g.output('admitted', chunks(g.cast(allowed(g, call.rule, '', names), 'float32')));
        }
        if (beside !== undefined)
          g.output('missed', chunks(g.where(allowed(g, beside.rule, 'beside_', labels), 0, weights)));
      }),
  };
}

/** `[B, K]`: which keys a query sees. */
function allowed(g: GraphBuilder, rule: Rule | undefined, prefix: string, labels: readonly string[]): Value {
  const query = (name: string) => g.unsqueeze(g.input(name, 'float32', ['B']), 1);
  const key = (name: string) => g.unsqueeze(g.input(name, 'float32', ['K']), 0);
  const j = key(`${prefix}j`);
  const inTime = g.lessOrEqual(j, query(`${prefix}last`));
  if (rule === undefined) return inTime;
  const labelled = new Map(
    labels.map(name => [name, { i: query(`${prefix}${name}_i`), j: key(`${prefix}${name}_j`) }]),
  );
  const terms = { i: query(`${prefix}i`), j, label: (name: string) => labelled.get(name)! };
  return g.and(inTime, rule.admits(g, terms));
}

export function pooledFeeds({ call, layout, beside }: PooledCall): Feeds {
  const { from, width, cells } = layout;
  const { queries } = call;
  return {
    ...softmaxFeeds(call, 'weights'),
    from: lengths(from),
    to: lengths(from + cells.length * width),
    chunks: lengths(queries.length, cells.length, width),
    ...(beside && besideFeeds(beside, queries)),
  };
}

function besideFeeds({ last, positions, labels }: BesideCall, queries: Float32Array): Feeds {
  const vector = (data: Float32Array) => floats([data.length], data);
  return {
    beside_i: vector(queries),
    beside_last: vector(last),
    beside_j: vector(positions),
    ...Object.fromEntries(
      Object.entries(labels).flatMap(([name, of]) => [
        [`beside_${name}_i`, vector(of.queries)],
        [`beside_${name}_j`, vector(of.keys)],
      ]),
    ),
  };
}

function lengths(...numbers: readonly number[]): Tensor<'int64'> {
  return { type: 'int64', shape: [numbers.length], data: BigInt64Array.from(numbers, BigInt) };
}
