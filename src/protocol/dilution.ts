/** How a head spreads as its context grows. */

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
