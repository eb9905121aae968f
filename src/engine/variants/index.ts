/** The list of variants. A new one is its file and its line here. */

import { Problem } from '../../protocol/problem';
import { floats } from '../onnx/tensor';
import { aaren } from './aaren';
import { adaptiveMass } from './adaptive-mass';
import { adaptiveSpan } from './adaptive-span';
import { biasAlibi } from './bias-alibi';
import { biasShaw } from './bias-shaw';
import { biasT5 } from './bias-t5';
import { biasXl } from './bias-xl';
import { bigbird } from './bigbird';
import { blockTopk } from './block-topk';
import { blockwise } from './blockwise';
import { combiner } from './combiner';
import { delta } from './delta';
import { dense } from './dense';
import { documentMask } from './document-mask';
import { fixed } from './fixed';
import { gla } from './gla';
import { hierarchical } from './hierarchical';
import { linear } from './linear';
import { local } from './local';
import { longformer } from './longformer';
import { linformer } from './linformer';
import { mamba } from './mamba';
import { memorizing } from './memorizing';
import { memoryCaching } from './memory-caching';
import { mixedSpan } from './mixed-span';
import { takesScoreTerms } from './modifier';
import { moba } from './moba';
import { performer } from './performer';
import { nalaformer } from './nalaformer';
import { nystrom } from './nystrom';
import { recurrentMemory } from './recurrent-memory';
import { snapkv } from './snapkv';
import { vq } from './vq';
import { probsparse } from './probsparse';
import { lsh } from './lsh';
import { routing } from './routing';
import type { Layer, Variant } from './primitives/mixer';
import { repeatHeads } from './primitives/segments';
import { keptHeads } from './primitives/sharedHeads';
import { quest } from './quest';
import { retention } from './retention';
import { ring } from './ring';
import { rope } from './rope';
import { segmented } from './segmented';
import { ssd } from './ssd';
import { strided } from './strided';
import { topk } from './topk';
import { urpe } from './urpe';
import { verticalSlash } from './vertical-slash';

const LIST: readonly Variant[] = [
  dense,
  local,
  fixed,
  blockwise,
  longformer,
  bigbird,
  verticalSlash,
  segmented,
  strided,
  blockTopk,
  quest,
  snapkv,
  topk,
  moba,
  adaptiveMass(() => VARIANTS),
  adaptiveSpan,
  hierarchical,
  combiner,
  ring,
  aaren,
  mixedSpan,
  documentMask,
  lsh,
  routing,
  vq,
  linformer,
  nystrom,
  performer,
  linear,
  nalaformer,
  probsparse,
  biasShaw,
  biasT5,
  biasXl,
  biasAlibi,
  rope,
  urpe,
  recurrentMemory,
  memorizing,
  gla,
  retention,
  delta,
  memoryCaching,
  mamba,
  ssd,
];

/** Every variant; where a model bends its scores or adds to them, those that cannot do so refuse to open. */
export const VARIANTS: readonly Variant[] = LIST.map(variant => ({
  ...variant,
  async open(given, params) {
    const layer = variant.readsApart ? given : withEqualHeads(given);
    const { softcap, bias } = layer.position ?? {};
    const isPlain = softcap === undefined && bias === undefined;
    if (isPlain || takesScoreTerms(variant)) return variant.open(layer, params);
    const does = bias ? 'adds a bias to its scores' : `bends its scores to stay within ±${softcap}`;
    throw new Problem(
      `The model ${does}, which the variant '${variant.info.id}' cannot do. ` +
        "Choose 'native', or a variant that is a softmax over chosen keys, such as 'local'.",
    );
  },
}));

/** Queries with every head's own, keys and values with as many heads as one another. */
function withEqualHeads(layer: Layer): Layer {
  const { q, k, v } = layer;
  const groups = Math.max(k.shape[0]!, v.shape[0]!);
  const equal = (x: Layer['k']) => (x.shape[0] === groups ? x : repeatHeads(x, groups));
  if (k.shape[0] === v.shape[0] && keptHeads(q) === q) return layer;
  return { ...layer, q: floats(q.shape, q.data), k: equal(k), v: equal(v) };
}

/** @throws Problem naming the known ones. */
export function variantById(id: string): Variant {
  const found = VARIANTS.find(({ info }) => info.id === id);
  if (found !== undefined) return found;
  const known = VARIANTS.map(({ info }) => info.id).join(', ');
  throw new Problem(`There is no attention variant '${id}'. Known ones: ${known}.`);
}
