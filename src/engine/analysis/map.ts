/** Pools rows of `M` to the cells of a map's tile. */

import { cellsOf, type Interval, MAP_CELLS, MAP_ROWS, type MapTile, type TileRef } from '../../protocol/map';
import { Problem } from '../../protocol/problem';
import type { MixerRow } from '../variants/primitives/mixer';

/** A query's row, and that of the layer's own attention where the two are held against each other. */
export interface MapRow {
  readonly row: MixerRow;
  readonly own: MixerRow | undefined;
}

export interface MapSource {
  /** Keys of a given memory that stand before the document's in the variant's rows; they are left out. */
  readonly memory: number;
  read(query: number): Promise<MapRow>;
  /** Awaited after every query; may throw. */
  pause(): Promise<void>;
}

/** @throws Problem for a tile outside the document, and for more cells or rows than a tile may have. */
export function checkTile(ref: TileRef, tokens: number): void {
  const { queries, keys, queryStep, keyStep, samples } = ref;
  for (const { start, end } of [queries, keys]) {
    if (Number.isInteger(start) && Number.isInteger(end) && start >= 0 && start < end && end <= tokens)
      continue;
    throw new Problem(
      `A map shows tokens between 0 and ${tokens}, the first before the last, not ${start} to ${end}.`,
    );
  }
  const isCount = (value: number) => Number.isInteger(value) && value >= 1;
  if (!isCount(queryStep) || !isCount(keyStep) || !isCount(samples))
    throw new Problem('A map takes whole numbers of queries and keys a cell, and of rows a line, from 1 up.');
  const lines = cellsOf(queries, queryStep);
  const columns = cellsOf(keys, keyStep);
  if (lines > MAP_CELLS || columns > MAP_CELLS)
    throw new Problem(
      `A map has at most ${MAP_CELLS} x ${MAP_CELLS} cells at once, not ${lines} x ${columns}.`,
    );
  const rows = lines * Math.min(samples, queryStep);
  if (rows > MAP_ROWS)
    throw new Problem(
      `A map looks at no more than ${MAP_ROWS} rows at once, not ${rows}; ask for less of it.`,
    );
}

/** Evenly spaced queries of a line: the middles of `samples` equal parts, or all of them. */
export function sampledQueries({ start, end }: Interval, samples: number): readonly number[] {
  const count = Math.min(samples, end - start);
  return Array.from({ length: count }, (_, at) => start + Math.floor(((at + 0.5) * (end - start)) / count));
}

export async function poolTile(ref: TileRef, source: MapSource): Promise<MapTile> {
  const { queries, keys, queryStep, keyStep } = ref;
  const lines = cellsOf(queries, queryStep);
  const columns = cellsOf(keys, keyStep);
  const field = () => new Float32Array(lines * columns);
  const mass = field();
  let own: MapTile['own'];
  for (let line = 0; line < lines; line++) {
    const start = queries.start + line * queryStep;
    const sampled = sampledQueries({ start, end: Math.min(queries.end, start + queryStep) }, ref.samples);
    const pooled = new Line(keys, keyStep, sampled.length);
    for (const query of sampled) {
      const found = await source.read(query);
      pooled.add(found, source.memory);
      if (found.own !== undefined) own ??= { mass: field(), missed: field(), admitted: field() };
      await source.pause();
    }
    mass.set(pooled.mass, line * columns);
    own?.mass.set(pooled.own, line * columns);
    own?.missed.set(pooled.missed, line * columns);
    own?.admitted.set(pooled.admitted, line * columns);
  }
  return { ...ref, samples: Math.min(ref.samples, queryStep), lines, columns, mass, own };
}

/** One line's sums, in float64 until they are whole. */
class Line {
  readonly mass: Float64Array;
  readonly own: Float64Array;
  readonly missed: Float64Array;
  readonly admitted: Float64Array;
  readonly #keys: Interval;
  readonly #step: number;
  readonly #queries: number;

  /** @param queries over how many queries the line is a mean. */
  constructor(keys: Interval, step: number, queries: number) {
    const columns = cellsOf(keys, step);
    this.mass = new Float64Array(columns);
    this.own = new Float64Array(columns);
    this.missed = new Float64Array(columns);
    this.admitted = new Float64Array(columns);
    this.#keys = keys;
    this.#step = step;
    this.#queries = queries;
  }

  add({ row, own }: MapRow, memory: number): void {
    const { start, end } = this.#keys;
    for (let at = firstFrom(row.keys, start + memory); at < row.keys.length; at++) {
      const key = row.keys[at]! - memory;
      if (key >= end) break;
      const column = this.#columnOf(key);
      this.mass[column]! += Math.abs(row.weights[at]!) / this.#queries;
      this.admitted[column]! += 1 / (this.#keysOf(column) * this.#queries);
    }
    if (own !== undefined) this.#addOwn(own, row, memory);
  }

  #addOwn(own: MixerRow, row: MixerRow, memory: number): void {
    const { start, end } = this.#keys;
    let beside = firstFrom(row.keys, start + memory);
    for (let at = firstFrom(own.keys, start); at < own.keys.length; at++) {
      const key = own.keys[at]!;
      if (key >= end) break;
      while (beside < row.keys.length && row.keys[beside]! - memory < key) beside += 1;
      const isWeighed = row.keys[beside] === key + memory && row.weights[beside] !== 0;
      const column = this.#columnOf(key);
      const share = Math.abs(own.weights[at]!) / this.#queries;
      this.own[column]! += share;
      if (!isWeighed) this.missed[column]! += share;
    }
  }

  #columnOf(key: number): number {
    return Math.floor((key - this.#keys.start) / this.#step);
  }

  #keysOf(column: number): number {
    const from = this.#keys.start + column * this.#step;
    return Math.min(this.#keys.end, from + this.#step) - from;
  }
}

/** Where the first of ascending `keys` that is not before `key` stands. */
function firstFrom(keys: Int32Array, key: number): number {
  let low = 0;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (keys[middle]! < key) low = middle + 1;
    else high = middle;
  }
  return low;
}
