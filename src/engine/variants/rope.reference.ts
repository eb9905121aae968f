import type { ReferenceInputs } from './primitives/mixer';
import type { RotaryParams } from './primitives/rotaryParams';

/** Scores of rotated queries and keys, by plain loops: every pair turns by the offset. */
export function ropeScore(inputs: ReferenceInputs, params: RotaryParams) {
  const { q, k, tokens, width, scale } = inputs;
  const half = width / 2;
  const gain =
    params.scaling === 'yarn'
      ? params.attention_factor || (params.factor <= 1 ? 1 : 1 + Math.log(params.factor) / 10)
      : 1;
  const omega = Array.from({ length: half }, (_, d) => frequency(d, width, tokens, params));
  return (h: number, i: number, j: number) => {
    const query = q.subarray((h * tokens + i) * width, (h * tokens + i + 1) * width);
    const key = k.subarray((h * tokens + j) * width, (h * tokens + j + 1) * width);
    let sum = 0;
    for (let d = 0; d < half; d++) {
      const angle = (i - j) * omega[d]!;
      const [a, b, c, e] = [query[d]!, query[d + half]!, key[d]!, key[d + half]!];
      sum += (a * c + b * e) * Math.cos(angle) + (a * e - b * c) * Math.sin(angle);
    }
    return sum * gain * gain * scale;
  };
}

/** Radians a token of one pair. */
function frequency(d: number, width: number, tokens: number, params: RotaryParams): number {
  const { base, scaling, factor, original_max_position_embeddings: trained } = params;
  const stretched = (by: number) => 1 / (base * by ** (width / (width - 2))) ** ((2 * d) / width);
  const plain = 1 / base ** ((2 * d) / width);
  const turns = (trained * plain) / (2 * Math.PI);
  switch (scaling) {
    case 'linear':
      return plain / factor;
    case 'ntk':
      return stretched(factor);
    case 'dynamic':
      return tokens <= trained ? plain : stretched((factor * tokens) / trained - (factor - 1));
    case 'llama3': {
      const { low_freq_factor: low, high_freq_factor: high } = params;
      const kept = Math.min(1, Math.max(0, (turns - low) / (high - low)));
      return kept * plain + ((1 - kept) * plain) / factor;
    }
    case 'yarn': {
      // The pair, not whole, that turns so often in the trained length.
      const pair = (often: number) =>
        ((width / 2) * Math.log(trained / (2 * Math.PI * often))) / Math.log(base);
      const round = (x: number, how: (x: number) => number) => (params.truncate ? how(x) : x);
      const from = Math.max(0, round(pair(params.beta_fast), Math.floor));
      const to = Math.min(width - 1, round(pair(params.beta_slow), Math.ceil));
      const share = to > from ? (d - from) / (to - from) : (d - from) / 0.001;
      const slow = Math.min(1, Math.max(0, share));
      return (1 - slow) * plain + (slow * plain) / factor;
    }
    default:
      return plain;
  }
}
