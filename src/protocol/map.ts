/** A tile of one head's attention map: entries of the mixer matrix, pooled to cells. */

import type { HeadRef } from './inspection';

/** Lines and columns of a tile, at most. */
export const MAP_CELLS = 256;

/** Rows of the matrix that a tile is pooled from, at most. */
export const MAP_ROWS = 2 ** 14;

/** Tokens `start … end - 1`. */
export interface Interval {
  readonly start: number;
  readonly end: number;
}

/** Queries down, keys across. The last line and column may cover fewer tokens than the others. */
export interface TileRef extends HeadRef {
  readonly queries: Interval;
  readonly keys: Interval;
  /** Queries that a line covers. */
  readonly queryStep: number;
  /** Keys that a column covers. */
  readonly keyStep: number;
  /** How many of a line's queries, evenly spaced, are looked at; all of them from `queryStep` on. */
  readonly samples: number;
  /** Whether to hold the tile against the layer's attention as the model was made; costs a second row each. */
  readonly against: boolean;
}

/** Arrays are `[lines * columns]`, column fastest. */
export interface MapTile extends TileRef {
  readonly lines: number;
  readonly columns: number;
  /** Sum of `|M|` over the column's keys, as the mean over the queries that the line looked at. */
  readonly mass: Float32Array;
  /** Undefined unless asked for, and where the layer attends as the model was made. */
  readonly own: OwnMass | undefined;
}

/** What the layer's attention, as the model was made, gives to the same cells. */
export interface OwnMass {
  readonly mass: Float32Array;
  /** The part of `mass` on keys that the variant's rows do not weigh. */
  readonly missed: Float32Array;
  /** Share of the cell's (query, key) pairs that the variant admits. */
  readonly admitted: Float32Array;
}

/** How many lines or columns a stretch of tokens has. */
export function cellsOf({ start, end }: Interval, step: number): number {
  return Math.ceil((end - start) / step);
}
