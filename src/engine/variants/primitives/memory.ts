/**
 * What a mixer remembers when a query reads, in positions alone. Positions are those of rows: a given
 * memory's come first. Letters as in `mixer.ts`; `F x E` is the size of a state.
 */

import type { SlotStatus } from '../../../protocol/memory';

export type MixerMemory = SlotContents | StateContents;

export interface SlotContents {
  readonly kind: 'slots';
  /** What the memory is, in a sentence or two. */
  readonly about: string;
  /** What the slots' strength means; absent where they have none. */
  readonly strength?: { readonly title: string; readonly help: string };
  readonly slots: readonly Slot[];
}

export interface Slot {
  readonly label: string;
  readonly status: SlotStatus;
  /** Flat half-open pairs, ascending. */
  readonly ranges: Int32Array;
  /** The position from which on the slot is so. */
  readonly since?: number;
  /** Age in segments. */
  readonly segments?: number;
  readonly strength?: number;
}

/** One head's matrix state. */
export interface StateContents {
  readonly kind: 'state';
  readonly about: string;
  readonly rows: number;
  readonly columns: number;
  /** How many tokens the state that is read holds: the query's predecessors and itself, or all. */
  readonly tokens: number;
  /** States after multiples of so many tokens are known already, or cheap to find. */
  readonly apart: number;
  /** What the query asks with, `[F]`, up to a factor. */
  readonly query: ArrayLike<number>;
  /** What a token writes, `β key valueᵀ` with β 1 where there is none: `[F]` and `[E]`. */
  key(token: number): ArrayLike<number>;
  value(token: number): ArrayLike<number>;
  /** The write strength β of a token, where there is one. */
  readonly beta?: (token: number) => number;
  /** Tokens in which half of a write is lost: `[1]`, `[F]`, or `[0]` where nothing decays. */
  readonly halfLives: Float32Array;
  /**
   * Shows the state `[F, E]` after each of the ascending counts of tokens, in one pass; it is written over
   * once `visit` returns.
   */
  trace(after: Int32Array, visit: (state: Float64Array) => void): Promise<void>;
  /** What keys erase, where they do; `removed` is filled by a `trace` that has passed the token. */
  readonly erasing?: Erasing;
}

export interface Erasing {
  /** `[tokens]` norm of what each token's key took out of the state. */
  readonly removed: Float64Array;
  /** For a token: the share that its key took of each earlier write, against that write when new. */
  sharesOf(token: number): Float64Array;
}
