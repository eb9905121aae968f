/**
 * Which keys the queries of an exported layer see. Attributes and masks say it, or the graph's own weights do;
 * either way, what follows from it must be what the graph itself computed for some of its queries.
 */

import type { NativeAttention } from '../model/decoder';
import type { FloatTensor } from '../onnx/tensor';
import { byHead, byToken, type Heads, Misfit } from './heads';
import { biasAt, biasInMask, biasInWeights, type OffsetBias, readBias } from './offsetBias';
import type { Declared, Projections, Site } from './site';

/** Weights are the same up to this; outputs, up to this share of the largest. */
const TOLERANCE = 1e-3;
/** The same for a graph that computes in half precision, whose scores are rounded. */
const HALF_TOLERANCE = 2e-2;
/** Below this a difference is one of rounding. */
const ROUNDING = 2e-5;
/** Additive masks are below this where a key is hidden. */
const HIDDEN = -1e3;

export interface Evidence {
  /** `[R]`: the queries whose rows were taken. */
  readonly rows: readonly number[];
  /** The graph's own weights `[.., R, N]`, or outputs `[1, R, H * E]` or `[1, H, R, E]`. */
  readonly truth: FloatTensor;
  /** `[.., R, N]` */
  readonly mask: FloatTensor | undefined;
  readonly softcap: number | undefined;
  /** Whether the graph computes in half precision. */
  readonly isHalf: boolean;
}

/** The attention that agrees with the graph, or what was found instead. */
export type Finding =
  | { readonly attention: NativeAttention; readonly bias: OffsetBias | undefined; readonly found?: undefined }
  | { readonly attention?: undefined; readonly bias?: undefined; readonly found: string };

export function findAttention(site: Site, parts: Projections, evidence: Evidence): Finding {
  const { rows, softcap, isHalf } = evidence;
  const tolerance = isHalf ? HALF_TOLERANCE : TOLERANCE;
  const isWeights = site.truth.of === 'weights';
  const truth = perHead(evidence.truth, parts, isWeights);
  const seen = isWeights ? truth : evidence.mask && byHead(evidence.mask);
  const candidates = candidateMasks(site.declared, seen, rows, isWeights);
  let best: { readonly attention: NativeAttention; readonly error: number } | undefined;
  for (const mask of candidates) {
    const attention = { ...mask, softcap };
    const error = errorOf(parts, { attention, bias: undefined }, rows, truth, isWeights);
    if (best === undefined || (best.error > ROUNDING && error < best.error)) best = { attention, error };
    if (error <= ROUNDING) break;
  }
  if (best !== undefined && best.error <= tolerance) return { attention: best.attention, bias: undefined };
  for (const mask of seen !== undefined && softcap === undefined ? candidates : []) {
    const attention = { ...mask, softcap };
    const plain = { attention, bias: undefined };
    const told = isWeights
      ? biasInWeights(truth, rows, (head, query) => scoresOf(parts, plain, head, query))
      : biasInMask(seen!, HIDDEN);
    const bias = readBias(parts.q, rows, mask.causal, told);
    if (bias === undefined) continue;
    if (errorOf(parts, { attention, bias }, rows, truth, isWeights) <= tolerance) return { attention, bias };
  }
  return { found: describe(site, best) };
}

type Mask = Pick<NativeAttention, 'causal' | 'window'>;

interface Rule {
  readonly attention: NativeAttention;
  readonly bias: OffsetBias | undefined;
}

/** From what is likely to what is not: without a window first, since none may show in a short text. */
function candidateMasks(
  declared: Declared | undefined,
  seen: Heads | undefined,
  rows: readonly number[],
  isWeights: boolean,
): readonly Mask[] {
  if (seen === undefined) {
    return [{ causal: declared?.causal ?? true, window: declared?.window }];
  }
  const { back, ahead } = reach(seen, rows, isWeights);
  const causal = declared?.causal === true || ahead === 0;
  const window = declared?.window ?? 1 + (causal ? back : Math.max(back, ahead));
  return [
    { causal, window: declared?.window },
    { causal, window },
  ];
}

/** How far back and ahead the rows look at all. */
function reach(
  { heads, tokens: count, width, data }: Heads,
  rows: readonly number[],
  isWeights: boolean,
): { readonly back: number; readonly ahead: number } {
  let [back, ahead] = [0, 0];
  // A mask of zeros and ones tells what is seen; one that is added has zeros there.
  const isFlag = !isWeights && data.includes(1);
  const isSeen = (value: number) => (isWeights || isFlag ? value > 0 : value > HIDDEN);
  for (let head = 0; head < heads; head++) {
    for (let at = 0; at < count; at++) {
      const query = rows[at]!;
      const row = data.subarray((head * count + at) * width, (head * count + at + 1) * width);
      const first = row.findIndex(isSeen);
      const last = row.findLastIndex(isSeen);
      if (first < 0) continue;
      back = Math.max(back, query - first);
      ahead = Math.max(ahead, last - query);
    }
  }
  return { back, ahead };
}

function perHead(tensor: FloatTensor, { q, v }: Projections, isWeights: boolean): Heads {
  const heads = isWeights || tensor.shape.length === 4 ? byHead(tensor) : byToken(tensor, q.heads, v.width);
  const width = isWeights ? q.tokens : v.width;
  if (heads.heads === q.heads && heads.width === width) return heads;
  throw new Misfit(`computes [${tensor.shape.join(', ')}] from ${q.heads} heads`);
}

/** The largest difference between what the mask makes of the projections and what the graph computed. */
function errorOf(
  parts: Projections,
  rule: Rule,
  rows: readonly number[],
  truth: Heads,
  isWeights: boolean,
): number {
  const { q, v } = parts;
  const output = new Float64Array(v.width);
  let [error, largest] = [0, 1e-6];
  for (let head = 0; head < q.heads; head++) {
    for (const [at, query] of rows.entries()) {
      const weights = softmax(scoresOf(parts, rule, head, query));
      const found = isWeights ? weights : outputOf(parts, weights, head, output);
      const base = (head * rows.length + at) * truth.width;
      for (let i = 0; i < truth.width; i++) {
        const difference = Math.abs(found[i]! - truth.data[base + i]!);
        // NaN must not compare as small.
        error = difference <= error ? error : Number.isNaN(difference) ? Infinity : difference;
        largest = Math.max(largest, Math.abs(truth.data[base + i]!));
      }
    }
  }
  return isWeights ? error : error / largest;
}

/** The scores of one query over all keys, -Infinity where it may not look. */
function scoresOf(
  { q, k }: Projections,
  { attention, bias }: Rule,
  head: number,
  query: number,
): Float64Array {
  const { causal, window = Infinity, softcap } = attention;
  const { tokens, width } = q;
  const group = Math.floor((head * k.heads) / q.heads);
  const from = (head * tokens + query) * width;
  const scores = new Float64Array(tokens).fill(-Infinity);
  for (let key = Math.max(0, query - window + 1); key < tokens; key++) {
    if ((causal && key > query) || key - query >= window) break;
    const at = (group * tokens + key) * width;
    let sum = 0;
    for (let d = 0; d < width; d++) sum += q.data[from + d]! * k.data[at + d]!;
    const score = sum / Math.sqrt(width);
    const added = bias === undefined ? 0 : biasAt(bias, q.heads, head, key - query);
    scores[key] = (softcap === undefined ? score : softcap * Math.tanh(score / softcap)) + added;
  }
  return scores;
}

function softmax(scores: Float64Array): Float64Array {
  const largest = scores.reduce((most, score) => Math.max(most, score), -Infinity);
  const powers = scores.map(score => Math.exp(score - largest));
  const total = powers.reduce((sum, power) => sum + power, 0);
  return powers.map(power => power / total);
}

function outputOf(
  { q, v }: Projections,
  weights: Float64Array,
  head: number,
  into: Float64Array,
): Float64Array {
  const group = Math.floor((head * v.heads) / q.heads);
  into.fill(0);
  weights.forEach((weight, key) => {
    if (weight === 0) return;
    const at = (group * v.tokens + key) * v.width;
    for (let d = 0; d < v.width; d++) into[d]! += weight * v.data[at + d]!;
  });
  return into;
}

function describe(
  { truth, between, mask }: Site,
  best: { readonly attention: NativeAttention; readonly error: number } | undefined,
): string {
  const { attention, error = NaN } = best ?? {};
  const window = attention?.window === undefined ? 'no window' : `a window of ${attention.window}`;
  const what = truth.of === 'weights' ? 'weights differ' : 'outputs differ';
  const passed = between === '' ? '' : `; its scores pass through ${between}`;
  const masked = mask === undefined ? '' : '; it takes a mask, which may be a bias on its scores';
  return `its ${what} by ${error.toPrecision(2)} from softmax(q·k / sqrt(D)) ${attention?.causal ? 'over earlier keys' : 'over keys on both sides'} with ${window}, as they would with a bias on the scores that is more than one by distance${passed}${masked}`;
}
