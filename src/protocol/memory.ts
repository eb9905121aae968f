/**
 * What a variant remembers when a token reads: slots that hold stretches of the text, or a matrix that
 * everything was added to. Letters as in `inspection.ts`; `F x E` is the size of a state.
 */

import type { RowRef } from './inspection';

export type Memory = SlotMemory | StateMemory;

/** The row that reads, and what it reads from. */
interface MemoryOf extends RowRef {
  readonly title: string;
  /** What the memory is, in a sentence or two. */
  readonly about: string;
}

export interface SlotMemory extends MemoryOf {
  readonly kind: 'slots';
  /** What `MemorySlot.strength` means; undefined where slots have none. */
  readonly strength: { readonly title: string; readonly help: string } | undefined;
  /** Most read first, then strongest; at most as many as were asked for. */
  readonly slots: readonly MemorySlot[];
  /** How many slots there are. */
  readonly total: number;
  /** Tokens in slots that can be read, the open one aside. */
  readonly held: number;
  /** Tokens in evicted slots. */
  readonly evicted: number;
  /** Share of the row's `|M|` on slots other than the open one. */
  readonly read: number;
}

/**
 * - `kept` readable from memory.
 * - `retrieved` picked from memory for this token alone.
 * - `evicted` no longer readable.
 * - `open` still being written: what the token sees directly.
 * - `empty` holds nothing yet.
 */
export type SlotStatus = 'kept' | 'retrieved' | 'evicted' | 'open' | 'empty';

export interface MemorySlot {
  /** Such as `segment 3`. */
  readonly label: string;
  readonly status: SlotStatus;
  /** The token position from which on the slot is so; undefined where it always was. */
  readonly since: number | undefined;
  /** The latest of the token positions it was made from; flat half-open pairs, ascending. */
  readonly ranges: Int32Array;
  /** Likewise, positions in a memory that stood before the document. */
  readonly given: Int32Array;
  /** How many tokens it was made from. */
  readonly tokens: number;
  /** Tokens since the last of them; undefined for an empty slot. */
  readonly age: number | undefined;
  /** Age in segments, where there are segments. */
  readonly segments: number | undefined;
  /** Share of the row's `|M|` on the slot's tokens. */
  readonly read: number;
  /** As `SlotMemory.strength` says. */
  readonly strength: number | undefined;
}

/** A matrix state over time, and what is in it when the token reads. */
export interface StateMemory extends MemoryOf {
  readonly kind: 'state';
  /** `F`, what keys address. */
  readonly rows: number;
  /** `E`, what values fill. */
  readonly columns: number;
  /** `[T]` sampled tokens, ascending, at most 128; the state is the one right after each. */
  readonly at: Int32Array;
  /** `[T]` Frobenius norm of the state. */
  readonly norm: Float32Array;
  /**
   * `[T]` effective rank of the state: the exponential of the entropy of its singular values' shares
   * (singular values divided by their sum), 1 for a single direction up to `min(F, E)`; 0 for no content.
   */
  readonly rank: Float32Array;
  /** `[T]` mean norm of one token's write, over the tokens since the sample before. */
  readonly written: Float32Array;
  /** `[T]` mean write strength β likewise, where the variant has one. */
  readonly beta: Float32Array | undefined;
  /** `[T]` share of the row's `|M|` on the tokens since the sample before. */
  readonly read: Float32Array;
  /**
   * Tokens in which half of a write is lost, as seen from the token: one entry, or one for each of the `F`
   * features; empty where nothing decays.
   */
  readonly halfLives: Float32Array;
  /** The state's largest singular directions, largest first. */
  readonly directions: readonly Direction[];
  /** Erasures by the token itself, then by the tokens whose keys erased most; empty where keys erase nothing. */
  readonly overwrites: readonly Overwrite[];
}

export interface Direction {
  /** Share of the state's squared norm. */
  readonly energy: number;
  /** Share of the squared norm of what the token reads from the state. */
  readonly read: number;
  /** Tokens whose keys lie closest to the direction: the largest `|cosine|` first. */
  readonly tokens: readonly { readonly token: number; readonly cosine: number }[];
}

/** What the key of one token took out of an earlier token's write. */
export interface Overwrite {
  /** The token whose key erased. */
  readonly token: number;
  /** The token whose write lost. */
  readonly written: number;
  /** Norm of what was taken, as a share of the write's norm when it was new. */
  readonly share: number;
  /** The same, as it stands in the state: `share` times the write's norm. */
  readonly amount: number;
}
