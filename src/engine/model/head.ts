/** How a model ends: the final norm, the head over the vocabulary, the loss of the next token. */

import type { GraphBuilder } from '../onnx/builder';
import type { Value } from '../onnx/graph';
import type { Parts } from './architecture';
import type { Decoder } from './decoder';
import { scoreLogits } from './layers';

interface Ending {
  readonly hiddenSize: number;
  readonly vocabSize: number;
  /** Whether the logits are those of the next token. */
  readonly causal: boolean;
  /** The last hidden state, `[B, M] -> [B, M]`. */
  norm(g: GraphBuilder, hidden: Value): Value;
  /** `[B, M] -> [B, V]` */
  logits(g: GraphBuilder, hidden: Value): Value;
}

export function ending({ weights, head }: Parts, model: Ending): Pick<Decoder, 'last' | 'score'> {
  const { hiddenSize, vocabSize, causal } = model;
  const hidden = (g: GraphBuilder) => model.norm(g, g.input('hidden', 'float32', ['B', hiddenSize]));
  if (!head) {
    const program = weights.program('last hidden', g => g.output('last', hidden(g)));
    return { last: { program, output: 'hidden' }, score: undefined };
  }
  const logits = (g: GraphBuilder) => model.logits(g, hidden(g));
  const score = weights.program('score', g => {
    scoreLogits(g, logits(g), g.input('targets', 'int32', ['B', 1]), vocabSize);
  });
  return {
    last: { program: weights.program('logits', g => g.output('last', logits(g))), output: 'logits' },
    score: causal ? score : undefined,
  };
}
