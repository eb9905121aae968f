/**
 * The places of the `count` largest numbers, ascending; of equal numbers the first ones. Takes time
 * proportional to the length on average.
 */
export function topIndices(values: Float32Array, count: number): Int32Array {
  if (count >= values.length) return Int32Array.from(values, (_, at) => at);
  if (count <= 0) return new Int32Array(0);
  const least = nthLargest(values.slice(), count);
  let above = 0;
  for (const value of values) if (value > least) above += 1;
  let ties = count - above;
  const chosen = new Int32Array(count);
  let to = 0;
  for (let at = 0; at < values.length && to < count; at++) {
    if (values[at]! > least || (values[at] === least && ties-- > 0)) chosen[to++] = at;
  }
  return chosen;
}

/** Reorders `values`. */
function nthLargest(values: Float32Array, count: number): number {
  let low = 0;
  let high = values.length - 1;
  const place = count - 1;
  while (low < high) {
    const pivot = values[(low + high) >> 1]!;
    let left = low;
    let right = high;
    while (left <= right) {
      while (values[left]! > pivot) left += 1;
      while (values[right]! < pivot) right -= 1;
      if (left <= right) {
        const value = values[left]!;
        values[left++] = values[right]!;
        values[right--] = value;
      }
    }
    if (place <= right) high = right;
    else if (place >= left) low = left;
    else break;
  }
  return values[place]!;
}
