/** The list of variants. A new one is its file and its line here. */

import { Problem } from '../../protocol/problem';
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
import type { Variant } from './primitives/mixer';
import { quest } from './quest';
import { retention } from './retention';
import { ring } from './ring';
import { rope } from './rope';
import { segmented } from './segmented';
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
];

/** Every variant; where a model bends its scores, those that cannot do so refuse to open. */
export const VARIANTS: readonly Variant[] = LIST.map(variant => ({
  ...variant,
  async open(layer, given) {
    const cap = layer.position?.softcap;
    if (cap === undefined || takesScoreTerms(variant)) return variant.open(layer, given);
    throw new Problem(
      `The model bends its scores to stay within ±${cap}, which the variant '${variant.info.id}' cannot do. ` +
        "Choose 'native', or a variant that is a softmax over chosen keys, such as 'local'.",
    );
  },
}));

/** @throws Problem naming the known ones. */
export function variantById(id: string): Variant {
  const found = VARIANTS.find(({ info }) => info.id === id);
  if (found !== undefined) return found;
  const known = VARIANTS.map(({ info }) => info.id).join(', ');
  throw new Problem(`There is no attention variant '${id}'. Known ones: ${known}.`);
}
