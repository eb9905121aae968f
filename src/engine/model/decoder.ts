/** What the pipeline runs of a model: attention is left out, for a variant to fill in. */

import type { ModelInfo } from '../../protocol/inspection';
import type { Executor, Program } from '../onnx/graph';
import type { Checkpoint } from './checkpoint';
import type { Rotary } from './rope';
import type { MatrixFormat } from './weights';

/** How many heads, and how wide. */
export interface HeadShape {
  readonly heads: number;
  readonly width: number;
}

/** What `project` gives of a layer whose mixer takes more than queries, keys and values. */
export interface MixerInputs {
  /** Fewer heads than `H` are shared by groups of heads. */
  readonly q: HeadShape;
  readonly k: HeadShape;
  readonly v: HeadShape;
  /** Tensors of the mixer's own by name, `[heads, B, width]`. */
  readonly tokens: Readonly<Record<string, HeadShape>>;
  /** Those that are the same for all tokens, given with every block. */
  readonly fixed: readonly string[];
}

/**
 * The attention that a model was made with, in one layer: `softmax(softcap(q·k / sqrt(D)))` over the
 * admitted keys. A factor of the model's own on the scores is already in its queries.
 */
export interface NativeAttention {
  /** Whether a query sees itself and earlier tokens only. */
  readonly causal: boolean;
  /** Keys with `|i - j| < window` are admitted, to both sides unless causal; undefined admits all. */
  readonly window: number | undefined;
  /** Scores are bent to `tanh(score / softcap) · softcap`. */
  readonly softcap: number | undefined;
  /** Whether tokens can be global, which see all and are seen by all; see `Decoder.projectGlobals`. */
  readonly globals?: boolean;
  /** The id of the variant that the layer mixes with where that is no attention; a softmax if absent. */
  readonly mixer?: string;
}

/**
 * The stages of a model over a block of `B` tokens; `M` is the width of the hidden state, `H` and `G`
 * count query and key-value heads of width `D`, `V` is the vocabulary.
 */
export interface Decoder {
  readonly info: ModelInfo;
  /** `M` */
  readonly hidden: number;
  /** Multiplications a token and layer, for progress. */
  readonly layerCost: number;
  /** The attention that the model itself has. */
  attention(layer: number): NativeAttention;
  /**
   * The first hidden states `[N, M]` of the tokens `ids [N]`.
   *
   * @throws Problem for an id outside the vocabulary, and for more tokens than the model has positions.
   */
  embed(ids: Int32Array, executor: Executor): Promise<Float32Array>;
  /** The rotation of a document of `N` tokens in `layer`; of no pairs where the model does not rotate. */
  rotary(tokens: number, layer: number): Rotary;
  /** `hidden [B, M], cos, sin [B, R / 2] -> q [H, B, D], k [G, B, D], v [G, B, D]` */
  project(layer: number): Program;
  /**
   * The same with the projections that a global token has for itself: its queries, and the keys and values
   * of all tokens as it sees them. Absent where no token can be global.
   */
  projectGlobals?(layer: number): Program;
  /** Set where heads are not all alike, or a layer's mixer has tensors of its own. */
  inputs?(layer: number): MixerInputs;
  /**
   * How many tokens `O` before a block `project` reads with it: it then takes `hidden [O + B, M]` and
   * `present [O + B, 1]`, which is 0 before the document's first token and 1 from there on; of 0, as if absent.
   */
  readonly overlap?: number;
  /** `hidden [B, M], y [H, B, D] -> next [B, M]`; with `v [H, B, D]` where `finishReads` says so. */
  finish(layer: number): Program;
  readonly finishReads?: 'values';
  readonly last: Last;
  /**
   * `hidden [B, M], targets [B, 1] int32 -> loss [B, 1], logProbability [B, 5], prediction [B, 5] int64`;
   * undefined where the model does not predict the next token.
   */
  readonly score: Program | undefined;
}

/** `hidden [B, M] -> last`: logits `[B, V]`, or for a model without a head hidden states `[B, M]`. */
export interface Last {
  readonly program: Program;
  readonly output: 'logits' | 'hidden';
}

/** The model of a checkpoint as stages. */
export function decoder(checkpoint: Checkpoint, format: MatrixFormat = 'float'): Decoder {
  return checkpoint.blueprint.decoder({ ...checkpoint, format });
}
