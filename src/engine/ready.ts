/** Models whose layers come with their queries, keys and values: nothing that attends to them feeds back. */

import type { ModelInfo, VariantChoice } from '../protocol/inspection';
import type { TokenScores } from './analysis/logits';
import type { NativeAttention } from './model/decoder';
import type { Source } from './source';
import type { Layer } from './variants/primitives/mixer';

export interface ReadyModel {
  readonly info: ModelInfo;
  readonly source: Source;
  /** Changes when the file does. */
  readonly stamp: string;
  /** `[L]`: the attention that the layers were made with. */
  readonly own: readonly NativeAttention[];
  /** What the file itself names to attend with, as a case file does. */
  readonly choice: VariantChoice | undefined;
  readonly notes: readonly string[];
  /** Undefined where the model does not predict the next token. */
  readonly scores: TokenScores | undefined;
  /** Multiplications that were spent on the layers. */
  readonly work: number;
  layer(index: number): Promise<Omit<Layer, 'executor'>>;
}
