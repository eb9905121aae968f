/**
 * Rows of many queries of one head, pooled to the cells of a map where they are made. Letters as in `mixer`;
 * `Q` queries, `C` cells of a query.
 */

import type { Ranges } from './keys';
import type { Rule } from './softmaxCall';

export interface PooledRead {
  readonly head: number;
  /** `[Q]`, ascending. */
  readonly queries: readonly number[];
  /** Keys `start … end - 1`, in cells of `step` keys; the last may have fewer. */
  readonly keys: { readonly start: number; readonly end: number };
  readonly step: number;
  /** Whether to count the keys that the rows admit. */
  readonly counts: boolean;
  /** What else admits keys: the mass on those that it does not is asked for too. */
  readonly beside: Admission | undefined;
}

/** Of the first `count` queries, as many as bounded work allows, at least one. Arrays are `[count, C]`. */
export interface PooledRows {
  readonly count: number;
  /** Sums of `|M|`. */
  readonly mass: Float32Array;
  /** How many keys a row admits; undefined unless asked for. */
  readonly admitted: Float32Array | undefined;
  /** The part of `mass` on keys that `beside` does not admit; undefined unless asked for. */
  readonly missed: Float32Array | undefined;
}

/** Which keys a mixer's rows admit, where a rule of positions says so. */
export interface Admission {
  readonly causal: boolean;
  readonly rule?: Rule | undefined;
  /** Values of a label for every token, `[N]`, that the rule compares. */
  readonly labels?: Readonly<Record<string, ArrayLike<number>>>;
  /** Keys that some query of the block may see. */
  keys(block: { readonly start: number; readonly end: number }): Ranges;
}
