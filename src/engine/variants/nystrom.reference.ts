import type { Reference } from './primitives/mixer';
import type { NystromParams } from './nystrom';

/** A matrix as rows. */
type Matrix = number[][];

/** `nystrom` by plain loops. */
export const nystromReference: Reference<NystromParams> = (inputs, { landmarks, iterations }) => {
  const { heads, tokens, width, q, k, scale } = inputs;
  const count = Math.min(landmarks, tokens);
  const m = new Float64Array(heads * tokens * tokens);
  for (let h = 0; h < heads; h++) {
    const rowsOf = (x: Float32Array): Matrix =>
      Array.from({ length: tokens }, (_, i) => [
        ...x.subarray((h * tokens + i) * width, (h * tokens + i + 1) * width),
      ]);
    const [Q, K] = [rowsOf(q), rowsOf(k)];
    const [Qm, Km] = [means(Q, count), means(K, count)];
    const A = softmax(times(Qm, transposed(Km)), scale);
    let Z = transposed(A);
    const rowSum = Math.max(...A.map(sum));
    const columnSum = Math.max(...Z.map(sum));
    Z = Z.map(row => row.map(value => value / rowSum / columnSum));
    for (let step = 0; step < iterations; step++) {
      const AZ = times(A, Z);
      const first = combine(7, AZ);
      const second = combine(15, times(AZ, first));
      const third = combine(13, times(AZ, second));
      Z = times(Z, third).map(row => row.map(value => value / 4));
    }
    const left = times(softmax(times(Q, transposed(Km)), scale), Z);
    const whole = times(left, softmax(times(Qm, transposed(K)), scale));
    whole.forEach((row, i) => m.set(row, (h * tokens + i) * tokens));
  }
  return m;
};

/** Means of consecutive runs, the longer ones first. */
function means(x: Matrix, count: number): Matrix {
  const result: Matrix = [];
  let start = 0;
  for (let left = count; left > 0; left--) {
    const end = start + Math.ceil((x.length - start) / left);
    const run = x.slice(start, end);
    result.push(x[0]!.map((_, d) => sum(run.map(row => row[d]!)) / run.length));
    start = end;
  }
  return result;
}

/** `factor · I - x` */
function combine(factor: number, x: Matrix): Matrix {
  return x.map((row, i) => row.map((value, j) => (i === j ? factor : 0) - value));
}

function times(a: Matrix, b: Matrix): Matrix {
  const columns = transposed(b);
  return a.map(row => columns.map(column => sum(row.map((value, at) => value * column[at]!))));
}

function transposed(x: Matrix): Matrix {
  return x[0]!.map((_, j) => x.map(row => row[j]!));
}

function softmax(x: Matrix, scale: number): Matrix {
  return x.map(row => {
    const powers = row.map(value => Math.exp(value * scale));
    const total = sum(powers);
    return powers.map(power => power / total);
  });
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
