/** Random projections whose rows are orthogonal in groups of `D`, as long as normal vectors are. */

import { floats, type FloatTensor } from '../../onnx/tensor';
import type { Tensors } from './mixer';
import { ownTensor } from './ownTensor';
import { seeded } from './seeded';

/** `[count, width]` */
function orthogonalRows(count: number, width: number, seed: number): FloatTensor {
  const { normal } = seeded(seed);
  const rows = floats([count, width]);
  const group: Float64Array[] = [];
  for (let row = 0; row < count; row++) {
    if (row % width === 0) group.length = 0;
    const direction = Float64Array.from({ length: width }, normal);
    const length = norm(Float64Array.from({ length: width }, normal));
    // Twice is enough: a second pass removes what rounding left of the first.
    for (const other of [...group, ...group]) {
      const shared = other.reduce((sum, x, d) => sum + x * direction[d]!, 0);
      other.forEach((x, d) => (direction[d]! -= shared * x));
    }
    const size = norm(direction);
    group.push(direction.map(x => x / size));
    group.at(-1)!.forEach((x, d) => (rows.data[row * width + d] = length * x));
  }
  return rows;
}

function norm(x: Float64Array): number {
  return Math.sqrt(x.reduce((sum, item) => sum + item * item, 0));
}

/** The tensor `projection` `[m, D]`, or rows drawn from the seed: `features` of them, or D ln D where that is 0. */
export function projectionOf(
  tensors: Tensors,
  width: number,
  { features, seed }: { readonly features: number; readonly seed: number },
): FloatTensor {
  const given = ownTensor(tensors, 'projection', ['m', width]);
  const count = features === 0 ? Math.max(1, Math.floor(width * Math.log(width))) : features;
  return given ?? orthogonalRows(count, width, seed);
}
