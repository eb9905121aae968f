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
/** Rows a line is pooled from in the end, where it covers so many. */
const SAMPLES = 4;
/** How long a call should take, so that a moved view is not kept waiting. */
const CALL_MS = 250;
/** The last look is left out where it would take longer. */
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
  const { grid } = wish;
  const lines = cellsOf(grid.queries, grid.queryStep);
  const ask = (queryStep: number, samples: number, against: boolean): TileRef | undefined => {
    const enough = { queryStep, samples: Math.min(samples, queryStep), against };
    const gap = firstGap(
      grid.queries,
      tiles.filter(tile => isDrawable(tile, wish) && satisfies(tile, wish, enough)),
    );
    if (gap === undefined) return undefined;
    const rows = pace === undefined ? UNPACED_ROWS : Math.min(MAP_ROWS, CALL_MS / Math.max(pace, 1e-3));
    const most = Math.max(1, Math.floor(rows / enough.samples)) * queryStep;
    const end = Math.min(gap.end, gap.start + Math.max(most, queryStep));
    const { layer, head } = wish;
    return {
      layer,
      head,
      queries: { start: gap.start, end },
      keys: grid.keys,
      keyStep: grid.keyStep,
      ...enough,
    };
  };
  for (const first of FIRST_LINES) {
    // Against it from the start, so that it is known whether there is anything to hold against.
    const coarse = lines > 1.5 * first ? ask(grid.queryStep * Math.ceil(lines / first), 1, true) : undefined;
    if (coarse !== undefined) return coarse;
  }
  const fine = ask(grid.queryStep, 1, wish.against || lines <= 1.5 * FIRST_LINES[0]!);
  if (fine !== undefined) return fine;
  const rows = lines * Math.min(SAMPLES, grid.queryStep);
  return rows * (pace ?? 0) > LAST_LOOK_MS ? undefined : ask(grid.queryStep, SAMPLES, wish.against);
}

/** Whether a tile says at least so much over the width of the view. */
function satisfies(
  tile: MapTile,
  { view, grid }: MapWish,
  wanted: Pick<TileRef, 'queryStep' | 'samples' | 'against'>,
): boolean {
  return (
    tile.queryStep <= wanted.queryStep &&
    tile.keyStep === grid.keyStep &&
    tile.samples >= Math.min(wanted.samples, tile.queryStep) &&
    (tile.against || !wanted.against) &&
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
