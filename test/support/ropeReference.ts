/** Rotary embedding in float64 on pairs `(d, d + R/2)`, with every scaling that configs name. */

/** A rotation as configs describe it. */
export interface RopeFields {
  /** `R`: how many numbers of a head are rotated; an odd one turns one number more, at frequencies of `R`. */
  readonly width: number;
  readonly theta: number;
  /** `rope_scaling` or `rope_parameters`, as the config has it. */
  readonly scaling?: Readonly<Record<string, unknown>> | null | undefined;
  /** `max_position_embeddings` */
  readonly context: number;
  /** `original_max_position_embeddings` outside the scaling. */
  readonly trained?: number | undefined;
}

/** Rotates the first `R` of every `D` numbers of `[heads, N, D]` in place, token `t` by position `t`. */
export function rotation(rope: RopeFields, D: number, N: number): (x: Float64Array) => void {
  const half = Math.ceil(rope.width / 2);
  const { frequencies, gain } = rotaryFrequencies(rope, N);
  return x => {
    for (let start = 0; start < x.length; start += D) {
      const position = (start / D) % N;
      for (let d = 0; d < half; d++) {
        const cos = Math.cos(position * frequencies[d]!) * gain;
        const sin = Math.sin(position * frequencies[d]!) * gain;
        const [a, b] = [x[start + d]!, x[start + d + half]!];
        x[start + d] = a * cos - b * sin;
        x[start + d + half] = b * cos + a * sin;
      }
    }
  };
}

/** Radians a token for every pair, `[ceil(R / 2)]`, and what cos and sin are multiplied by. */
export function rotaryFrequencies(rope: RopeFields, N: number): { frequencies: number[]; gain: number } {
  const { width: R, theta: base, context } = rope;
  const scaling = rope.scaling ?? {};
  const number = (name: string, fallback = NaN): number => (scaling[name] as number | undefined) ?? fallback;
  const type = (scaling['rope_type'] ?? scaling['type'] ?? 'default') as string;
  const plain = (theta: number): number[] =>
    Array.from({ length: Math.ceil(R / 2) }, (_, d) => theta ** ((-2 * d) / R));
  const frequencies = plain(base);
  const factor = number('factor');
  const L = number('original_max_position_embeddings', rope.trained ?? context);
  switch (type) {
    case 'default':
      return { frequencies, gain: 1 };
    case 'linear':
      return { frequencies: frequencies.map(f => f / factor), gain: 1 };
    case 'dynamic': {
      const stretch = N > context ? ((factor * N) / context - (factor - 1)) ** (R / (R - 2)) : 1;
      return { frequencies: plain(base * stretch), gain: 1 };
    }
    case 'yarn': {
      // The pair that turns `turns` times over the trained length.
      const pair = (turns: number): number =>
        (R * Math.log(L / (turns * 2 * Math.PI))) / (2 * Math.log(base));
      const low = Math.max(0, Math.floor(pair(number('beta_fast', 32))));
      const high = Math.min(R - 1, Math.ceil(pair(number('beta_slow', 1))));
      const ramp = high === low ? 0.001 : high - low;
      return {
        frequencies: frequencies.map((f, d) => {
          const slow = Math.min(1, Math.max(0, (d - low) / ramp));
          return (f / factor) * slow + f * (1 - slow);
        }),
        gain: number('attention_factor', 0.1 * Math.log(factor) + 1),
      };
    }
    case 'longrope': {
      const factors = scaling[N > L ? 'long_factor' : 'short_factor'] as number[];
      const grown = context / L;
      const gain = grown > 1 ? Math.sqrt(1 + Math.log(grown) / Math.log(L)) : 1;
      return {
        frequencies: frequencies.map((f, d) => f / factors[d]!),
        gain: number('attention_factor', gain),
      };
    }
    case 'llama3': {
      const [slow, fast] = [number('low_freq_factor'), number('high_freq_factor')];
      return {
        frequencies: frequencies.map(f => {
          const turns = (L * f) / (2 * Math.PI);
          if (turns < slow) return f / factor;
          if (turns > fast) return f;
          const smooth = (turns - slow) / (fast - slow);
          return ((1 - smooth) * f) / factor + smooth * f;
        }),
        gain: 1,
      };
    }
  }
  throw new Error(`The reference does not know rope type ${type}.`);
}
