/**
 * What an edit leaves valid. Attention is causal, so whatever lies before the first change stays as
 * computed; everything from the change on is stale.
 */

/** One replaced stretch of a document, in characters, as it was before the change. */
export interface Edit {
  readonly offset: number;
  readonly removed: number;
  readonly inserted: number;
}

/** Where an inspected text lies in its document, and how much of it still is as inspected. */
export interface Placement {
  /** The document's character at which the inspected text starts. */
  readonly base: number;
  /** Characters of the inspected text. */
  readonly length: number;
  /** True when it is the whole document, so that text added at the end counts as a change. */
  readonly whole: boolean;
  /** The first changed character, counted in the inspected text; undefined while nothing changed. */
  readonly changedAt: number | undefined;
}

/** The placement after edits, applied in order. Edits before the text only move it. */
export function applyEdits(placement: Placement, edits: readonly Edit[]): Placement {
  const { length, whole } = placement;
  let { base, changedAt } = placement;
  for (const edit of edits) {
    if (edit.removed === 0 && edit.inserted === 0) continue;
    const from = edit.offset - base;
    if (!whole && edit.offset + edit.removed <= base) {
      base += edit.inserted - edit.removed;
    } else if (from < 0) {
      base = edit.offset;
      changedAt = 0;
    } else if (whole || from < length) {
      changedAt = Math.min(changedAt ?? length, from);
    }
  }
  return { base, length, whole, changedAt };
}
