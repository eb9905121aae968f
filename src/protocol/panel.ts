/** What the panel asks of the extension, and what the extension tells the panel. */

import type { DilutionBin } from './dilution';
import type {
  HeadRef,
  Hurt,
  InspectionSummary,
  Overview,
  Progress,
  Row,
  RowRef,
  Schedule,
  StatName,
  Structure,
  TokenDetail,
  TokenStats,
  VariantChoice,
  VariantInfo,
} from './inspection';
import type { ComparisonSummary } from './comparison';
import type { MapTile, TileRef } from './map';
import type { Memory } from './memory';
import type { Series, SeriesRef } from './series';

/** The head and token that editor, hovers and panel show together. */
export interface Selection extends HeadRef {
  /** The token under the cursor or the pinned one; undefined before the first. */
  readonly token: number | undefined;
  readonly pinned: boolean;
}

/** Everything the panel shows that is not fetched on demand. */
export interface PanelState {
  readonly inspection: InspectionSummary | undefined;
  readonly documentName: string | undefined;
  readonly running: Progress | undefined;
  /** The first token made stale by an edit; undefined when the inspection matches the document. */
  readonly staleFrom: number | undefined;
  /** A sentence about what went wrong last; undefined when nothing did. */
  readonly problem: string | undefined;
  readonly variants: readonly VariantInfo[];
  /** What the next inspection runs with. */
  readonly variant: VariantChoice;
  readonly schedule: Schedule;
  readonly selection: Selection;
  readonly topKeys: number;
  readonly comparison: ComparisonState;
}

/** How it stands with the comparison of variants on the document. */
export interface ComparisonState {
  /** Names the comparison that can be asked for; undefined while there is none of this text and model. */
  readonly key: string | undefined;
  readonly running: Progress | undefined;
  /** A sentence about what went wrong last. */
  readonly problem: string | undefined;
}

/** A row of the inspection's own attention, or of a variant laid over its queries, keys and values. */
export interface PanelRow extends RowRef {
  readonly variant?: VariantChoice;
}

/** A token's text with its neighbourhood, for labels. */
export interface TokenText {
  readonly token: number;
  readonly text: string;
  /** Line in the document, counted from 1. */
  readonly line: number;
}

/** Commands the panel's buttons run; each is also in the command palette. */
export type PanelCommand =
  | 'inspectDocument'
  | 'inspectSelection'
  | 'inspectAgain'
  | 'chooseModel'
  | 'chooseVariant'
  | 'chooseSchedule'
  | 'cancel'
  | 'compareLayers'
  | 'compareVariants'
  | 'sweepVariant'
  | 'cancelComparison'
  | 'exportComparison'
  | 'clear'
  | 'restartEngine'
  | 'showLog'
  | 'openExample'
  | 'exportInspection'
  | 'exportReport';

export const FILE_KINDS = ['png', 'svg', 'csv', 'json'] as const;
export type FileKind = (typeof FILE_KINDS)[number];

/** A file that the panel has made. */
export interface SavedFile {
  /** What it is suggested to be called, without an extension. */
  readonly name: string;
  readonly kind: FileKind;
  /** Text, or base64 where the kind is `png`; at most `FILE_LIMIT` characters. */
  readonly content: string;
}

export const FILE_LIMIT = 2 ** 26;

/** Panel to extension. */
export interface HostApi {
  state(): Promise<PanelState>;
  run(command: PanelCommand): Promise<void>;
  /** Chooses head or token; unpinned selections follow the cursor again. */
  select(selection: Selection): Promise<void>;
  setVariant(choice: VariantChoice, schedule: Schedule): Promise<void>;
  /** Moves the editor to a token. */
  reveal(token: number): Promise<void>;
  overview(): Promise<Overview>;
  /** Only the statistics that are named: all of them are megabytes for a long document. */
  stats(head: HeadRef, names: readonly StatName[]): Promise<Partial<TokenStats>>;
  /** A statistic of a head along a stretch of the document, pooled to what the page can show. */
  series(series: SeriesRef): Promise<Series>;
  /** How a head's rows spread by context length, shortest first. */
  dilution(head: HeadRef): Promise<readonly DilutionBin[]>;
  /** Rows with a profile of `profile` cells. */
  rows(rows: readonly PanelRow[], profile: number): Promise<readonly Row[]>;
  structure(row: RowRef | undefined): Promise<Structure>;
  /** Undefined where the layer's variant has no memory but the keys themselves. */
  memory(row: RowRef): Promise<Memory | undefined>;
  /** A tile of a head's attention map; a newer call ends this one with `Cancelled`. */
  map(tile: TileRef): Promise<MapTile>;
  tokenDetail(token: number): Promise<TokenDetail>;
  texts(tokens: readonly number[]): Promise<readonly TokenText[]>;
  /** The tokens that the variant hurts most, in one head or in the mean over all where it attends. */
  hurts(head: HeadRef | undefined): Promise<readonly Hurt[]>;
  /** The comparison that `PanelState` names; undefined where it is gone. */
  comparison(): Promise<ComparisonSummary | undefined>;
  /** Asks where to write the file. Says whether it was written; false when the person thought better of it. */
  save(file: SavedFile): Promise<boolean>;
}

/** Extension to panel. */
export interface PanelApi {
  stateChanged(state: PanelState): void;
}
