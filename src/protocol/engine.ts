/** What the engine process offers to the extension and the CLI, and what it tells them unasked. */

import type { Comparison, CompareRequest } from './comparison';
import type { DilutionBin } from './dilution';
import type {
  DeviceChoice,
  DeviceInfo,
  HeadRef,
  Hurt,
  InspectionSummary,
  ModelInfo,
  Overview,
  Precision,
  Progress,
  Row,
  RowRef,
  Schedule,
  Structure,
  TokenDetail,
  TokenStats,
  TokenTable,
  VariantChoice,
  VariantInfo,
  WeightFormat,
} from './inspection';
import type { MapTile, TileRef } from './map';
import type { Memory } from './memory';
import type { Series, SeriesRef } from './series';

export interface InspectRequest {
  /** Chosen by the caller; replaces an earlier inspection of the same id. */
  readonly id: string;
  readonly text: string;
  /** An earlier inspection to go on from: what lies before the first changed token is not computed again. */
  readonly basis?: string;
  /** Token ids to run in place of the text's, which is then not read; no tokeniser is needed. */
  readonly ids?: readonly number[];
  /** Tokens that see all and are seen by all, as `0, 5-8`, for attentions that have such; none when absent. */
  readonly globalTokens?: string;
  /** A safetensors file to write the last stage's output to: `logits [N, V]`, or `hidden [N, M]` without a head. */
  readonly logits?: string;
  /**
   * A checkpoint folder, an exported ONNX model (`.onnx`, or a folder with `model.onnx`), or a tensor dump
   * (`.safetensors`), which brings its own text; absolute.
   */
  readonly model: string;
  readonly variant: VariantChoice;
  readonly schedule: Schedule;
  readonly device: DeviceChoice;
  /** What the device attends in; `float32` when absent, and where the device has no other. */
  readonly precision?: Precision;
  /** How a checkpoint's weights are held; `float` when absent. */
  readonly weights?: WeightFormat;
  /** Refuse a text with more tokens than this. */
  readonly maxTokens: number;
}

export interface RowRequest extends RowRef {
  readonly id: string;
  /** How many of the strongest keys to list. */
  readonly top: number;
  /** How many cells to pool the row to; 0 for none. */
  readonly profile: number;
  /** Whether to hold the row against dense attention; costs a second row. */
  readonly against?: boolean;
  /** A variant whose row is wanted, over the run's queries, keys and values; that of the run if absent. */
  readonly variant?: VariantChoice;
}

export interface StructureRequest {
  readonly id: string;
  /** Whose mass a node shows; no mass when undefined. */
  readonly row: RowRef | undefined;
  /** At most so many nodes; those that hold the token, and the heaviest, are kept. */
  readonly limit: number;
}

export interface MemoryRequest {
  readonly id: string;
  readonly row: RowRef;
  /** At most so many slots, or overwrites of a state. */
  readonly limit: number;
}

export interface MapRequest extends TileRef {
  readonly id: string;
}

export interface SeriesRequest extends SeriesRef {
  readonly id: string;
}

export interface HurtsRequest {
  readonly id: string;
  /** Undefined for the mean over all heads of the layers that the variant attends in. */
  readonly head: HeadRef | undefined;
  readonly limit: number;
}

export interface ExportRequest {
  readonly id: string;
  /**
   * - `json` summary, text, tokens, losses, overview, and the statistics of every token of every head.
   * - `html` a page for reading, with one row of attention; it needs neither network nor scripts.
   */
  readonly format: 'json' | 'html';
  /** Where to write, absolute; an earlier file there is replaced. */
  readonly file: string;
  /** The document's name. */
  readonly name: string;
  /** The row that a page shows, and how many of its strongest keys. */
  readonly row: RowRef;
  readonly top: number;
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
  /** Reads a checkpoint folder's config, or a tensor dump's header, and no weights; an exported graph is loaded and probed. */
  describeModel(model: string): Promise<ModelInfo>;
  /** The document that a tensor dump was made of. */
  dumpText(path: string): Promise<string>;
  /** Opens a device as `inspect` would and says which one came of it. */
  openDevice(choice: DeviceChoice): Promise<DeviceInfo>;
  /** Runs to the end; `EngineEvents.progress` and `.started` speak meanwhile, and rows can be asked. */
  inspect(request: InspectRequest): Promise<InspectionSummary>;
  /** Holds variants against the model's own attention; `progress` speaks meanwhile. */
  compare(request: CompareRequest): Promise<Comparison>;
  /** Stops the run of that id, between two blocks or amid an exported graph. Says whether there was one. */
  cancel(id: string): Promise<boolean>;
  /** Forgets an inspection and frees what it holds. */
  close(id: string): Promise<void>;
  tokens(id: string): Promise<TokenTable>;
  /** Per-token loss in nats, `[N]`; entry 0 is NaN. */
  losses(id: string): Promise<Float32Array>;
  overview(id: string): Promise<Overview>;
  stats(id: string, head: HeadRef): Promise<TokenStats>;
  /** A statistic of a head pooled to cells, where every token's would be megabytes. */
  series(request: SeriesRequest): Promise<Series>;
  /** How a head's rows spread by context length, shortest first; none while its layer is not computed. */
  dilution(id: string, head: HeadRef): Promise<readonly DilutionBin[]>;
  /** Answers in request order. Rows of layers not yet computed throw. */
  rows(requests: readonly RowRequest[]): Promise<readonly Row[]>;
  tokenDetail(id: string, token: number): Promise<TokenDetail>;
  structure(request: StructureRequest): Promise<Structure>;
  /** Undefined where the layer's variant has no memory but the keys themselves. */
  memory(request: MemoryRequest): Promise<Memory | undefined>;
  /**
   * A tile of a head's attention map, at most 1 MiB. A newer call for the same inspection ends this one.
   *
   * @throws `Cancelled` (by name) then, and when the inspection is closed.
   */
  map(request: MapRequest): Promise<MapTile>;
  /** The tokens with the greatest output error, greatest first; none in a live run. */
  hurts(request: HurtsRequest): Promise<readonly Hurt[]>;
  /** Writes an inspection to a file. */
  export(request: ExportRequest): Promise<void>;
}

/** What the engine says unasked. */
export interface EngineEvents {
  /** The tokens are known; the run goes on. */
  started(summary: InspectionSummary): void;
  progress(progress: Progress): void;
  log(level: LogLevel, message: string): void;
}

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';
