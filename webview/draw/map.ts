/** The attention map of a head: queries down, keys across, one coloured cell for many entries of the matrix. */

import type { MapTile, OwnMass } from '../../src/protocol/map';
import type { AxisData, MapLayout } from './mapAxes';
import { drawKeyAxis, drawQueryAxis } from './mapAxes';
import type { MapCell, MapLine } from './mapCells';
import { keysOf, queriesOf } from './mapCells';
import type { Palette } from './palette';
import type { Context } from './pen';
import { drawSlants, line } from './pen';

export interface MapData extends AxisData {
  /** Coarse ones first. */
  readonly tiles: readonly MapTile[];
  readonly picture: (tile: MapTile) => CanvasImageSource | undefined;
  /** Those in view, from the top. */
  readonly lines: readonly MapLine[];
  /** Whether to outline what the variant admits. */
  readonly outlines: boolean;
  readonly staleFrom: number | undefined;
}

export function drawMap(context: Context, layout: MapLayout, data: MapData, palette: Palette): void {
  const { keys, queries } = layout;
  const width = keys.right - keys.left;
  const height = queries.right - queries.left;
  context.fillStyle = palette.background;
  context.fillRect(keys.left, queries.left, width, height);
  context.save();
  context.beginPath();
  context.rect(keys.left, queries.left, width, height);
  context.clip();
  context.imageSmoothingEnabled = false;
  for (const tile of data.tiles) {
    const picture = data.picture(tile);
    if (picture === undefined) continue;
    const x = keys.x(tile.keys.start);
    const y = queries.x(tile.queries.start);
    // The last line and column may stand for fewer tokens than they are drawn over; nothing lies beyond.
    context.drawImage(
      picture,
      x,
      y,
      tile.columns * tile.keyStep * keys.step,
      tile.lines * tile.queryStep * queries.step,
    );
  }
  if (data.outlines) outlineAdmitted(context, layout, data.lines, palette);
  drawStale(context, layout, data.staleFrom, palette);
  drawToken(context, layout, data.token, palette);
  context.restore();
  context.strokeStyle = palette.line;
  context.lineWidth = 1;
  context.strokeRect(keys.left - 0.5, queries.left - 0.5, width + 1, height + 1);
  drawKeyAxis(context, layout, data, palette);
  drawQueryAxis(context, layout, data, palette);
}

/** Edges between cells in which the variant admits some key, and cells of dense mass in which it admits none. */
function outlineAdmitted(
  context: Context,
  { keys, queries }: MapLayout,
  lines: readonly MapLine[],
  palette: Palette,
): void {
  context.fillStyle = palette.sink;
  // Filled, not stroked: thousands of short strokes take many times as long.
  const fill = (x0: number, y0: number, x1: number, y1: number): void => {
    const [x, y] = [Math.round(x0), Math.round(y0)];
    context.fillRect(x, y, Math.max(1, Math.round(x1) - x), Math.max(1, Math.round(y1) - y));
  };
  lines.forEach((one, at) => {
    const { tile } = one;
    const { own, columns } = tile;
    const next = lines[at + 1];
    if (own === undefined) return;
    const x = (column: number): number => keys.x(tile.keys.start + column * tile.keyStep);
    const top = queries.x(queriesOf(tile, one.line).start);
    const bottom = queries.x(queriesOf(tile, one.line).end);
    const isBelow = next?.tile.keyStep === tile.keyStep && next.tile.keys.start === tile.keys.start;
    const below = isBelow ? next.tile.own : undefined;
    for (let column = 0; column < columns; column++) {
      const cell = one.line * columns + column;
      if (column + 1 < columns && isEdge(own, cell, own, cell + 1)) {
        fill(x(column + 1), top, x(column + 1), bottom);
      }
      if (below === undefined || next === undefined || column >= next.tile.columns) continue;
      if (isEdge(own, cell, below, next.line * next.tile.columns + column)) {
        fill(x(column), bottom, x(column + 1), bottom);
      }
    }
  });
}

function isEdge(one: OwnMass, at: number, other: OwnMass, there: number): boolean {
  const isIn = one.admitted[at]! > 0;
  return isIn !== other.admitted[there]! > 0 && (isIn ? other.mass[there]! : one.mass[at]!) > 0;
}

/** Frames a cell. */
export function outlineCell(
  context: Context,
  { keys, queries }: MapLayout,
  cell: MapCell,
  palette: Palette,
): void {
  const across = keysOf(cell.tile, cell.column);
  const down = queriesOf(cell.tile, cell.line);
  const x = keys.x(across.start);
  const y = queries.x(down.start);
  const width = Math.max(3, keys.x(across.end) - x);
  const height = Math.max(3, queries.x(down.end) - y);
  // Two strokes, so that the outline shows on any cell colour.
  context.lineWidth = 3;
  context.strokeStyle = palette.background;
  context.strokeRect(x, y, width, height);
  context.lineWidth = 1;
  context.strokeStyle = palette.outline;
  context.strokeRect(x, y, width, height);
}

/** The selected token: a line across, or its line of cells framed where that has height. */
export function drawToken(
  context: Context,
  { keys, queries }: MapLayout,
  token: number | undefined,
  palette: Palette,
): void {
  if (token === undefined || token + 1 < queries.range.start || token > queries.range.end) return;
  context.strokeStyle = palette.foreground;
  context.lineWidth = 1;
  const above = queries.x(token);
  const below = queries.x(token + 1);
  if (below - above < 5) {
    const middle = (above + below) / 2;
    line(context, keys.left, middle - 0.5, keys.right, middle - 0.5);
    return;
  }
  line(context, keys.left, above - 0.5, keys.right, above - 0.5);
  line(context, keys.left, below - 0.5, keys.right, below - 0.5);
}

function drawStale(
  context: Context,
  { keys, queries }: MapLayout,
  from: number | undefined,
  palette: Palette,
): void {
  if (from === undefined || from >= queries.range.end) return;
  const top = Math.max(queries.left, queries.x(from));
  drawSlants(context, keys.left, top, keys.right - keys.left, queries.right - top, palette);
}
