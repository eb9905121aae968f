/** Rotary embedding as variants take it: parameters under the names of Hugging Face's configs. */

import { Problem } from '../../../protocol/problem';
import { rotary, type Rotary, type RopeScaling } from '../../math/rotary';
import { boolean, choice, MOST_TOKENS, number, type Params, resolveParams } from './params';

export const rotaryParams = {
  base: number(10000, 1.0001, 1e12, 'Base of the wavelengths: pair d turns by base^(-2d/D) a token.'),
  scaling: choice(
    'default',
    ['default', 'linear', 'ntk', 'dynamic', 'yarn', 'llama3'],
    'How wavelengths are stretched for texts longer than those of the training.',
  ),
  factor: number(1, 1e-3, 1e6, 'How far they are stretched, with a scaling other than default.'),
  original_max_position_embeddings: number(
    2048,
    1,
    MOST_TOKENS,
    'Tokens of the training, with dynamic, yarn and llama3.',
  ),
  beta_fast: number(32, 1e-3, 1e6, 'With yarn: pairs that turn more often than this in training are kept.'),
  beta_slow: number(1, 1e-3, 1e6, 'With yarn: pairs that turn less often than this are stretched in full.'),
  truncate: boolean(true, 'With yarn: the bounds between kept and stretched are whole pairs.'),
  attention_factor: number(0, 0, 1e3, 'With yarn: factor on cos and sin; 0 stands for 0.1 ln factor + 1.'),
  low_freq_factor: number(1, 1e-3, 1e6, 'With llama3: pairs that turn less often are stretched in full.'),
  high_freq_factor: number(4, 1e-3, 1e6, 'With llama3: pairs that turn more often are kept.'),
};

export type RotaryParams = Params<typeof rotaryParams>;

export const rotaryPresets: RotaryParams = resolveParams('rope', rotaryParams, {});

/** @throws Problem for an odd width, or bounds that are the wrong way round. */
export function rotaryOf(variant: string, params: RotaryParams, width: number, tokens: number): Rotary {
  const { scaling, factor, beta_fast, beta_slow, low_freq_factor, high_freq_factor } = params;
  if (width % 2 !== 0 || width < 4) {
    throw new Problem(`'${variant}' rotates pairs of an even head width of 4 or more; here it is ${width}.`);
  }
  if (scaling === 'yarn' && beta_fast < beta_slow) {
    throw new Problem(
      `'beta_fast' of '${variant}' is ${beta_fast}; expected at least beta_slow, ${beta_slow}.`,
    );
  }
  if (scaling === 'llama3' && high_freq_factor <= low_freq_factor) {
    throw new Problem(
      `'high_freq_factor' of '${variant}' is ${high_freq_factor}; expected more than low_freq_factor, ${low_freq_factor}.`,
    );
  }
  const base = scaling === 'ntk' ? params.base * factor ** (width / (width - 2)) : params.base;
  return rotary(width, base, scalingOf(params), tokens);
}

function scalingOf(params: RotaryParams): RopeScaling {
  const { scaling, factor, original_max_position_embeddings: originalMaxPositionEmbeddings } = params;
  switch (scaling) {
    case 'linear':
      return { type: 'linear', factor };
    case 'dynamic':
      return { type: 'dynamic', factor, originalMaxPositionEmbeddings };
    case 'yarn':
      return {
        type: 'yarn',
        factor,
        originalMaxPositionEmbeddings,
        betaFast: params.beta_fast,
        betaSlow: params.beta_slow,
        attentionFactor: params.attention_factor || (factor <= 1 ? 1 : 0.1 * Math.log(factor) + 1),
        truncate: params.truncate,
      };
    case 'llama3':
      return {
        type: 'llama3',
        factor,
        originalMaxPositionEmbeddings,
        lowFreqFactor: params.low_freq_factor,
        highFreqFactor: params.high_freq_factor,
      };
    default:
      return { type: 'default' };
  }
}
