/** A statistic of every token of a head, pooled to what a page can show. */

import type { HeadRef, StatName } from './inspection';
import type { Interval } from './map';

/** Cells of a series, at most. */
export const SERIES_CELLS = 4096;

/** Tokens listed as those with the greatest values, at most. */
export const SERIES_GREATEST = 64;

/** A stretch of the document in cells of `step` tokens; the last may have fewer. */
export interface SeriesRef extends HeadRef {
  readonly stat: StatName;
  readonly tokens: Interval;
  readonly step: number;
  /** How many tokens of the whole document to list, those with the greatest values. */
  readonly greatest: number;
}

/** Arrays are `[cells]`, over the tokens whose value is known; NaN where none is. */
export interface Series extends Omit<SeriesRef, 'greatest'> {
  readonly low: Float32Array;
  readonly high: Float32Array;
  readonly mean: Float32Array;
  /** Greatest first, ties by position. */
  readonly greatest: readonly TokenValue[];
}

export interface TokenValue {
  readonly token: number;
  readonly value: number;
}
