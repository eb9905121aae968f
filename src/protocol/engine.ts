/** What the engine process offers to the extension and the CLI, and what it tells them unasked. */

import type {
  DeviceChoice,
  DeviceInfo,
  HeadRef,
  InspectionSummary,
  ModelInfo,
  Overview,
  Progress,
  Row,
  RowRef,
  Structure,
  TokenDetail,
  TokenStats,
  TokenTable,
  VariantChoice,
  VariantInfo,
} from './inspection';

export interface InspectRequest {
  /** Chosen by the caller; replaces an earlier inspection of the same id. */
  readonly id: string;
  readonly text: string;
  /** A checkpoint folder, absolute. */
  readonly model: string;
  readonly variant: VariantChoice;
  readonly device: DeviceChoice;
  /** Refuse a text with more tokens than this. */
  readonly maxTokens: number;
}

export interface RowRequest extends RowRef {
  readonly id: string;
  /** How many of the strongest keys to list. */
  readonly top: number;
  /** How many cells to pool the row to; 0 for none. */
  readonly profile: number;
}

export interface StructureRequest {
  readonly id: string;
  /** Whose mass a node shows; no mass when undefined. */
  readonly row: RowRef | undefined;
  /** At most so many nodes; those that hold the token, and the heaviest, are kept. */
  readonly limit: number;
}

export interface EngineInfo {
  readonly pid: number;
  readonly runtime: string;
  readonly variants: readonly VariantInfo[];
}

/**
 * Calls of the engine. Every call answers exactly once, or throws an error whose message is a
 * sentence for the user: what was expected, what was found, what to do.
 *
 * @throws `Cancelled` (by name) from `inspect` after `cancel`.
 */
export interface EngineApi {
  info(): Promise<EngineInfo>;
  /** Reads a checkpoint folder's config; loads no weights. */
  describeModel(directory: string): Promise<ModelInfo>;
  /** Opens a device as `inspect` would and says which one came of it. */
  openDevice(choice: DeviceChoice): Promise<DeviceInfo>;
  /** Runs to the end; `EngineEvents.progress` and `.started` speak meanwhile, and rows can be asked. */
  inspect(request: InspectRequest): Promise<InspectionSummary>;
  /** Stops the run of that id between two blocks. Says whether there was one. */
  cancel(id: string): Promise<boolean>;
  /** Forgets an inspection and frees what it holds. */
  close(id: string): Promise<void>;
  tokens(id: string): Promise<TokenTable>;
  /** Per-token loss in nats, `[N]`; entry 0 is NaN. */
  losses(id: string): Promise<Float32Array>;
  overview(id: string): Promise<Overview>;
  stats(id: string, head: HeadRef): Promise<TokenStats>;
  /** Answers in request order. Rows of layers not yet computed throw. */
  rows(requests: readonly RowRequest[]): Promise<readonly Row[]>;
  tokenDetail(id: string, token: number): Promise<TokenDetail>;
  structure(request: StructureRequest): Promise<Structure>;
}

/** What the engine says unasked. */
export interface EngineEvents {
  /** The tokens are known; the run goes on. */
  started(summary: InspectionSummary): void;
  progress(progress: Progress): void;
  log(level: LogLevel, message: string): void;
}

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';
