/** The axes of the attention map: tokens and lines of the document, down and across. */

import { compact, count, ticksText } from '../format';
import type { Axis } from './axis';
import { axisBetween, ticks } from './axis';
import type { MapView } from './mapView';
import type { Palette } from './palette';
import type { Context, Size } from './pen';
import { clipped, drawTicks, drawWindow, line, setFont } from './pen';

export interface MapLayout {
  readonly keys: Axis;
  /** Its left is the top of the map. */
  readonly queries: Axis;
  /** Lines of texts below the map; 0 where columns are too narrow for any. */
  readonly textRows: number;
}

/** Pixels a token needs so that its text can stand beside its line. */
export const LEGIBLE_LINE = 11;
/** Pixels a column needs so that texts below can take turns, and pixels that a text takes. */
const LEGIBLE_COLUMN = 14;
const TEXT_WIDTH = 44;
const TEXT_ROW = 12;
const TOP = 6;
const RIGHT = 14;
const TICKS = 17;
const WINDOW = 5;

export function mapLayout(view: MapView, total: number, { width, height }: Size): MapLayout {
  const left = width < 400 ? 54 : 76;
  const right = Math.max(left + 1, width - RIGHT);
  const column = (right - left) / (view.keys.end - view.keys.start);
  const textRows = column < LEGIBLE_COLUMN ? 0 : Math.min(3, Math.ceil(TEXT_WIDTH / column));
  const bottom = height - TICKS - TEXT_ROW * Math.max(1, textRows) - WINDOW;
  return {
    keys: axisBetween(view.keys, total, left, right),
    queries: axisBetween(view.queries, total, TOP, Math.max(TOP + 1, bottom)),
    textRows,
  };
}

/** Tokens whose texts or lines the axes show. */
export function labelledTokens({ keys, queries, textRows }: MapLayout): readonly number[] {
  const within = ({ range, total }: Axis): readonly number[] => {
    const first = Math.max(0, Math.floor(range.start));
    const end = Math.min(total, Math.ceil(range.end));
    return Array.from({ length: end - first }, (_, at) => first + at);
  };
  return [
    ...(queries.step >= LEGIBLE_LINE ? within(queries) : ticks(queries, 48)),
    ...(textRows > 0 ? within(keys) : ticks(keys)),
  ].filter(token => token < keys.total);
}

export interface AxisData {
  readonly token: number | undefined;
  readonly text: (token: number) => string | undefined;
  /** The document's line that a token is on. */
  readonly lineOf: (token: number) => number | undefined;
}

export function drawKeyAxis(
  context: Context,
  { keys, queries, textRows }: MapLayout,
  data: AxisData,
  palette: Palette,
): void {
  const bottom = queries.right;
  drawTicks(context, keys, bottom, palette, 'key');
  const below = bottom + TICKS;
  context.textBaseline = 'top';
  if (textRows === 0) {
    drawLineNumbers(context, keys, below, data);
  } else {
    context.textAlign = 'center';
    context.font = `10px ${palette.mono}`;
    context.fillStyle = palette.foreground;
    const room = keys.step * textRows - 4;
    for (let token = Math.ceil(keys.range.start - 0.5); token + 0.5 < keys.range.end; token++) {
      const text = data.text(token);
      const y = below + (token % textRows) * TEXT_ROW;
      if (text !== undefined) context.fillText(clipped(context, text, room), keys.x(token + 0.5), y);
    }
  }
  drawWindow(context, keys, below + TEXT_ROW * Math.max(1, textRows) + 1, palette);
}

/** The document's lines at the ticks of the key axis. */
function drawLineNumbers(context: Context, keys: Axis, y: number, { lineOf }: AxisData): void {
  context.textAlign = 'left';
  let taken = -Infinity;
  for (const tick of ticks(keys)) {
    const at = lineOf(tick);
    if (at === undefined) continue;
    const text = `line ${count(at)}`;
    const { width } = context.measureText(text);
    const middle = keys.x(tick + (keys.step > 6 ? 0.5 : 0));
    const x = Math.min(keys.right - width, Math.max(keys.left, middle - width / 2));
    if (x < taken + 4) continue;
    context.fillText(text, x, y);
    taken = x + width;
  }
}

export function drawQueryAxis(
  context: Context,
  { keys, queries }: MapLayout,
  data: AxisData,
  palette: Palette,
): void {
  const x = keys.left - 5;
  context.textAlign = 'right';
  context.textBaseline = 'middle';
  if (queries.step >= LEGIBLE_LINE) {
    context.font = `11px ${palette.mono}`;
    for (let token = Math.ceil(queries.range.start - 0.5); token + 0.5 < queries.range.end; token++) {
      const text = data.text(token);
      context.fillStyle = token === data.token ? palette.foreground : palette.muted;
      if (text !== undefined) context.fillText(clipped(context, text, x - 2), x, queries.x(token + 0.5));
    }
  } else {
    setFont(context, palette, 10);
    context.fillStyle = palette.muted;
    context.strokeStyle = palette.line;
    const marks = ticks(queries, 48).filter(mark => mark < queries.total);
    const label = ticksText(marks);
    for (const mark of marks) {
      const y = queries.x(mark + (queries.step > 6 ? 0.5 : 0));
      line(context, keys.left - 4, y, keys.left - 1, y);
      const at = data.lineOf(mark);
      const upper = Math.min(queries.right - 16, Math.max(queries.left + 5, y));
      const named = `query ${label(mark)}`;
      const isNamed = mark === marks[0] && context.measureText(named).width < x;
      context.fillText(isNamed ? named : label(mark), x, upper);
      if (at === undefined) continue;
      const where = `line ${count(at)}`;
      const fits = context.measureText(where).width < x;
      context.fillText(fits ? where : `line ${compact(at)}`, x, upper + 12);
    }
  }
  drawQueryWindow(context, queries, keys.right + 5, palette);
}

/** As `drawWindow`, down the right side. */
function drawQueryWindow(
  context: Context,
  { range, total, left, right }: Axis,
  x: number,
  palette: Palette,
): void {
  if (range.end - range.start >= total) return;
  const scale = (right - left) / total;
  context.fillStyle = palette.shade;
  context.fillRect(x, left, 3, right - left);
  context.fillStyle = palette.muted;
  const height = Math.max(4, (range.end - range.start) * scale);
  context.fillRect(x, Math.min(right - height, left + range.start * scale), 3, height);
}
