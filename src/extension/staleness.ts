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
  /** Characters the inspected text takes up in the document by now. */
  readonly length: number;
  /** True when it is the whole document, so that text added at the end counts as a change. */
  readonly whole: boolean;
  /** The first changed character, counted in the inspected text; undefined while nothing changed. */
  readonly changedAt: number | undefined;
}

/** The placement after edits, applied in order. Edits before the text only move it. */
export function applyEdits(placement: Placement, edits: readonly Edit[]): Placement {
  return edits.reduce(applyEdit, placement);
}

function applyEdit(placement: Placement, { offset, removed, inserted }: Edit): Placement {
  const { base, length, whole, changedAt } = placement;
  if (removed === 0 && inserted === 0) return placement;
  const end = offset + removed;
  if (!whole && end <= base) return { ...placement, base: base + inserted - removed };
  if (!whole && offset >= base + length) return placement;
  const start = Math.min(base, offset);
  const keptBehind = Math.max(0, base + length - end);
  return {
    whole,
    base: start,
    length: offset - start + inserted + keptBehind,
    changedAt: Math.min(changedAt ?? Infinity, Math.max(0, offset - base)),
  };
}
