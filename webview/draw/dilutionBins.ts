/** What the bins of a head's dilution come to. */

import type { DilutionBin } from '../../src/protocol/dilution';

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
