/** How a head spreads as its context grows: medians and bands of tokens of like context length. */

import type { TokenStats } from '../../src/protocol/inspection';
import { select } from './select';

/** Quantiles by nearest rank, so that each is a value that a token has. */
export interface Band {
  readonly low: number;
  readonly middle: number;
  readonly high: number;
}

/** Shares of the tokens below the ends of a band. */
export const BAND = [0.1, 0.9] as const;

/** The tokens whose context length lies in `from … to`, half-open. Token `i` has a context of `i + 1`. */
export interface DilutionBin {
  readonly from: number;
  readonly to: number;
  /** How many of them have statistics. */
  readonly tokens: number;
  readonly entropy: Band;
  readonly peak: Band;
  readonly sink: Band;
}

/** Bins of equal width on a logarithmic axis; those without any known token are left out. */
export function dilutionBins(
  stats: Pick<TokenStats, 'entropy' | 'peak' | 'sink'>,
  octave = 4,
): readonly DilutionBin[] {
  const total = stats.entropy.length;
  const bins: DilutionBin[] = [];
  for (let from = 1, step = 1; from <= total; step++) {
    const next = Math.round(2 ** (step / octave));
    if (next <= from) continue;
    // What is left over at the end would be a median of a few tokens only.
    const to = total + 1 - next < (next - from) / 2 ? total + 1 : next;
    const entropy = bandOf(stats.entropy, from, to);
    if (entropy !== undefined) {
      const { tokens, band } = entropy;
      const peak = bandOf(stats.peak, from, to)?.band ?? UNKNOWN;
      const sink = bandOf(stats.sink, from, to)?.band ?? UNKNOWN;
      bins.push({ from, to, tokens, entropy: band, peak, sink });
    }
    from = to;
  }
  return bins;
}

const UNKNOWN: Band = { low: Number.NaN, middle: Number.NaN, high: Number.NaN };

function bandOf(values: Float32Array, from: number, to: number) {
  const all = values.slice(from - 1, to - 1);
  let tokens = 0;
  for (const value of all) if (Number.isFinite(value)) all[tokens++] = value;
  if (tokens === 0) return undefined;
  const known = all.subarray(0, tokens);
  const rank = (share: number): number => Math.max(0, Math.ceil(share * tokens) - 1);
  const [first, second, third] = [rank(BAND[0]), rank(0.5), rank(BAND[1])];
  const low = select(known, first);
  const middle = select(known, second, first);
  const high = select(known, third, second);
  return { tokens, band: { low, middle, high } };
}

/** How many evenly weighted keys have that entropy. */
export function effectiveKeys(entropy: number): number {
  return Math.exp(entropy);
}

/** The middle of a bin on the logarithmic axis. */
export function contextOf({ from, to }: DilutionBin): number {
  return Math.sqrt(from * Math.max(from, to - 1));
}

/** Effective keys against the keys there are: as many as the context is long, or all of them. */
export function ofUniform(bin: DilutionBin, all: number | undefined): number {
  return effectiveKeys(bin.entropy.middle) / (all ?? contextOf(bin));
}
