/** Ranks of long arrays without sorting them. */

/**
 * Puts the value of rank `rank` at its place: smaller ones before it, greater ones after it.
 *
 * @param values finite; reordered between `from` and the end, where the rank must lie.
 */
export function select(values: Float32Array, rank: number, from = 0): number {
  let left = from;
  let right = values.length - 1;
  while (left < right) {
    const pivot = values[(left + right) >> 1]!;
    let low = left;
    let high = right;
    while (low <= high) {
      while (values[low]! < pivot) low += 1;
      while (values[high]! > pivot) high -= 1;
      if (low > high) break;
      const swapped = values[low]!;
      values[low] = values[high]!;
      values[high] = swapped;
      low += 1;
      high -= 1;
    }
    if (rank <= high) right = high;
    else if (rank >= low) left = low;
    else break;
  }
  return values[rank]!;
}
