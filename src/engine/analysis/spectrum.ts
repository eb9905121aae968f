/**
 * Singular values and directions of small matrices, by ml-matrix: a maintained MIT library in plain
 * JavaScript whose decomposition of a 32 x 32 state takes 0.3 ms and of a 128 x 128 one 12 ms.
 */

import { Matrix, SingularValueDecomposition } from 'ml-matrix';

/** `[rows, columns]`, row by row. */
export interface Flat {
  readonly data: Float64Array;
  readonly rows: number;
  readonly columns: number;
}

/** Largest first; none for a matrix of zeros or with entries that are not finite. */
export function singularValues(matrix: Flat): number[] {
  const whole = { computeLeftSingularVectors: false, computeRightSingularVectors: false };
  return decomposed(matrix, whole)?.diagonal ?? [];
}

export interface LeftDirection {
  /** Singular value. */
  readonly size: number;
  /** Left singular vector, `[rows]`. */
  readonly vector: Float64Array;
}

/** The `count` largest directions with content. */
export function leftDirections(matrix: Flat, count: number): LeftDirection[] {
  const found = decomposed(matrix, { computeRightSingularVectors: matrix.rows < matrix.columns });
  if (found === undefined) return [];
  const { diagonal, leftSingularVectors: left } = found;
  const most = diagonal[0]!;
  return diagonal
    .filter(size => size > 1e-7 * most)
    .slice(0, count)
    .map((size, rank) => ({ size, vector: Float64Array.from(left.getColumn(rank)) }));
}

function decomposed(
  { data, rows, columns }: Flat,
  options: { computeLeftSingularVectors?: boolean; computeRightSingularVectors?: boolean },
): SingularValueDecomposition | undefined {
  // Without this its iteration would not end on numbers that are none.
  if (data.every(item => item === 0) || !data.every(Number.isFinite)) return undefined;
  const matrix = Matrix.from1DArray(rows, columns, data);
  return new SingularValueDecomposition(matrix, { ...options, autoTranspose: true });
}

/** The exponential of the entropy of singular values' shares of their sum; 0 for none. */
export function effectiveRank(values: readonly number[]): number {
  const total = values.reduce((sum, value) => sum + value, 0);
  if (total === 0) return 0;
  const entropy = values.reduce((sum, value) => {
    const share = value / total;
    return share > 0 ? sum - share * Math.log(share) : sum;
  }, 0);
  return Math.exp(entropy);
}
