/** Rotary embedding in float64 on pairs `(d, d + D/2)`, with every scaling that configs name. */

import type { LlamaConfig } from '../../src/engine/model/config';

/** Rotates `[heads, N, D]` in place, token `t` by position `t`. */
export function rotation(config: LlamaConfig, N: number): (x: Float64Array) => void {
  const D = config.headDim;
  const { frequencies, gain } = rotaryFrequencies(config, N);
  return x => {
    for (let start = 0; start < x.length; start += D) {
      const position = (start / D) % N;
      for (let d = 0; d < D / 2; d++) {
        const cos = Math.cos(position * frequencies[d]!) * gain;
        const sin = Math.sin(position * frequencies[d]!) * gain;
        const [a, b] = [x[start + d]!, x[start + d + D / 2]!];
        x[start + d] = a * cos - b * sin;
        x[start + d + D / 2] = b * cos + a * sin;
      }
    }
  };
}

/** Radians a token for every pair, `[D / 2]`, and what cos and sin are multiplied by. */
export function rotaryFrequencies(config: LlamaConfig, N: number): { frequencies: number[]; gain: number } {
  const { headDim: D, ropeTheta: base, ropeScaling: scaling } = config;
  const plain = (theta: number): number[] => Array.from({ length: D / 2 }, (_, d) => theta ** ((-2 * d) / D));
  const frequencies = plain(base);
  switch (scaling.type) {
    case 'default':
      return { frequencies, gain: 1 };
    case 'linear':
      return { frequencies: frequencies.map(f => f / scaling.factor), gain: 1 };
    case 'dynamic': {
      const { factor, originalMaxPositionEmbeddings: L } = scaling;
      const stretch = N > L ? ((factor * N) / L - (factor - 1)) ** (D / (D - 2)) : 1;
      return { frequencies: plain(base * stretch), gain: 1 };
    }
    case 'yarn': {
      const L = scaling.originalMaxPositionEmbeddings;
      // The pair that turns `turns` times over the trained length.
      const pair = (turns: number): number =>
        (D * Math.log(L / (turns * 2 * Math.PI))) / (2 * Math.log(base));
      const [from, to] = [pair(scaling.betaFast), pair(scaling.betaSlow)];
      const low = Math.max(0, scaling.truncate ? Math.floor(from) : from);
      const high = Math.min(D - 1, scaling.truncate ? Math.ceil(to) : to);
      const width = high === low ? 0.001 : high - low;
      return {
        frequencies: frequencies.map((f, d) => {
          const slow = Math.min(1, Math.max(0, (d - low) / width));
          return (f / scaling.factor) * slow + f * (1 - slow);
        }),
        gain: scaling.attentionFactor,
      };
    }
    case 'llama3': {
      const { factor, lowFreqFactor, highFreqFactor, originalMaxPositionEmbeddings: L } = scaling;
      return {
        frequencies: frequencies.map(f => {
          const turns = (L * f) / (2 * Math.PI);
          if (turns < lowFreqFactor) return f / factor;
          if (turns > highFreqFactor) return f;
          const smooth = (turns - lowFreqFactor) / (highFreqFactor - lowFreqFactor);
          return ((1 - smooth) * f) / factor + smooth * f;
        }),
        gain: 1,
      };
    }
  }
}
