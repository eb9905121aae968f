/** A map's tile from rows that come pooled to its cells, many queries at a time. */

import { cellsOf, type MapTile, type TileRef } from '../../protocol/map';
import type { PooledRows } from '../variants/primitives/pooledRead';
import { sampledQueries } from './map';

/** Rows of the first few of some queries. */
export type ReadCells = (queries: readonly number[]) => Promise<PooledRows>;

export interface PooledSource {
  readonly variant: ReadCells;
  /** Likewise the layer's own attention, with the mass that the variant misses; undefined where not asked for. */
  readonly own: ReadCells | undefined;
  /** Awaited after every run; may throw. */
  pause(): Promise<void>;
}

export async function pooledTile(ref: TileRef, { variant, own, pause }: PooledSource): Promise<MapTile> {
  const { queries, keys, queryStep, keyStep } = ref;
  const lines = cellsOf(queries, queryStep);
  const columns = cellsOf(keys, keyStep);
  const sampled = Array.from({ length: lines }, (_, line) => {
    const start = queries.start + line * queryStep;
    return sampledQueries({ start, end: Math.min(queries.end, start + queryStep) }, ref.samples);
  });
  const looked = sampled.flat();
  const lineOf = sampled.flatMap((line, at) => line.map(() => at));

  /** Sums over the queries of each line, in float64 until they are whole. */
  async function sums(read: ReadCells, add: (rows: PooledRows, at: number, line: number) => void) {
    for (let done = 0; done < looked.length;) {
      const rows = await read(looked.slice(done));
      for (let row = 0; row < rows.count; row++) add(rows, row * columns, lineOf[done + row]! * columns);
      done += rows.count;
      await pause();
    }
  }
  const adder = (to: Float64Array) => (cells: Float32Array | undefined, at: number, line: number) => {
    if (cells === undefined) return;
    for (let column = 0; column < columns; column++) to[line + column]! += cells[at + column]!;
  };
  const field = () => new Float64Array(lines * columns);
  const mean = (of: Float64Array) =>
    Float32Array.from(of, (sum, at) => sum / sampled[Math.floor(at / columns)]!.length);

  const [mass, admitted] = [field(), field()];
  const [addMass, addAdmitted] = [adder(mass), adder(admitted)];
  await sums(variant, (rows, at, line) => {
    addMass(rows.mass, at, line);
    addAdmitted(rows.admitted, at, line);
  });
  const tile = { ...ref, samples: Math.min(ref.samples, queryStep), lines, columns, mass: mean(mass) };
  if (own === undefined) return { ...tile, own };

  const [whole, missed] = [field(), field()];
  const [addWhole, addMissed] = [adder(whole), adder(missed)];
  await sums(own, (rows, at, line) => {
    addWhole(rows.mass, at, line);
    addMissed(rows.missed, at, line);
  });
  const lastKeys = keys.end - (keys.start + (columns - 1) * keyStep);
  const share = (count: number, at: number) => count / (at % columns === columns - 1 ? lastKeys : keyStep);
  return {
    ...tile,
    own: { mass: mean(whole), missed: mean(missed), admitted: mean(admitted.map(share)) },
  };
}
