/** A value of every head, and what is told of it. */

export interface HeadColumn {
  readonly title: string;
  readonly help: string;
  readonly cell: (at: number) => string;
}

export interface HeadValues {
  readonly layers: number;
  readonly heads: number;
  /** `[L * H]`, head fastest. */
  readonly values: Float32Array;
  /** Place of a value on the colour scale, `0 … 1`. */
  readonly place: (value: number) => number;
  /** In a cell. */
  readonly text: (value: number) => string;
  /** The ends of the colour scale, and what it means. */
  readonly legend: { readonly low: string; readonly high: string; readonly help: string };
  /** What is told of a head, by `layer * H + head`; the table's columns. */
  readonly columns: readonly HeadColumn[];
}
