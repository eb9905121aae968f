/** How a head spreads as its context grows: medians and bands of tokens of like context length. */

import { type Band, BAND, type DilutionBin } from '../../protocol/dilution';
import type { TokenStats } from '../../protocol/inspection';
import { select } from './select';

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
    const [entropy, peak, sink] = [stats.entropy, stats.peak, stats.sink].map(of => bandOf(of, from, to));
    if (entropy && peak && sink) {
      const { tokens, band } = entropy;
      bins.push({ from, to, tokens, entropy: band, peak: peak.band, sink: sink.band });
    }
    from = to;
  }
  return bins;
}

/** Undefined where no token is known. */
function bandOf(
  values: Float32Array,
  from: number,
  to: number,
): { readonly tokens: number; readonly band: Band } | undefined {
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
