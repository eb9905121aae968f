/**
 * Keys in the order in which their weights are pooled: those before the cells, then the cells in chunks of
 * one width, then those after them.
 */

import { type KeyIndex, keyLength, NOWHERE, type Ranges, ranges, rangesLength } from './keys';

export interface CellLayout {
  readonly index: KeyIndex;
  /** Where along `K` the first chunk begins. */
  readonly from: number;
  /** Keys a chunk. */
  readonly width: number;
  /** The cell that each chunk is part of, ascending. */
  readonly cells: Int32Array;
  /** `[K]` 1 for keys of the ranges, 0 for those that only fill chunks; undefined where the rest ends the keys. */
  readonly real: Float32Array | undefined;
}

interface Cells {
  readonly keys: { readonly start: number; readonly end: number };
  readonly step: number;
}

/** Wider cells are summed from several chunks, so that sparse keys fill few of them. */
const WIDEST = 128;
const NARROWEST = 32;

/** @param seen keys to lay out, sorted and disjoint. */
export function cellLayout(seen: Ranges, { keys, step }: Cells, wantsFewShapes = false): CellLayout {
  const width = chunkWidth(step);
  const before = ranges(keys.start, ...pairs(seen));
  const after = pairs(seen).flatMap(([start, end]) =>
    end > keys.end ? [Math.max(start, keys.end), end] : [],
  );
  const chunks = chunksOf(seen, { keys, step }, width);
  const from = rangesLength(before);
  const length = from + chunks.length * width + rangesLength(after);
  const padded = keyLength(length, wantsFewShapes);
  const rows = new Int32Array(padded);
  const positions = new Float32Array(padded).fill(NOWHERE);
  const real = new Float32Array(padded);
  let at = 0;
  const place = (key: number, isReal: boolean) => {
    rows[at] = key;
    positions[at] = key;
    real[at] = isReal ? 1 : 0;
    at += 1;
  };
  for (const [start, end] of pairs(before)) for (let key = start; key < end; key++) place(key, true);
  let pair = 0;
  for (const { start, end } of chunks) {
    for (let key = start; key < end; key++) {
      while (pair < seen.length && seen[pair + 1]! <= key) pair += 2;
      place(key, pair < seen.length && seen[pair]! <= key);
    }
    for (let fill = end - start; fill < width; fill++) place(end - 1, false);
  }
  for (const [start, end] of pairs(after)) for (let key = start; key < end; key++) place(key, true);
  let count = length;
  while (count > 0 && real[count - 1] === 0) count -= 1;
  positions.fill(NOWHERE, count);
  const isWhole = real.subarray(0, count).every(item => item === 1);
  return {
    index: { count, rows, positions },
    from,
    width,
    cells: Int32Array.from(chunks, ({ cell }) => cell),
    real: isWhole ? undefined : real,
  };
}

function pairs(flat: Ranges): readonly (readonly [number, number])[] {
  return Array.from({ length: flat.length / 2 }, (_, at) => [flat[2 * at]!, flat[2 * at + 1]!] as const);
}

/** The widest divisor of a cell's width that is neither too wide nor too narrow. */
function chunkWidth(step: number): number {
  if (step <= WIDEST) return step;
  for (let width = WIDEST; width >= NARROWEST; width--) if (step % width === 0) return width;
  return WIDEST;
}

interface Chunk {
  readonly cell: number;
  /** Its keys `start … end - 1`; fewer than a width where the cell ends. */
  readonly start: number;
  readonly end: number;
}

/** The chunks that hold some of the keys. */
function chunksOf(seen: Ranges, { keys, step }: Cells, width: number): readonly Chunk[] {
  const found: Chunk[] = [];
  for (const [first, last] of pairs(seen)) {
    let key = Math.max(first, keys.start, found.at(-1)?.end ?? 0);
    while (key < Math.min(last, keys.end)) {
      const cell = Math.floor((key - keys.start) / step);
      const left = keys.start + cell * step;
      const start = left + Math.floor((key - left) / width) * width;
      const end = Math.min(start + width, left + step, keys.end);
      found.push({ cell, start, end });
      key = end;
    }
  }
  return found;
}
