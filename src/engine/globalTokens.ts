/** Tokens that see all others and are seen by all, where an attention has such tokens. */

import type { InspectRequest } from '../protocol/engine';
import type { Note } from '../protocol/inspection';
import type { Decoder } from './model/decoder';
import { numberList } from './numberList';
import { floats, type FloatTensor } from './onnx/tensor';
import type { LayerAttention } from './schedule';

/**
 * 1 for each token that is to be global and 0 for the others, `[N]`; undefined where none is.
 *
 * @throws Problem for tokens that the document does not have.
 */
export function globalTokens(words: string | undefined, tokens: number): FloatTensor | undefined {
  if (words === undefined || words.trim() === '') return undefined;
  const labels = floats([tokens]);
  for (const token of numberList(words, tokens, 'global tokens')) labels.data[token] = 1;
  return labels;
}

/** What a reader has to know of them. */
export function globalNotes(
  { globalTokens: words }: Pick<InspectRequest, 'globalTokens'>,
  decoder: Decoder | undefined,
  layers: readonly LayerAttention[],
): readonly Note[] {
  if (words === undefined || words.trim() === '') return [];
  const takes = layers.some(({ variant }) => 'global' in variant.info.tensors);
  if (!takes)
    return ['Tokens are named global, but no layer attends with global tokens: they change nothing.'];
  const own = decoder?.projectGlobals === undefined ? '' : ', with projections of their own';
  return [`Global tokens: ${words.trim()}${own}.`];
}
