/** Variants held against the model's own attention, on one document. */

import type { VariantChoice } from './inspection';

export interface CompareRequest {
  /** Chosen by the caller, for progress and `cancel`. */
  readonly id: string;
  /** A finished inspection whose model ran with its own attention, or in shadow. */
  readonly of: string;
  readonly candidates: readonly VariantChoice[];
  /** Whether to run the model with each candidate as well, for the loss; costs an inspection each. */
  readonly live: boolean;
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
  readonly candidates: readonly CandidateResult[];
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
  /** How many tokens a head the recall is of: all, or an even sample where rows had to be asked for. */
  readonly recallTokens: number;
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
