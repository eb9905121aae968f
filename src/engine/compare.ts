/**
 * Candidates beside a model's own attention: layer by layer on the same queries, keys and values, so that
 * the own outputs are computed once for all of them.
 */

import { setImmediate } from 'node:timers/promises';

import type { CandidateResult, Comparison, CompareRequest } from '../protocol/comparison';
import type { VariantChoice } from '../protocol/inspection';
import { Cancelled, Problem, sentence } from '../protocol/problem';
import { outputErrors, recallOf } from './analysis/against';
import { blockLength, blockRecalls, spacedTokens } from './attention';
import type { Hooks } from './inspect';
import type { Inspection, LayerState } from './inspection';
import { ownMixer } from './inspection';
import { attention, facing, isWithin, type LayerAttention, sameAttention } from './schedule';
import type { Attended, Block, Mixer } from './variants/primitives/mixer';

/** Tokens a head whose rows stand for all where a block does not tell its recall. */
const SAMPLED = 48;

/** What is summed up of one candidate. */
interface Tally {
  readonly choice: VariantChoice;
  readonly attention: LayerAttention | undefined;
  /** Whether blocks may tell it: it weighs no key that the own attention does not, in any layer. */
  readonly tellsRecall: boolean;
  problem: string | undefined;
  /** `[L * H]` means over `recallTokens`. */
  readonly recall: Float64Array;
  /** Sums over tokens, and over layers and heads. */
  readonly error: Float64Array;
  readonly tokenError: Float64Array;
  recallTokens: number;
  seconds: number;
}

/**
 * Everything but the live runs.
 *
 * @throws Problem for an inspection whose layers did not run with the model's own attention.
 */
export async function compareOn(
  inspection: Inspection,
  { candidates }: CompareRequest,
  hooks: Hooks,
): Promise<Comparison> {
  checkBaseline(inspection);
  const { tokens, heads } = inspection;
  const { own: owns, model } = inspection.subject;
  const { layers } = model;
  const tallies = candidates.map(choice => tallyOf(choice, owns, layers * heads, tokens));
  let ownSeconds = 0;
  for (const [index, state] of inspection.layers.entries()) {
    const own = await ownMixer(state, state.mixer!);
    const opened = await openAll(tallies, state);
    const mixers = [own, ...opened.values()];
    const told = new Map<Tally, number>();
    for (let start = 0; start < tokens;) {
      const end = Math.min(tokens, start + blockLength(mixers, start, tokens, heads));
      const block = { start, end };
      let began = performance.now();
      const baseline = await own.attend(block);
      ownSeconds += (performance.now() - began) / 1000;
      for (const [tally, mixer] of opened) {
        began = performance.now();
        const attended = await mixer.attend(block);
        tally.seconds += (performance.now() - began) / 1000;
        addErrors(tally, state, block, attended, baseline);
        told.set(tally, (told.get(tally) ?? 0) + addRecall(tally, state, block, attended, baseline));
      }
      start = end;
      hooks.progress((index + start / tokens) / layers, `Comparing layer ${index + 1} of ${layers}`);
      await setImmediate();
      if (hooks.cancelled()) throw new Cancelled();
    }
    for (const [tally, mixer] of opened) {
      if (told.get(tally) === tokens) continue;
      tally.recallTokens = await sampleRecall(tally, state, { mixer, own }, hooks);
    }
  }
  return {
    tokens,
    layers,
    heads,
    loss: inspection.summary().loss,
    seconds: ownSeconds,
    candidates: tallies.map(tally => resultOf(tally, tokens, layers * heads)),
  };
}

function checkBaseline({ subject, layers }: Inspection): void {
  const isOwn = layers.every(({ own, attention }) => sameAttention(own, attention));
  if (isOwn || subject.schedule.mode === 'shadow') return;
  throw new Problem(
    "Variants are compared on a model that ran with its own attention, but this inspection replaced it. Inspect with the variant 'native', or in shadow, and compare then.",
  );
}

function tallyOf(
  choice: VariantChoice,
  owns: readonly LayerAttention[],
  heads: number,
  tokens: number,
): Tally {
  const empty = {
    choice,
    recall: new Float64Array(heads),
    error: new Float64Array(heads),
    tokenError: new Float64Array(tokens),
    recallTokens: tokens,
    seconds: 0,
  };
  try {
    const candidate = attention(facing(choice, owns[0]!));
    const tellsRecall = owns.every(own => isWithin(candidate, own));
    return { ...empty, attention: candidate, tellsRecall, problem: undefined };
  } catch (error) {
    return { ...empty, attention: undefined, tellsRecall: false, problem: sentence(error) };
  }
}

/** The candidates' mixers on one layer; one that cannot open is told and left out from here on. */
async function openAll(tallies: readonly Tally[], state: LayerState): Promise<Map<Tally, Mixer>> {
  const mixers = new Map<Tally, Mixer>();
  for (const tally of tallies) {
    if (tally.problem !== undefined || tally.attention === undefined) continue;
    const began = performance.now();
    try {
      mixers.set(tally, await tally.attention.variant.open(state.layer, tally.attention.choice.params));
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      tally.problem = error.message;
    }
    tally.seconds += (performance.now() - began) / 1000;
  }
  return mixers;
}

function addErrors(
  tally: Tally,
  { layer }: LayerState,
  block: Block,
  attended: Attended,
  own: Attended,
): void {
  const heads = layer.q.shape[0]!;
  const length = block.end - block.start;
  const errors = outputErrors(attended.y, own.y, layer.v.shape[2]!);
  for (let head = 0; head < heads; head++) {
    for (let b = 0; b < length; b++) {
      const error = errors[head * length + b]!;
      tally.error[layer.index * heads + head]! += error;
      tally.tokenError[block.start + b]! += error;
    }
  }
}

/** @returns how many tokens of the block tell their recall. */
function addRecall(
  tally: Tally,
  { layer }: LayerState,
  block: Block,
  attended: Attended,
  own: Attended,
): number {
  const recalls = tally.tellsRecall ? blockRecalls(attended, own) : undefined;
  if (recalls === undefined) return 0;
  const length = block.end - block.start;
  recalls.forEach((recall, row) => {
    tally.recall[layer.index * layer.q.shape[0]! + Math.floor(row / length)]! += recall / layer.tokens;
  });
  return length;
}

/**
 * Recall from rows, for a candidate whose blocks do not tell it.
 *
 * @returns of how many tokens a head.
 */
async function sampleRecall(
  tally: Tally,
  { layer }: LayerState,
  { mixer, own }: { readonly mixer: Mixer; readonly own: Mixer },
  hooks: Hooks,
): Promise<number> {
  const { tokens, index } = layer;
  const heads = layer.q.shape[0]!;
  const sampled = spacedTokens(tokens, SAMPLED);
  for (let head = 0; head < heads; head++) {
    let sum = 0;
    for (const token of sampled) {
      const row = await mixer.row(head, token);
      sum += recallOf(row, await own.row(head, token), mixer.memory ?? 0);
      await setImmediate();
      if (hooks.cancelled()) throw new Cancelled();
    }
    tally.recall[index * heads + head] = sum / sampled.length;
  }
  return sampled.length;
}

function resultOf(tally: Tally, tokens: number, heads: number): CandidateResult {
  const { choice: variant, problem, recallTokens, seconds } = tally;
  const means = (sums: Float64Array, count: number) => Float32Array.from(sums, sum => sum / count);
  return {
    variant,
    problem,
    recall: Float32Array.from(tally.recall),
    error: means(tally.error, tokens),
    tokenError: means(tally.tokenError, heads),
    recallTokens,
    seconds,
    live: undefined,
  };
}
