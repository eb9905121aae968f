/** Clusters of queries and keys around centroids: each centroid takes the tokens nearest in angle. */

import type { Executor } from '../../onnx/graph';
import { floats, type FloatTensor } from '../../onnx/tensor';
import { kMeans } from './codebook';
import { normalised } from './normalised';
import { asColumns, eachScores } from './tokenScores';
import { topIndices } from './topIndices';

/** Centroids whose scores over the document are held at once. */
const TOGETHER = 32;

/**
 * The `window` tokens of largest `x_i . centroid_c` for every centroid of `[C, D]`: ascending positions, of
 * equal scores the earlier tokens. `x [P, D]` is one head's, of length 1.
 */
export async function clusterMembers(
  executor: Executor,
  x: Float32Array,
  tokens: number,
  centroids: Float32Array,
  width: number,
  window: number,
): Promise<Int32Array[]> {
  const count = centroids.length / width;
  const members: Int32Array[] = [];
  for (let first = 0; first < count; first += TOGETHER) {
    const many = Math.min(TOGETHER, count - first);
    const columns = asColumns(centroids.subarray(first * width, (first + many) * width), width);
    const scores = Array.from({ length: many }, () => new Float32Array(tokens));
    await eachScores(executor, { x, tokens, columns, width }, (start, length, map) => {
      for (let i = 0; i < length; i++)
        for (let c = 0; c < many; c++) scores[c]![start + i] = map[i * many + c]!;
    });
    members.push(...scores.map(of => topIndices(of, window)));
  }
  return members;
}

interface Clustering {
  /** A number, or a word for the square root of the tokens. */
  readonly clusters: number | string;
  /** A number, or a word for as many as share the tokens evenly. */
  readonly window: number | string;
  readonly seed: number;
}

/** `[C, D]` of a head, from its q and k of length 1, each `[P, D]`. */
export function centroidsOf(
  given: FloatTensor | undefined,
  head: number,
  queries: Float32Array,
  keys: Float32Array,
  tokens: number,
  width: number,
  { clusters, seed }: Clustering,
): Float32Array {
  if (given !== undefined) {
    const size = given.shape[1]! * width;
    return given.data.subarray(head * size, (head + 1) * size);
  }
  const size = tokens * width;
  const points = new Float32Array(2 * size);
  points.set(queries.subarray(0, size));
  points.set(keys.subarray(0, size), size);
  const count = typeof clusters === 'number' ? clusters : Math.max(1, Math.round(Math.sqrt(tokens)));
  const fitted = kMeans(points, width, count, seed);
  return normalised(floats([fitted.length / width, width], fitted)).data;
}

export function windowOf({ window }: Clustering, tokens: number, clusters: number): number {
  return Math.min(tokens, typeof window === 'number' ? window : Math.ceil(tokens / clusters));
}
