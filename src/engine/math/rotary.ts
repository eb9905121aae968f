/** Rotary position embedding: the angles, with the scalings that Hugging Face configs name. */

/** How rotary frequencies are stretched beyond the trained length; names are Hugging Face's. */
export type RopeScaling =
  | { readonly type: 'default' }
  | { readonly type: 'linear'; readonly factor: number }
  | { readonly type: 'dynamic'; readonly factor: number; readonly originalMaxPositionEmbeddings: number }
  | {
      readonly type: 'yarn';
      readonly factor: number;
      readonly originalMaxPositionEmbeddings: number;
      readonly betaFast: number;
      readonly betaSlow: number;
      /** What cos and sin are multiplied by. */
      readonly attentionFactor: number;
      /** Whether the bounds of the ramp are rounded to whole pairs. */
      readonly truncate: boolean;
    }
  | {
      readonly type: 'llama3';
      readonly factor: number;
      readonly lowFreqFactor: number;
      readonly highFreqFactor: number;
      readonly originalMaxPositionEmbeddings: number;
    }
  | {
      readonly type: 'longrope';
      /** What each pair's frequency is divided by within the trained length, and beyond it, `[D / 2]`. */
      readonly shortFactor: readonly number[];
      readonly longFactor: readonly number[];
      readonly originalMaxPositionEmbeddings: number;
      /** What cos and sin are multiplied by. */
      readonly attentionFactor: number;
    };

export interface Rotary {
  /** `[ceil(D / 2)]` radians a token. */
  readonly frequencies: Float64Array;
  /** What cos and sin are multiplied by (YaRN's attention factor); 1 otherwise. */
  readonly gain: number;
}

/**
 * @param width `D`; an odd one, of which a head's numbers have a share, gives `(D + 1) / 2` pairs.
 * @param tokens `N`: the dynamic and long scalings depend on the document's length.
 */
export function rotary(width: number, theta: number, scaling: RopeScaling, tokens: number): Rotary {
  const plain = frequencies(width, theta);
  switch (scaling.type) {
    case 'default':
      return { frequencies: plain, gain: 1 };
    case 'linear':
      return { frequencies: plain.map(frequency => frequency / scaling.factor), gain: 1 };
    case 'dynamic': {
      const length = Math.max(tokens, scaling.originalMaxPositionEmbeddings);
      const stretch =
        (scaling.factor * length) / scaling.originalMaxPositionEmbeddings - (scaling.factor - 1);
      return { frequencies: frequencies(width, theta * stretch ** (width / (width - 2))), gain: 1 };
    }
    case 'yarn':
      return { frequencies: yarn(width, theta, scaling), gain: scaling.attentionFactor };
    case 'llama3':
      return { frequencies: plain.map(frequency => llama3(frequency, scaling)), gain: 1 };
    case 'longrope': {
      const isLong = tokens > scaling.originalMaxPositionEmbeddings;
      const factors = isLong ? scaling.longFactor : scaling.shortFactor;
      return {
        frequencies: plain.map((frequency, pair) => frequency / factors[pair]!),
        gain: scaling.attentionFactor,
      };
    }
  }
}

function frequencies(width: number, theta: number): Float64Array {
  return Float64Array.from({ length: Math.ceil(width / 2) }, (_, pair) => theta ** ((-2 * pair) / width));
}

/** Slow pairs are interpolated, fast ones kept, with a ramp between (arXiv 2309.00071, section 3.2). */
function yarn(width: number, theta: number, scaling: Extract<RopeScaling, { type: 'yarn' }>): Float64Array {
  const { factor, originalMaxPositionEmbeddings: context, betaFast, betaSlow, truncate } = scaling;
  const pairOf = (turns: number) =>
    (width * Math.log(context / (turns * 2 * Math.PI))) / (2 * Math.log(theta));
  const fast = truncate ? Math.floor(pairOf(betaFast)) : pairOf(betaFast);
  const slow = truncate ? Math.ceil(pairOf(betaSlow)) : pairOf(betaSlow);
  const low = Math.max(fast, 0);
  const high = Math.min(slow, width - 1);
  const span = high === low ? 0.001 : high - low;
  return frequencies(width, theta).map((frequency, pair) => {
    const ramp = Math.min(1, Math.max(0, (pair - low) / span));
    return (frequency / factor) * ramp + frequency * (1 - ramp);
  });
}

/** Llama 3.1: pairs that turn less than `lowFreqFactor` times in the trained context are stretched. */
function llama3(frequency: number, scaling: Extract<RopeScaling, { type: 'llama3' }>): number {
  const { factor, lowFreqFactor, highFreqFactor, originalMaxPositionEmbeddings: context } = scaling;
  const turns = (context * frequency) / (2 * Math.PI);
  if (turns < lowFreqFactor) return frequency / factor;
  if (turns > highFreqFactor) return frequency;
  const smooth = (turns - lowFreqFactor) / (highFreqFactor - lowFreqFactor);
  return ((1 - smooth) * frequency) / factor + smooth * frequency;
}
