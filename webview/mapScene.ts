/** What the attention map shows now, made once for its drawing, its words and its table. */

import type { MapTile } from '../src/protocol/map';
import type { MapCell, MapLine, MapScale, MapShows } from './draw/mapCells';
import {
  columnsInView,
  fieldOf,
  keysOf,
  linesInView,
  missedShare,
  queriesOf,
  scaleFor,
} from './draw/mapCells';
import type { MapGrid, MapView } from './draw/mapView';
import type { Table } from './exports/table';
import { count, share } from './format';

export interface MapScene {
  readonly view: MapView;
  readonly total: number;
  readonly grid: MapGrid;
  readonly shows: MapShows;
  /** Coarse ones first. */
  readonly tiles: readonly MapTile[];
  readonly lines: readonly MapLine[];
  readonly scale: MapScale;
  /** Share of the dense mass in view that the variant misses; undefined where nothing is held against it. */
  readonly missed: number | undefined;
}

export function sceneOf(parts: Pick<MapScene, 'view' | 'total' | 'grid' | 'shows' | 'tiles'>): MapScene {
  const { view, grid, shows, tiles } = parts;
  const lines = linesInView(tiles, view, grid);
  // What is missed keeps the colours of the dense mass that it is part of.
  const scale = scaleFor(lines, view, shows === 'missed' ? 'dense' : shows, grid.keyStep);
  return { ...parts, lines, scale, missed: missedShare(lines, view) };
}

export const SHOWN: Readonly<Record<MapShows, { readonly title: string; readonly help: string }>> = {
  variant: { title: 'Variant', help: 'Attention mass of the rows as the variant has them' },
  dense: {
    title: 'Dense',
    help: "Attention mass of the layer as the model was made, on the same q and k; the variant's keys are outlined",
  },
  missed: {
    title: 'Missed',
    help: 'The part of the dense mass that lies on keys to which the variant gives no weight',
  },
};

/** Names a token by its text, where it is known. */
type Names = (token: number) => string | undefined;

/** A cell in words, its mass first. */
export function cellLines({ tile, line, column }: MapCell, shows: MapShows, name: Names): readonly string[] {
  const at = line * tile.columns + column;
  const queries = queriesOf(tile, line);
  const keys = keysOf(tile, column);
  const mass = share(fieldOf(tile, shows)[at]!);
  const what = shows === 'variant' ? 'Mass' : `${SHOWN[shows].title} mass`;
  const back =
    queries.end - queries.start === 1 && keys.end - keys.start === 1
      ? `, ${distance(queries.start - keys.start)}`
      : '';
  return [
    `${what} ${mass}`,
    named('Query', 'Queries', queries, name),
    `${named('Key', 'Keys', keys, name)}${back}`,
    ...besides(tile, at),
    ...meanOf(tile.samples, queries.end - queries.start),
  ];
}

/** Of how many of a line's queries a number is the mean. */
function meanOf(samples: number, queries: number): readonly string[] {
  if (queries === 1) return [];
  return [
    samples < queries
      ? `Mean of ${samples} of ${count(queries)} queries`
      : `Mean of all ${count(queries)} queries`,
  ];
}

function distance(back: number): string {
  return back < 0 ? `${count(-back)} ahead` : `${count(back)} back`;
}

function named(
  one: string,
  many: string,
  { start, end }: { readonly start: number; readonly end: number },
  name: Names,
): string {
  if (end - start > 1) return `${many} ${count(start)} to ${count(end - 1)}`;
  return `${one} ${count(start)} ${name(start) ?? ''}`.trim();
}

function besides({ own, mass }: MapTile, at: number): readonly string[] {
  if (own === undefined) return [];
  const admitted = own.admitted[at]!;
  const pattern = admitted === 0 ? 'Not admitted' : `Admits ${share(admitted)} of the pairs`;
  return [
    `Variant ${share(mass[at]!)}, dense ${share(own.mass[at]!)}, missed ${share(own.missed[at]!)}`,
    pattern,
  ];
}

/** Every cell in view that has mass, with the numbers that its tile has. */
export function cellsTable({ lines, view }: MapScene): Table {
  const cells = lines.flatMap(({ tile, line }) => {
    const [first, end] = columnsInView(tile, view);
    const columns = Array.from({ length: Math.max(0, end - first) }, (_, at) => first + at);
    return columns.map(column => ({ tile, line, column, at: line * tile.columns + column }));
  });
  const known = cells.filter(({ tile, at }) => tile.mass[at]! > 0 || (tile.own?.mass[at] ?? 0) > 0);
  const isCompared = known.some(({ tile }) => tile.own !== undefined);
  return {
    name: 'cells',
    columns: {
      queryFrom: known.map(({ tile, line }) => queriesOf(tile, line).start),
      queryTo: known.map(({ tile, line }) => queriesOf(tile, line).end),
      keyFrom: known.map(({ tile, column }) => keysOf(tile, column).start),
      keyTo: known.map(({ tile, column }) => keysOf(tile, column).end),
      rows: known.map(({ tile, line }) => {
        const { start, end } = queriesOf(tile, line);
        return Math.min(tile.samples, end - start);
      }),
      mass: known.map(({ tile, at }) => tile.mass[at]),
      ...(isCompared && {
        dense: known.map(({ tile, at }) => tile.own?.mass[at]),
        missed: known.map(({ tile, at }) => tile.own?.missed[at]),
        admitted: known.map(({ tile, at }) => tile.own?.admitted[at]),
      }),
    },
  };
}

/** What a cell and an outline stand for, and what is missed in view. */
export function sceneCaption({ grid, lines, shows, missed }: MapScene): string {
  const { queryStep, keyStep } = grid;
  const looked = Math.min(queryStep, ...lines.map(({ tile }) => tile.samples));
  const queries =
    queryStep === 1
      ? 'one query'
      : `${looked > 1 ? 'the mean of ' : ''}${looked < queryStep ? `${looked} of ` : ''}${count(queryStep)} queries`;
  const keys = keyStep === 1 ? 'one key' : `${count(keyStep)} keys`;
  const lost =
    missed === undefined || shows === 'variant'
      ? ''
      : ` Outlined: what the variant admits. The variant misses ${share(missed)} of the dense mass in view.`;
  return `A cell is ${queries} on ${keys}.${lost}`;
}
