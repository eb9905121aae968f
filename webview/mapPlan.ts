/** Which tile of the attention map to ask for next: the whole view coarsely, then in bands, then more exactly. */

import type { HeadRef } from '../src/protocol/inspection';
import { cellsOf, type Interval, MAP_ROWS, type MapTile, type TileRef } from '../src/protocol/map';
import type { MapGrid, MapView } from './draw/mapView';

export interface MapWish extends HeadRef {
  readonly view: MapView;
  readonly grid: MapGrid;
  /** Whether more than a first look holds the variant against the layer's own attention. */
  readonly against: boolean;
}

/** Lines of the first looks. */
const FIRST_LINES = [16, 64];
/** Queries of a line that the last look takes at the least, where it covers so many. */
const SAMPLES = 4;
/** How long a call should take, so that a moved view is not kept waiting. */
const CALL_MS = 250;
/** The last look takes as many queries a line as fit, and is left out where the fewest would not. */
const LAST_LOOK_MS = 3000;
/** Rows of a call before it is known how long one takes. */
const UNPACED_ROWS = 16;

/** Tiles that a view can show: none finer than its cells, which would be drawn only in part. */
export function isDrawable(tile: TileRef, { layer, head, grid, view, against }: MapWish): boolean {
  return (
    (tile.against || !against) &&
    tile.layer === layer &&
    tile.head === head &&
    tile.queryStep >= grid.queryStep &&
    tile.keyStep >= grid.keyStep &&
    tile.queries.start < view.queries.end &&
    tile.queries.end > view.queries.start &&
    tile.keys.start < view.keys.end &&
    tile.keys.end > view.keys.start
  );
}

/**
 * @param tiles those that there are.
 * @param pace milliseconds a row took lately; undefined before the first.
 * @returns undefined when the view is complete.
 */
export function nextTile(
  wish: MapWish,
  tiles: readonly MapTile[],
  pace: number | undefined,
): TileRef | undefined {
  const { grid, layer, head } = wish;
  for (const look of looksOf(wish, pace)) {
    const isSeen = (tile: MapTile) => isDrawable(tile, wish) && satisfies(tile, wish, look);
    const gap = firstGap(grid.queries, tiles.filter(isSeen));
    if (gap === undefined) continue;
    const { queryStep, samples, against } = look;
    const rows = pace === undefined ? UNPACED_ROWS : Math.min(MAP_ROWS, CALL_MS / Math.max(pace, 1e-3));
    const lines = Math.max(1, Math.floor(rows / samples));
    const queries = { start: gap.start, end: Math.min(gap.end, gap.start + lines * queryStep) };
    const { keys, keyStep } = grid;
    return { layer, head, queries, keys, queryStep, keyStep, samples, against };
  }
  return undefined;
}

interface Look extends Pick<TileRef, 'queryStep' | 'samples' | 'against'> {
  /** Lines from as many queries are near enough. */
  readonly enough: number;
}

/** Coarse ones first; those are left out that a later one outdoes at once. */
function looksOf({ grid, against }: MapWish, pace: number | undefined): readonly Look[] {
  const { queryStep, queries } = grid;
  const lines = cellsOf(queries, queryStep);
  const isLong = (first: number): boolean => lines > 1.5 * first;
  // Against it from the start, so that it is known whether there is anything to hold against.
  const coarse = FIRST_LINES.filter(isLong).map((first, at) => ({
    queryStep: queryStep * Math.ceil(lines / first),
    samples: 1,
    enough: 1,
    against: against || at === 0,
  }));
  const fine = { queryStep, samples: 1, enough: 1, against: against || coarse.length === 0 };
  const samples = lastSamples(lines, queryStep, pace);
  // The pace wavers: what is nearly as much is not looked at again.
  const last = {
    queryStep,
    samples,
    enough: samples === queryStep ? samples : Math.ceil(samples / 4),
    against,
  };
  const looks =
    samples <= 1 ? [...coarse, fine] : [...coarse, fine, { ...last, enough: Math.max(2, last.enough) }];
  if (pace === undefined) return looks;
  const rowsOf = (look: Look): number => cellsOf(queries, look.queryStep) * look.samples;
  const atOnce = looks.findLastIndex(look => rowsOf(look) * pace <= CALL_MS);
  return looks.slice(Math.max(0, atOnce));
}

/** Queries that the last look takes of a line: all, or a power of 4 of them; 1 where that takes too long. */
function lastSamples(lines: number, queryStep: number, pace: number | undefined): number {
  const most = Math.min(queryStep, MAP_ROWS);
  if (pace === undefined) return Math.min(SAMPLES, most);
  const fits = (samples: number): boolean => lines * samples * pace <= LAST_LOOK_MS;
  if (fits(most)) return most;
  let samples = SAMPLES;
  while (samples * 4 < most && fits(samples * 4)) samples *= 4;
  return samples < most && fits(samples) ? samples : 1;
}

/** Whether a tile says at least so much over the width of the view. */
function satisfies(tile: MapTile, { view, grid }: MapWish, { queryStep, enough, against }: Look): boolean {
  return (
    tile.queryStep <= queryStep &&
    tile.keyStep === grid.keyStep &&
    tile.samples >= Math.min(enough, tile.queryStep) &&
    (tile.against || !against) &&
    tile.keys.start <= view.keys.start &&
    tile.keys.end >= view.keys.end
  );
}

/** The first part of a stretch of queries that no tile covers. */
export function firstGap(stretch: Interval, tiles: readonly TileRef[]): Interval | undefined {
  let { start } = stretch;
  for (;;) {
    const from = start;
    const reach = Math.max(
      from,
      ...tiles
        .filter(({ queries }) => queries.start <= from && queries.end > from)
        .map(({ queries }) => queries.end),
    );
    if (reach >= stretch.end) return undefined;
    if (reach === from) break;
    start = reach;
  }
  const later = tiles.map(({ queries }) => queries.start).filter(at => at > start);
  return { start, end: Math.min(stretch.end, ...later) };
}
