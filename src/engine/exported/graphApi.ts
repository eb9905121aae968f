/**
 * What the process of an exported graph offers to the engine. Numbers of the document's length times a width
 * go by a file (`numberFile.ts`), all else by messages.
 */

import type { TokenScores } from '../analysis/logits';
import type { Result } from '../onnxModel/graphRun';
import type { HeadShape } from '../onnxModel/heads';
import type { OffsetBias } from '../onnxModel/offsetBias';
import type { OnnxModel } from '../onnxModel/onnxModel';
import type { NativeAttention } from '../model/decoder';

/** A layer without its numbers. */
export interface LayerOutline {
  /** The node of the graph. */
  readonly name: string;
  readonly attention: NativeAttention;
  readonly bias: OffsetBias | undefined;
  readonly q: HeadShape;
  readonly k: HeadShape;
  readonly v: HeadShape;
}

/** A graph that is loaded; its layers are those of a short probe. */
export interface GraphOutline extends Omit<OnnxModel, 'layers' | 'run' | 'release'> {
  readonly layers: readonly LayerOutline[];
}

export interface RunRequest {
  readonly ids: Int32Array;
  /** A file that is not there yet: it gets q, k and v of every layer, then the result if it is wanted. */
  readonly numbers: string;
  /** Whether logits or hidden states are wanted. */
  readonly result: boolean;
}

export interface RunOutline {
  readonly layers: readonly LayerOutline[];
  /** What the end of the file holds; undefined where nothing was wanted, or the graph has no such output. */
  readonly result: Omit<Result, 'data'> | undefined;
  /** Undefined where the model does not predict the next token. */
  readonly scores: TokenScores | undefined;
}

/** What the process tells unasked. */
export interface GraphEvents {
  /** The share of the run's arithmetic that is done; of a graph that runs whole, nothing is known until the end. */
  progress(share: number): void;
}

export interface GraphApi {
  /** @throws Problem as `openOnnxModel` does. */
  open(path: string): Promise<GraphOutline>;
  /** Runs the graph that is open. @throws Problem as `OnnxModel.run` does, and when the disk takes no more. */
  run(request: RunRequest): Promise<RunOutline>;
}
