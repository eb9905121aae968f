/** One inspection of one document: what the engine said of it and where it lies in the editor. */

import { basename } from 'node:path';
import type { HeadRef, InspectionSummary, TokenTable } from '../protocol/inspection';
import type { Selection } from '../protocol/panel';
import { applyEdits, type Edit, type Placement } from './staleness';
import { firstTouching, tokenAt, tokenOver } from './tokens';

/** The stretch of a document that is inspected, in characters of the document. */
export interface InspectedText {
  /** The document's URI. */
  readonly document: string;
  readonly text: string;
  readonly base: number;
  /** False for a selection. */
  readonly whole: boolean;
}

export class Inspection {
  /** The engine's name for it; a new one every run. */
  readonly id: string;
  readonly document: string;
  /** As it was inspected. */
  readonly text: string;
  readonly tokens: TokenTable;
  selection: Selection;
  /** Of the run so far; replaced when it ends. */
  summary: InspectionSummary;
  /** Per-token loss in nats, `[N]`; undefined until the run has ended. */
  losses: Float32Array | undefined;
  done = false;
  /** False while the head shown is one that we picked. */
  headChosen = false;
  private placement: Placement;

  constructor(source: InspectedText, summary: InspectionSummary, tokens: TokenTable) {
    this.id = summary.id;
    this.document = source.document;
    this.text = source.text;
    this.tokens = tokens;
    this.summary = summary;
    this.selection = { layer: summary.layers - 1, head: 0, token: undefined, pinned: false };
    this.placement = {
      base: source.base,
      length: source.text.length,
      whole: source.whole,
      changedAt: undefined,
    };
  }

  /** The file's name. */
  get name(): string {
    return basename(decodeURIComponent(this.document));
  }

  /** The document's characters that were inspected, start and end; undefined when it was the whole document. */
  get range(): readonly [number, number] | undefined {
    const { base, length, whole } = this.placement;
    return whole ? undefined : [base, base + length];
  }

  /** The first token made stale by an edit; undefined while the inspection matches the document. */
  get staleFrom(): number | undefined {
    const { changedAt } = this.placement;
    return changedAt === undefined ? undefined : firstTouching(this.tokens, changedAt);
  }

  isStale(token: number): boolean {
    const from = this.staleFrom;
    return from !== undefined && token >= from;
  }

  edited(edits: readonly Edit[]): void {
    this.placement = applyEdits(this.placement, edits);
  }

  /** Takes the document as it is now for the inspected one, if it reads the same again, as after an undo. */
  restoreIf(textOf: (start: number, end: number) => string): void {
    const { base, length, whole, changedAt } = this.placement;
    if (changedAt === undefined || length !== this.text.length) return;
    if (textOf(base, base + length) !== this.text) return;
    this.placement = { base, length, whole, changedAt: undefined };
  }

  /** The token at a character of the document, or the last one before it; undefined outside the text. */
  tokenNear(offset: number): number | undefined {
    const inside = offset - this.placement.base;
    return inside < 0 || inside > this.text.length ? undefined : tokenAt(this.tokens, inside);
  }

  /** The token that covers a character of the document. */
  tokenOver(offset: number): number | undefined {
    const inside = offset - this.placement.base;
    return inside < 0 ? undefined : tokenOver(this.tokens, inside);
  }

  /** Characters of the document that a token covers: start, end. */
  rangeOf(token: number): readonly [number, number] {
    const { base } = this.placement;
    return [base + this.tokens.starts[token]!, base + this.tokens.ends[token]!];
  }

  /** The inspected text under a token. */
  textOf(token: number): string {
    return this.text.slice(this.tokens.starts[token], this.tokens.ends[token]);
  }

  has(token: number): boolean {
    return token >= 0 && token < this.tokens.ids.length;
  }

  /** Goes on with the head and pinned token of an earlier inspection, where they still exist. */
  resume(before: Inspection | undefined): void {
    if (before === undefined) return;
    const { token, pinned } = before.selection;
    if (before.headChosen) this.chooseHead(before.selection);
    // After an edit the same index may name another token.
    if (pinned && token !== undefined && this.has(token) && !before.isStale(token))
      this.selection = { ...this.selection, token, pinned };
  }

  /** Shows a head that a person chose, where it exists. */
  chooseHead({ layer, head }: HeadRef): void {
    if (layer >= this.summary.layers || head >= this.summary.heads) return;
    this.selection = { ...this.selection, layer, head };
    this.headChosen = true;
  }

  /** The selection moved by some layers or heads, wrapping around at the model's ends. */
  stepped(part: 'layer' | 'head', by: number): Selection {
    const limit = part === 'layer' ? this.summary.layers : this.summary.heads;
    return { ...this.selection, [part]: (this.selection[part] + by + limit) % limit };
  }
}
