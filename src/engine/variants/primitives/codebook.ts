/** Codes fitted to vectors, and the nearest code of each vector. */

import type { Executor } from '../../onnx/graph';
import { seeded } from './seeded';
import { asColumns, eachScores } from './tokenScores';

/** Vectors that a fit looks at, evenly spaced over the document. */
const SAMPLE = 4096;
const STEPS = 10;

/**
 * Codes `[C, D]` of `points [n, D]` by Lloyd's k-means from `count` points drawn by the seed; all points
 * where there are no more than `count`.
 */
export function kMeans(points: Float32Array, width: number, count: number, seed: number): Float32Array {
  const sample = spaced(points, width);
  const size = sample.length / width;
  if (size <= count) return sample;
  const { below } = seeded(seed);
  const order = Int32Array.from({ length: size }, (_, i) => i);
  for (let c = 0; c < count; c++) {
    const other = c + below(size - c);
    [order[c], order[other]] = [order[other]!, order[c]!];
  }
  const codes = new Float32Array(count * width);
  for (let c = 0; c < count; c++) {
    codes.set(sample.subarray(order[c]! * width, (order[c]! + 1) * width), c * width);
  }
  for (let step = 0; step < STEPS; step++) {
    const sums = new Float64Array(count * width);
    const members = new Int32Array(count);
    for (let i = 0; i < size; i++) {
      const c = nearest(sample, i, codes, width);
      members[c]! += 1;
      for (let d = 0; d < width; d++) sums[c * width + d]! += sample[i * width + d]!;
    }
    for (let at = 0; at < codes.length; at++) {
      const many = members[Math.floor(at / width)]!;
      if (many > 0) codes[at] = sums[at]! / many;
    }
  }
  return codes;
}

function spaced(points: Float32Array, width: number): Float32Array {
  const size = points.length / width;
  if (size <= SAMPLE) return points.slice();
  const sample = new Float32Array(SAMPLE * width);
  for (let s = 0; s < SAMPLE; s++) {
    const i = Math.floor((s * size) / SAMPLE);
    sample.set(points.subarray(i * width, (i + 1) * width), s * width);
  }
  return sample;
}

function nearest(points: Float32Array, i: number, codes: Float32Array, width: number): number {
  let best = 0;
  let least = Infinity;
  for (let c = 0; c * width < codes.length; c++) {
    let distance = 0;
    for (let d = 0; d < width; d++) distance += (points[i * width + d]! - codes[c * width + d]!) ** 2;
    if (distance < least) {
      least = distance;
      best = c;
    }
  }
  return best;
}

/** The code of least Euclidean distance for every token of `x [P, D]`: `[N]`; the first of equals. */
export async function nearestCodes(
  executor: Executor,
  x: Float32Array,
  tokens: number,
  codes: Float32Array,
  width: number,
): Promise<Int32Array> {
  const count = codes.length / width;
  const half = new Float64Array(count);
  for (let at = 0; at < codes.length; at++) half[Math.floor(at / width)]! += codes[at]! ** 2 / 2;
  const chosen = new Int32Array(tokens);
  await eachScores(
    executor,
    { x, tokens, columns: asColumns(codes, width), width },
    (start, many, scores) => {
      for (let i = 0; i < many; i++) {
        let best = 0;
        let most = -Infinity;
        for (let c = 0; c < count; c++) {
          // |k - c|² is least where k.c - |c|²/2 is largest.
          const score = scores[i * count + c]! - half[c]!;
          if (score > most) {
            most = score;
            best = c;
          }
        }
        chosen[start + i] = best;
      }
    },
  );
  return chosen;
}
