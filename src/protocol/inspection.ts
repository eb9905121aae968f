/**
 * The data of an inspection: what the engine computes and what panel, hovers and CLI show.
 *
 * Letters used in shapes: `L` layers, `H` query heads, `N` tokens, `D` head width. Positions are
 * token indices `0 … N-1`; character offsets are UTF-16 code units, as in the editor.
 */

/** Names one attention head of the model. */
export interface HeadRef {
  readonly layer: number;
  readonly head: number;
}

/** Names one query token of one head. */
export interface RowRef extends HeadRef {
  readonly token: number;
}

/**
 * The tokens of a document. Token `i` covers characters `starts[i] … ends[i]` of the inspected text.
 * Several tokens that split one character all cover that whole character; a token the tokeniser
 * inserts (such as a start-of-text token) covers an empty range.
 */
export interface TokenTable {
  /** `[N]` vocabulary ids. */
  readonly ids: Int32Array;
  /** `[N]` first character. */
  readonly starts: Int32Array;
  /** `[N]` one past the last character. */
  readonly ends: Int32Array;
}

/** Statistics of an attention row by itself. */
export const ROW_STAT_NAMES = ['entropy', 'span', 'sink', 'peak'] as const;

/** Statistics that exist for every token; also the order of `StatName`. */
export const STAT_NAMES = [...ROW_STAT_NAMES, 'recall', 'error'] as const;

/**
 * - `entropy` nats; of the row's distribution, or of its `|M|` shares where the row is signed.
 * - `span` tokens: the smallest window back from the token (itself included) with 90 % of its mass.
 * - `sink` mass on the first `SINK_TOKENS` tokens.
 * - `peak` the strongest weight.
 * - `recall` share of the dense row's mass, on the same q and k, on keys that the row weighs.
 * - `error` of the head's output against dense attention on the same q, k, v: `|y - y_dense| / |y_dense|`.
 *
 * The last two are NaN in a live run, where dense attention does not run beside the variant.
 */
export type StatName = (typeof STAT_NAMES)[number];

/** Mass that a span holds. */
export const SPAN_MASS = 0.9;

/** How many tokens at the document's start count as the attention sink. */
export const SINK_TOKENS = 4;

/** The statistics of every token for one head: each array is `[N]`; NaN where not computed. */
export type TokenStats = Readonly<Record<StatName, Float32Array>>;

/** Means over the document of every head's statistics: each array is `[L * H]`, head fastest. */
export interface Overview {
  readonly layers: number;
  readonly heads: number;
  readonly stats: Readonly<Record<StatName, Float32Array>>;
}

/** One attended key of a row. */
export interface RowKey {
  /** Token position of the key. */
  readonly index: number;
  /** Entry `M_ij` of the mixer matrix. Signed when the row is not a distribution. */
  readonly weight: number;
}

/** Row `token` of the mixer matrix of one head, cut to its strongest keys. */
export interface Row extends RowRef {
  /** Nats. */
  readonly entropy: number;
  /** Tokens; see `StatName`. */
  readonly span: number;
  readonly sink: number;
  readonly peak: number;
  /** Mass the listed keys hold: a share of the row's total, or of its `|M|` where it is signed. */
  readonly mass: number;
  /** Strongest first, by `|weight|`. */
  readonly keys: readonly RowKey[];
  /** How many keys the variant admitted for this query. */
  readonly admitted: number;
  /** True when the row is a distribution (non-negative, sums to 1). */
  readonly distribution: boolean;
  /** Mass by distance back from the token. */
  readonly histogram: DistanceHistogram;
  /** The whole row pooled to `profile.length` equal cells of the document, for drawing. */
  readonly profile: Float32Array;
  /** Undefined unless asked for, and for a dense row. */
  readonly against: AgainstDense | undefined;
  /** Given where the row is of a variant laid over the run. */
  readonly beside?: BesideRun;
}

/** A row of a variant laid over a run, beside the run's own row for the same head and token. */
export interface BesideRun {
  /** Share of the run's row, by `|M|`, on keys that this row weighs. */
  readonly kept: number;
  /** Share of this row, by `|M|`, on keys that the run's row weighs. */
  readonly shared: number;
  /** The run's strongest keys that this row does not weigh at all, strongest first. */
  readonly lacks: readonly RowKey[];
  /** This row's strongest keys that the run's row does not weigh at all, strongest first. */
  readonly adds: readonly RowKey[];
}

/** A row beside the row of dense attention on the same q, k, v. */
export interface AgainstDense {
  /** Share of the dense row's mass on keys that this row weighs. */
  readonly recall: number;
  /** `|y - y_dense| / |y_dense|` of the head's output. */
  readonly error: number;
  /** Of the dense row. Nats; tokens; mass. */
  readonly entropy: number;
  readonly span: number;
  readonly sink: number;
  /** The dense row's strongest keys that this row does not weigh at all, strongest first. */
  readonly missed: readonly RowKey[];
}

/** A token whose output a variant changes much: head `layer`, `head` is the one that it changes most. */
export interface Hurt extends RowRef {
  /** `StatName` `error` of the head asked for, or its mean over the heads where all were asked for. */
  readonly error: number;
  /** That of head `layer`, `head`. */
  readonly worst: number;
}

/** Mass by distance: bin `b` holds distances `edges[b] <= i - j < edges[b + 1]`. */
export interface DistanceHistogram {
  /** `[bins + 1]`, in tokens. Doubling: 0, 1, 2, 4, 8, … */
  readonly edges: Int32Array;
  /** `[bins]` */
  readonly mass: Float32Array;
}

/** A prediction of the model for the token at some position. */
export interface Prediction {
  readonly id: number;
  readonly text: string;
  /** Natural logarithm of its probability. */
  readonly logProbability: number;
}

/** What a hover says of a token, apart from its attention. */
export interface TokenDetail {
  readonly token: number;
  readonly id: number;
  /** The document's characters under the token, with control characters left as they are. */
  readonly text: string;
  /** The vocabulary entry as the tokeniser writes it, such as `Ġthe`. */
  readonly piece: string;
  /** `-log p` of this token given those before it, in nats; undefined for the first token. */
  readonly loss: number | undefined;
  /** What the model expected here, best first; empty for the first token. */
  readonly predictions: readonly Prediction[];
  /** Names of the structure's nodes that hold the token, root first. */
  readonly path: readonly string[];
}

/**
 * A set of token positions the variant's plan made: a segment, bucket, cluster, page, level or shard.
 * Covers `ranges` of positions (sorted, disjoint, half-open pairs laid flat: start, end, start, end …).
 */
export interface StructureNode {
  /** Index of the parent in `Structure.nodes`; -1 for a root. Parents come before children. */
  readonly parent: number;
  /** What sort of set it is, in the field's word: `segment`, `paragraph`, `bucket`, `window` … */
  readonly kind: string;
  readonly label: string;
  readonly ranges: Int32Array;
  /** Share of the current row's mass on the node's tokens; NaN when no row was asked for. */
  readonly mass: number;
}

/** The plan of a variant as a tree or as labelled sets over token positions. */
export interface Structure {
  readonly title: string;
  readonly nodes: readonly StructureNode[];
  /** How many nodes the plan holds; more than `nodes.length` when the answer was cut short. */
  readonly total: number;
}

/** A plain sentence that qualifies a number, such as which parameters were fitted or random. */
export type Note = string;

/** The state of an inspection, sent when it starts and when it ends. */
export interface InspectionSummary {
  readonly id: string;
  readonly model: ModelInfo;
  readonly variant: VariantChoice;
  readonly schedule: Schedule;
  /** What each layer attends with, `[L]`; in a shadow run, what is laid beside it. */
  readonly layerVariants: readonly VariantChoice[];
  readonly device: DeviceInfo;
  readonly weights: WeightFormat;
  /** `N` */
  readonly tokens: number;
  /** Leading tokens whose numbers were taken over from the inspection this one goes on from. */
  readonly kept: number;
  readonly layers: number;
  readonly heads: number;
  /** Mean next-token loss in nats; undefined when the document has one token or the run is not done. */
  readonly loss: number | undefined;
  /** Wall time of the run so far. */
  readonly seconds: number;
  readonly notes: readonly Note[];
}

export interface ModelInfo {
  readonly name: string;
  readonly directory: string;
  readonly architecture: string;
  readonly layers: number;
  readonly heads: number;
  readonly keyValueHeads: number;
  readonly headWidth: number;
  readonly vocabulary: number;
  readonly parameters: number;
  /** The context length the config declares. */
  readonly context: number;
}

/** How far a run is. `fraction` rises from 0 to 1 with the work done, not with time. */
export interface Progress {
  readonly id: string;
  readonly fraction: number;
  /** What happens now, as the user reads it, such as `Layer 2 of 4`. */
  readonly phase: string;
}

/** A value a parameter can take. */
export type ParamValue = number | boolean | string;

/** One parameter of a variant: settings, panel controls, CLI help and docs derive from it. */
export type ParamSpec =
  | {
      readonly type: 'integer';
      readonly default: number;
      readonly min: number;
      readonly max: number;
      readonly help: string;
    }
  | {
      readonly type: 'number';
      readonly default: number;
      readonly min: number;
      readonly max: number;
      readonly help: string;
    }
  | {
      /** A number of tokens, or one of the words that name a unit of the text. */
      readonly type: 'size';
      readonly default: number | string;
      readonly min: number;
      readonly max: number;
      readonly words: readonly string[];
      readonly help: string;
    }
  | { readonly type: 'boolean'; readonly default: boolean; readonly help: string }
  | {
      readonly type: 'choice';
      readonly default: string;
      readonly choices: readonly string[];
      readonly help: string;
    };

/** What a variant is, as a reader meets it. */
export interface VariantInfo {
  readonly id: string;
  readonly title: string;
  /** One sentence: which keys a query sees. */
  readonly summary: string;
  readonly source: string;
  /** TF works on a pretrained model unchanged, SP needs small parameters, WM is a whole mixer. */
  readonly trainingClass: 'TF' | 'SP' | 'WM';
  readonly cost: string;
  /** What its plan shows, such as `segments`; empty when it decides nothing beforehand. */
  readonly plan: readonly string[];
  readonly params: Readonly<Record<string, ParamSpec>>;
  /** Tensors of its own that a case file or a checkpoint can give, by name. */
  readonly tensors: Readonly<Record<string, TensorSpec>>;
}

/** A tensor of a variant's own, and what stands in where it is not given. */
export interface TensorSpec {
  /** Such as `[H, N]`. */
  readonly shape: string;
  /**
   * - `fitted` found from the document's own queries and keys.
   * - `random` drawn from a seed.
   * - `set` by a rule or a parameter, without regard to the document.
   */
  readonly origin: 'fitted' | 'random' | 'set';
  /** What stands in, as it completes "… are", such as `k-means centroids of the document's keys`. */
  readonly standIn: string;
}

/** A variant with the parameters that differ from their defaults. */
export interface VariantChoice {
  readonly id: string;
  readonly params: Readonly<Record<string, ParamValue>>;
}

export const RUN_MODES = ['live', 'shadow'] as const;

/**
 * - `live` the variant replaces attention, and the layers above feel it.
 * - `shadow` the model runs with dense attention, and the variant is computed beside it on the same q, k, v.
 */
export type RunMode = (typeof RUN_MODES)[number];

/** Where in the model the chosen variant attends. */
export interface Schedule {
  readonly mode: RunMode;
  /** `all`, or layers from 0 as in `0, 2-3`; the other layers are dense. */
  readonly layers: string;
  /** Other variants in some layers; they win over the chosen one. */
  readonly others: readonly LayerVariant[];
}

export interface LayerVariant {
  /** As in `Schedule.layers`. */
  readonly layers: string;
  readonly variant: VariantChoice;
}

/** The chosen variant in every layer, live. */
export const EVERYWHERE: Schedule = { mode: 'live', layers: 'all', others: [] };

export const WEIGHT_FORMATS = ['float', 'int8'] as const;

/**
 * - `float` as the checkpoint has them, computed in float32.
 * - `int8` the matrices of the layers in 8 bits, and what they are multiplied with; an approximation, on the CPU.
 */
export type WeightFormat = (typeof WEIGHT_FORMATS)[number];

export const PRECISIONS = ['float32', 'float16'] as const;

/**
 * - `float32` every product.
 * - `float16` a layer's keys and values while they are on the device, and the products of queries with keys; an
 *   approximation, on WebGPU adapters with `shader-f16`. Values are summed, and the rest computed, in float32.
 */
export type Precision = (typeof PRECISIONS)[number];

export const DEVICE_CHOICES = ['auto', 'cpu', 'webgpu', 'cuda', 'dml', 'coreml'] as const;
export type DeviceChoice = (typeof DEVICE_CHOICES)[number];
export type DeviceName = Exclude<DeviceChoice, 'auto'>;

/** The execution provider in use. */
export interface DeviceInfo {
  readonly name: DeviceName;
  readonly precision: Precision;
  /** Why another device or precision that was asked for is not in use; undefined when nothing fell back. */
  readonly fallback: string | undefined;
}
