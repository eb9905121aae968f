/**
 * The one softmax of the product: a block of queries over a set of keys, with the exact statistics of every
 * row, computed in the graph. Nothing larger than `[S, R, K]` exists, or `[R, K]` in a large call.
 *
 * Letters: `S` key-value streams, `G` query heads on each, `B` queries, `R` = `G * B` rows, `K` gathered
 * keys in whole tiles, `D` and `E` widths of keys and values.
 */

import { floats, type Tensor } from '../../onnx/tensor';
import { cutResult, roundedCall } from './fewShapes';
import type { BlockStats } from './mixer';
import { type SoftmaxCall, softmaxFeeds, spanShares, type Want } from './softmaxCall';
import { softmaxProgram } from './softmaxGraph';
import { symmetricSpans } from './symmetricSpan';

export type { Rule, RuleTerms, SoftmaxCall } from './softmaxCall';

export interface SoftmaxResult {
  /** `[S * G, B, E]` */
  readonly y: Float32Array;
  /** Each `[S * G, B]`. */
  readonly stats: BlockStats;
  /** `[S * G, B, K]`; empty unless asked for. */
  readonly weights: Float32Array;
  /** `[S * G, B]` log of the sum of `exp(score)`, where rows are one softmax; about -1e30 for a row with no key. */
  readonly logSum?: Float32Array;
}

/** Scores of a stream from which on streams run one after another: their keys then need no copy. */
const LARGE = 2 ** 18;

export async function softmaxAttend(call: SoftmaxCall, withWeights = false): Promise<SoftmaxResult> {
  const want = withWeights || !call.causal ? 'both' : 'outputs';
  const array = await run(call, want);
  const { queries } = call;
  const weights = want === 'both' ? array('weights') : new Float32Array(0);
  const span = call.causal
    ? array('spanStart').map((start, row) => queries[row % queries.length]! - start + 1)
    : symmetricSpans(weights, queries, call.keys, spanShares(call));
  const stats = { entropy: array('entropy'), span, sink: array('sink'), peak: array('peak') };
  return { y: array('y'), stats, weights, logSum: array('logSum') };
}

/** The weights themselves, `[S * G, B, K]`. */
export async function softmaxWeights(call: SoftmaxCall): Promise<Float32Array> {
  return (await run(call, 'weights'))('weights');
}

/** Outputs by name, all streams together. */
async function run(asked: SoftmaxCall, want: Want): Promise<(name: string) => Float32Array> {
  const { executor } = asked;
  const call = executor.wantsFewShapes ? roundedCall(asked) : asked;
  const [streams, group, length] = call.q.shape as [number, number, number];
  const isLarge = streams > 1 && group * length * call.keys.rows.length >= LARGE;
  const parts = isLarge ? Array.from({ length: streams }, (_, stream) => streamOf(call, stream)) : [call];
  const results: Record<string, Tensor>[] = [];
  for (const part of parts)
    results.push(await executor.run(softmaxProgram(part, want), softmaxFeeds(part, want)));
  return name => {
    const whole = joined(results.map(result => result[name]!.data as Float32Array));
    return call === asked ? whole : cutResult(whole, asked, call, name === 'weights');
  };
}

function streamOf(call: SoftmaxCall, stream: number): SoftmaxCall {
  const { q, position } = call;
  const [, group, length, width] = q.shape as [number, number, number, number];
  const size = group * length * width;
  const part = q.data.subarray(stream * size, (stream + 1) * size);
  const heads = position?.heads.slice(stream * group, (stream + 1) * group);
  return {
    ...call,
    q: floats([1, group, length, width], part),
    stream,
    position: position && { ...position, heads: heads! },
  };
}

function joined(parts: readonly Float32Array[]): Float32Array {
  if (parts.length === 1) return parts[0]!;
  const whole = new Float32Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
