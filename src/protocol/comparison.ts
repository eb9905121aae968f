/** Variants held against the model's own attention, on one document. */

import type { HeadRef, ParamValue, Schedule, VariantChoice } from './inspection';

export interface CompareRequest {
  /** Chosen by the caller, for progress and `cancel`. */
  readonly id: string;
  /** A finished inspection whose model ran with its own attention, or in shadow. */
  readonly of: string;
  readonly candidates: readonly VariantChoice[];
  /** Whether to run the model with each candidate as well, for the loss; costs an inspection each. */
  readonly live: boolean;
  /** What the last candidates are a sweep of; they differ in one parameter, a number. */
  readonly sweep?: Sweep;
}

/** A search for the smallest budget. */
export interface Sweep {
  /** How many of the candidates, the last ones, belong to it. */
  readonly count: number;
  /** What they differ in; smaller is cheaper. */
  readonly param: string;
  /** The share of the own attention's mass that a head must keep, above 0 and up to 1. */
  readonly target: number;
}

/** Letters as in `inspection.ts`. */
export interface Comparison {
  readonly tokens: number;
  readonly layers: number;
  readonly heads: number;
  /** Mean next-token loss of the model as it was made, in nats; undefined for a model without one. */
  readonly loss: number | undefined;
  /** Seconds that the model's own attention took, beside the candidates. */
  readonly seconds: number;
  /** As in `CandidateResult`, of the model's own attention. */
  readonly keys: number;
  readonly memory: number;
  readonly layerMemory: readonly number[];
  readonly candidates: readonly CandidateResult[];
  /** Undefined unless asked for. */
  readonly sweep: SweepResult | undefined;
}

export interface CandidateResult {
  readonly variant: VariantChoice;
  /** Why it could not be compared, in a sentence; nothing else is known then. */
  readonly problem: string | undefined;
  /** `[L * H]` means over tokens of the share of the own row's mass on keys that the candidate weighs. */
  readonly recall: Float32Array;
  /** `[L * H]` means over tokens of `|y - y_own| / |y_own|`. */
  readonly error: Float32Array;
  /** `[N]` means over layers and heads of the same. */
  readonly tokenError: Float32Array;
  /** The tokens that it changes most: by rise in loss where it ran live, else by output error; greatest first. */
  readonly hurt: readonly TokenChange[];
  /** How many tokens a head the recall is of: all, or an even sample where rows had to be asked for. */
  readonly recallTokens: number;
  /**
   * Keys that a query of a head is computed with, in the mean; what a block computes and masks counts. Unlike
   * seconds the same on every machine.
   */
  readonly keys: number;
  /**
   * Bytes that decoding keeps over all layers, at four a number, when it has come to the document's last token: what
   * that token and the tokens so far left behind, as far as it, or any token that may follow, still reads it.
   *
   * - Keys and values count once a key-value head: `N · G · (D + E)` numbers a layer where all of them stay, as with
   *   dense attention. Of a window, sinks or a budget it is the tokens that stay; where the query heads that share
   *   keys keep different tokens, all of these.
   * - Summaries, and what finds keys among those that stay, count too: bounds of pages, means of blocks, buckets,
   *   members of clusters. A position or a label is one number.
   * - A recurrent mixer keeps a state a head, at any length; one over segments what stays of each.
   * - Without causality nothing is decoded: it is what a pass over the document holds for its queries, all keys and
   *   values or the slots they were made into.
   *
   * Weights do not count, nor what stands for them, unless it was fitted to the document. Neither does what a single
   * step needs, nor what a runtime reserves beyond it: the bytes of a process cannot be told apart by variants.
   */
  readonly memory: number;
  /** `[L]` the same of each layer. */
  readonly layerMemory: readonly number[];
  /** Seconds of its plans and attention, all layers. */
  readonly seconds: number;
  readonly live: LiveResult | undefined;
}

/** The whole model with the candidate in every layer. */
export interface LiveResult {
  /** Mean next-token loss in nats; undefined for a model without one. */
  readonly loss: number | undefined;
  /** `[N]` nats a token more than with the model's own attention; NaN for the first. */
  readonly lossChange: Float32Array;
  readonly seconds: number;
}

/** What a candidate does to one token. */
export interface TokenChange {
  readonly token: number;
  /** Mean over layers and heads of `|y - y_own| / |y_own|`. */
  readonly error: number;
  /** Nats more than with the model's own attention; undefined where it did not run live, and for the first token. */
  readonly lossChange: number | undefined;
}

/**
 * What a head does in the model's own attention:
 * - `sink` at least half of its mass lies on the first `SINK_TOKENS` tokens, in the mean.
 * - `local` else, its mean span is at most an eighth of the mean context.
 * - `retrieving` else: it reads far back.
 */
export const HEAD_KINDS = ['local', 'retrieving', 'sink'] as const;
export type HeadKind = (typeof HEAD_KINDS)[number];

export interface HeadBudget extends HeadRef {
  /** The smallest value that keeps the recall; undefined where none does. */
  readonly value: ParamValue | undefined;
  /** At that value, or at the largest. */
  readonly recall: number;
  readonly kind: HeadKind;
}

export interface SweepResult extends Omit<Sweep, 'count'> {
  /** The variant that was swept. */
  readonly id: string;
  /** The values tried, ascending. */
  readonly values: readonly ParamValue[];
  /** `[L * H]`, head fastest. */
  readonly budgets: readonly HeadBudget[];
  /** A layer takes what its neediest head needs, and stays as it is where no value is enough. */
  readonly schedule: Schedule;
}

/** A comparison without what it knows of every token. */
export interface ComparisonSummary extends Omit<Comparison, 'candidates'> {
  readonly candidates: readonly CandidateSummary[];
}

export interface CandidateSummary extends Omit<CandidateResult, 'tokenError' | 'live'> {
  readonly live: Omit<LiveResult, 'lossChange'> | undefined;
}

/** Leaves out the arrays over tokens, which are megabytes for a long document. */
export function summaryOf(comparison: Comparison): ComparisonSummary {
  const candidates = comparison.candidates.map(({ tokenError: _errors, live, ...rest }) => ({
    ...rest,
    live: live && { loss: live.loss, seconds: live.seconds },
  }));
  return { ...comparison, candidates };
}
