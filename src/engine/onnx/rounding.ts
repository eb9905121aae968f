/** Lengths rounded up to few, for devices that prepare themselves anew for every shape of a feed. */

import type { ElementType, HostArrays } from './tensor';

/** Blocks of fewer rows are rounded up to this, but for single rows. */
const FEWEST_ROWS = 16;

/** The next of `unit · 1, 2, 3, 4, 6, 8, 12 …`: two lengths for every doubling, at most half of it added. */
export function roundedUp(length: number, unit: number): number {
  for (let power = unit; ; power *= 2) {
    if (length <= power) return power;
    if (power > unit && length <= 1.5 * power) return 1.5 * power;
  }
}

/** A power of two for the rows of a block, so that the last block of a document is like others. */
export function roundedRows(count: number): number {
  if (count <= 1) return count;
  let length = FEWEST_ROWS;
  while (length < count) length *= 2;
  return length;
}

/** Parts of `from` numbers as parts of `to`: cut, or followed by zeros. The same array where nothing changes. */
export function resized<A extends HostArrays[ElementType]>(x: A, from: number, to: number): A {
  if (from === to) return x;
  const parts = x.length / from;
  const result = new (x.constructor as new (length: number) => A)(parts * to);
  const [source, target] = [bytesOf(x), bytesOf(result)];
  const [stride, room] = [from * x.BYTES_PER_ELEMENT, to * x.BYTES_PER_ELEMENT];
  for (let part = 0; part < parts; part++) {
    const start = part * stride;
    target.set(source.subarray(start, start + Math.min(stride, room)), part * room);
  }
  return result;
}

function bytesOf({ buffer, byteOffset, byteLength }: HostArrays[ElementType]): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}
