/** Eigenvalues and eigenvectors of a symmetric matrix by Jacobi rotations: what singular values are held against. */
export function symmetricEigen(
  matrix: Float64Array,
  size: number,
): { values: Float64Array; vectors: readonly Float64Array[] } {
  const a = matrix.slice();
  const v = Float64Array.from({ length: size * size }, (_, at) =>
    Math.floor(at / size) === at % size ? 1 : 0,
  );
  for (let sweep = 0; sweep < 60; sweep++) {
    let off = 0;
    for (let p = 0; p < size; p++) {
      for (let q = p + 1; q < size; q++) {
        const apq = a[p * size + q]!;
        off += apq ** 2;
        if (apq === 0) continue;
        const theta = (a[q * size + q]! - a[p * size + p]!) / (2 * apq);
        const t = (theta >= 0 ? 1 : -1) / (Math.abs(theta) + Math.sqrt(theta ** 2 + 1));
        const c = 1 / Math.sqrt(t ** 2 + 1);
        const s = t * c;
        const turn = (x: Float64Array, at: number, to: number) => {
          const [xp, xq] = [x[at]!, x[to]!];
          x[at] = c * xp - s * xq;
          x[to] = s * xp + c * xq;
        };
        for (let i = 0; i < size; i++) turn(a, i * size + p, i * size + q);
        for (let i = 0; i < size; i++) turn(a, p * size + i, q * size + i);
        for (let i = 0; i < size; i++) turn(v, i * size + p, i * size + q);
      }
    }
    if (off < 1e-26) break;
  }
  const order = Array.from({ length: size }, (_, i) => i).sort((i, j) => a[j * size + j]! - a[i * size + i]!);
  return {
    values: Float64Array.from(order, i => a[i * size + i]!),
    vectors: order.map(i => Float64Array.from({ length: size }, (_, row) => v[row * size + i]!)),
  };
}
