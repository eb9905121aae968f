/**
 * Candidates beside a model's own attention: layer by layer on the same queries, keys and values, so that
 * the own outputs are computed once for all of them.
 */

import { setImmediate } from 'node:timers/promises';

import type { Comparison, CompareRequest, SweepResult } from '../../protocol/comparison';
import { Cancelled, Problem } from '../../protocol/problem';
import { recallOf } from '../analysis/against';
import { blockLength, spacedTokens } from '../attention';
import {
  addErrors,
  addHabits,
  addMemory,
  addRecall,
  memoryOf,
  type OwnTally,
  resultOf,
  type Tally,
  tallyOf,
} from './tally';
import type { Hooks } from '../inspect';
import type { Inspection } from '../inspection';
import { type LayerState, ownMixer } from '../layerState';
import { sameAttention } from '../schedule';
import { headBudgets, scheduleOf, valuesOf } from './sweep';
import type { Mixer } from '../variants/primitives/mixer';

/** Tokens a head whose rows stand for all where a block does not tell its recall. */
const SAMPLED = 48;

/**
 * Everything but the live runs.
 *
 * @throws Problem for an inspection whose layers did not run with the model's own attention.
 */
export async function compareOn(
  inspection: Inspection,
  { candidates, sweep }: CompareRequest,
  hooks: Hooks,
): Promise<Comparison> {
  checkBaseline(inspection);
  const { tokens, heads } = inspection;
  const { own: owns, model } = inspection.subject;
  const { layers } = model;
  const tallies = candidates.map(choice => tallyOf(choice, owns, layers * heads, tokens));
  const ownTally: OwnTally = {
    span: new Float64Array(layers * heads),
    sink: new Float64Array(layers * heads),
    pairs: 0,
    memory: new Float64Array(layers),
    seconds: 0,
  };
  for (const [index, state] of inspection.layers.entries()) {
    const own = await ownMixer(state, await inspection.open({ layer: index, head: 0, token: 0 }));
    const opened = await openAll(tallies, state);
    const mixers = [own, ...opened.values()];
    addMemory(ownTally, state, own);
    for (const [tally, mixer] of opened) addMemory(tally, state, mixer);
    const told = new Map<Tally, number>();
    for (let start = 0; start < tokens;) {
      const end = Math.min(tokens, start + blockLength(mixers, start, tokens, heads));
      const block = { start, end };
      let began = performance.now();
      const baseline = await own.attend(block);
      ownTally.seconds += (performance.now() - began) / 1000;
      ownTally.pairs += own.cost(block);
      addHabits(ownTally, state, block, baseline);
      for (const [tally, mixer] of opened) {
        began = performance.now();
        const attended = await mixer.attend(block);
        tally.seconds += (performance.now() - began) / 1000;
        tally.pairs += mixer.cost(block);
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
  const results = tallies.map(tally => resultOf(tally, { tokens, layers, heads }));
  const comparison = {
    tokens,
    layers,
    heads,
    loss: inspection.summary().loss,
    seconds: ownTally.seconds,
    keys: ownTally.pairs / (tokens * layers),
    ...memoryOf(ownTally),
    candidates: results,
  };
  return { ...comparison, sweep: sweep && sweepOf(comparison, sweep, ownTally) };
}

function sweepOf(
  { candidates, ...sizes }: Omit<Comparison, 'sweep'>,
  { count, param, target }: NonNullable<CompareRequest['sweep']>,
  habits: OwnTally,
): SweepResult | undefined {
  const swept = candidates.slice(Math.max(0, candidates.length - count));
  const variant = swept[0]?.variant;
  if (variant === undefined) return undefined;
  const budgets = headBudgets({ ...sizes, candidates: swept }, param, target, habits);
  const schedule = scheduleOf(budgets, variant, param);
  return { id: variant.id, param, target, values: valuesOf(swept, param), budgets, schedule };
}

function checkBaseline({ subject, layers }: Inspection): void {
  const isOwn = layers.every(({ own, attention }) => sameAttention(own, attention));
  if (isOwn || subject.schedule.mode === 'shadow') return;
  throw new Problem(
    "Variants are compared on a model that ran with its own attention, but this inspection replaced it. Inspect with the variant 'native', or in shadow, and compare then.",
  );
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
