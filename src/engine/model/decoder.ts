/** What the pipeline runs of a model: attention is left out, for a variant to fill in. */

import type { ModelInfo } from '../../protocol/inspection';
import type { Program } from '../onnx/graph';
import type { Checkpoint } from './checkpoint';
import { llama } from './llama';
import type { Rotary } from './rope';
import type { TensorEntry } from './tensor';

/**
 * The stages of a decoder over a block of `B` tokens; `M` is the width of the hidden state, `H` and `G`
 * count query and key-value heads of width `D`, `V` is the vocabulary.
 */
export interface Decoder {
  readonly info: ModelInfo;
  /** `[V, M]`, rows of which are the first hidden states. */
  readonly embedding: TensorEntry;
  /** `M` */
  readonly hidden: number;
  /** Multiplications a token and layer, for progress. */
  readonly layerCost: number;
  /** Positions of a document of `N` tokens. */
  rotary(tokens: number): Rotary;
  /** `hidden [B, M], cos, sin [B, D / 2] -> q [H, B, D], k [G, B, D], v [G, B, D]` */
  project(layer: number): Program;
  /** `hidden [B, M], y [H, B, D] -> next [B, M]` */
  finish(layer: number): Program;
  /** `hidden [B, M], targets [B, 1] int32 -> loss [B, 1], logProbability [B, 5], prediction [B, 5] int64` */
  readonly score: Program;
}

/** The architectures that can run; a checkpoint that opened names one of them. */
export function decoder(checkpoint: Checkpoint): Decoder {
  return llama(checkpoint);
}
