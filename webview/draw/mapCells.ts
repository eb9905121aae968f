/** Cells of the attention map: which of a tile's numbers are shown, in what colour, and which are strongest. */

import type { Interval, MapTile } from '../../src/protocol/map';
import { parseColour, type Ramp } from './colour';
import type { MapGrid, MapView } from './mapView';

/**
 * - `variant` the mass of the variant's rows.
 * - `dense` that of the layer's attention as the model was made.
 * - `missed` the part of it on keys that the variant does not weigh.
 */
export const MAP_SHOWS = ['variant', 'dense', 'missed'] as const;
export type MapShows = (typeof MAP_SHOWS)[number];

/** The numbers of a tile; where the layer attends as the model was made, all is the variant's and nothing missed. */
export function fieldOf(tile: MapTile, shows: MapShows): Float32Array {
  if (shows === 'variant') return tile.mass;
  if (shows === 'dense') return tile.own?.mass ?? tile.mass;
  return tile.own?.missed ?? new Float32Array(tile.mass.length);
}

export function keysOf({ keys, keyStep }: MapTile, column: number): Interval {
  const start = keys.start + column * keyStep;
  return { start, end: Math.min(keys.end, start + keyStep) };
}

export function queriesOf({ queries, queryStep }: MapTile, line: number): Interval {
  const start = queries.start + line * queryStep;
  return { start, end: Math.min(queries.end, start + queryStep) };
}

/** A line of a tile. */
export interface MapLine {
  readonly tile: MapTile;
  readonly line: number;
}

/** A cell of a tile. */
export interface MapCell extends MapLine {
  readonly column: number;
}

/** @param tiles coarse ones first. */
export function cellAt(tiles: readonly MapTile[], query: number, key: number): MapCell | undefined {
  const tile = tiles.findLast(
    ({ queries, keys }) =>
      query >= queries.start && query < queries.end && key >= keys.start && key < keys.end,
  );
  if (tile === undefined) return undefined;
  const line = Math.floor((query - tile.queries.start) / tile.queryStep);
  return { tile, line, column: Math.floor((key - tile.keys.start) / tile.keyStep) };
}

/** The lines that a view shows: of every tile those that no finer one hides, from the top. */
export function linesInView(
  tiles: readonly MapTile[],
  { queries, keys }: MapView,
  { queryStep }: MapGrid,
): readonly MapLine[] {
  const wide = tiles.filter(tile => tile.keys.start <= keys.start && tile.keys.end >= keys.end);
  const found: MapLine[] = [];
  for (let query = Math.floor(queries.start); query < queries.end; query += queryStep) {
    const cell = cellAt(wide, query, Math.max(0, Math.floor(keys.start)));
    const before = found.at(-1);
    if (cell === undefined || (before?.tile === cell.tile && before.line === cell.line)) continue;
    found.push({ tile: cell.tile, line: cell.line });
  }
  return found;
}

/** Columns of a tile that begin before a view's end and end after its start: first, and one past the last. */
export function columnsInView({ keys, keyStep, columns }: MapTile, view: MapView): readonly [number, number] {
  const first = Math.max(0, Math.floor((view.keys.start - keys.start) / keyStep));
  return [first, Math.min(columns, Math.ceil((view.keys.end - keys.start) / keyStep))];
}

export interface StrongCell extends MapCell {
  readonly mass: number;
}

/** The heaviest cells of a view, heaviest first; none without mass. */
export function strongestCells(
  lines: readonly MapLine[],
  view: MapView,
  shows: MapShows,
  limit: number,
): readonly StrongCell[] {
  const best: StrongCell[] = [];
  for (const { tile, line } of lines) {
    const field = fieldOf(tile, shows);
    const [first, end] = columnsInView(tile, view);
    for (let column = first; column < end; column++) {
      const mass = field[line * tile.columns + column]!;
      if (mass <= 0 || (best.length === limit && mass <= best[limit - 1]!.mass)) continue;
      let place = best.length;
      while (place > 0 && best[place - 1]!.mass < mass) place -= 1;
      best.splice(place, 0, { tile, line, column, mass });
      if (best.length > limit) best.pop();
    }
  }
  return best;
}

/** Share of the dense mass in view that the variant misses; undefined where nothing is held against it. */
export function missedShare(lines: readonly MapLine[], view: MapView): number | undefined {
  let missed = 0;
  let all = 0;
  for (const { tile, line } of lines) {
    if (tile.own === undefined) continue;
    const [first, end] = columnsInView(tile, view);
    for (let at = line * tile.columns + first; at < line * tile.columns + end; at++) {
      missed += tile.own.missed[at]!;
      all += tile.own.mass[at]!;
    }
  }
  return all > 0 ? missed / all : undefined;
}

/** Colours by mass on a logarithmic scale that is the same for cells of every size. */
export interface MapScale {
  /** Mass of a cell of `keys` keys that takes the strongest colour. */
  readonly top: number;
  readonly keys: number;
}

/** Factors of ten from the faintest colour to the strongest. */
export const MAP_DECADES = 3;

/** Place on the colour scale, `0 … 1`, of mass on so many keys; undefined where there is none. */
export function placeOf({ top, keys }: MapScale, mass: number, on: number): number | undefined {
  if (!(mass > 0)) return undefined;
  const place = 1 + Math.log10((mass * keys) / (on * top)) / MAP_DECADES;
  return Math.min(1, Math.max(0, place));
}

/** The scale whose top is a round number not below the heaviest cell in view. */
export function scaleFor(lines: readonly MapLine[], view: MapView, shows: MapShows, keys: number): MapScale {
  let most = 0;
  for (const { tile, line } of lines) {
    const field = fieldOf(tile, shows);
    const [first, end] = columnsInView(tile, view);
    for (let column = first; column < end; column++) {
      most = Math.max(most, (field[line * tile.columns + column]! * keys) / tile.keyStep);
    }
  }
  return { top: roundUp(most), keys };
}

/** The next of 1, 2, 5, 10 … times a power of ten; 1 for 0. */
function roundUp(value: number): number {
  if (!(value > 0) || !Number.isFinite(value)) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  return ([1, 2, 5, 10].find(step => step * power >= value * (1 - 1e-6)) ?? 10) * power;
}

const SHADES = 64;

/** The colours of a ramp as bytes, `[SHADES * 4]`, and that of no mass behind them. */
export function shadesOf(ramp: Ramp, background: string): Uint8ClampedArray {
  const shades = new Uint8ClampedArray((SHADES + 1) * 4);
  for (let shade = 0; shade <= SHADES; shade++) {
    const css = shade === SHADES ? background : ramp.fill(shade / (SHADES - 1));
    const [red, green, blue] = parseColour(css) ?? [0, 0, 0];
    shades.set([red * 255, green * 255, blue * 255, 255], shade * 4);
  }
  return shades;
}

/** A tile as pixels, one a cell: `[lines * columns * 4]`. */
export function paintTile(
  tile: MapTile,
  shows: MapShows,
  scale: MapScale,
  shades: Uint8ClampedArray,
): Uint8ClampedArray<ArrayBuffer> {
  const field = fieldOf(tile, shows);
  const pixels = new Uint8ClampedArray(field.length * 4);
  for (let at = 0; at < field.length; at++) {
    const { start, end } = keysOf(tile, at % tile.columns);
    const place = placeOf(scale, field[at]!, end - start);
    const shade = (place === undefined ? SHADES : Math.round(place * (SHADES - 1))) * 4;
    pixels.set(shades.subarray(shade, shade + 4), at * 4);
  }
  return pixels;
}
