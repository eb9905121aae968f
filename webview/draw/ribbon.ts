/** A statistic of every token along the document. */

import { scaleLinear, scaleLog } from 'd3-scale';

import type { Series } from '../../src/protocol/series';
import type { Axis, Range } from './axis';
import { axisOf, clamp } from './axis';
import type { Palette } from './palette';
import type { Context, Size } from './pen';
import { drawMarker, drawStale, drawTicks, drawWindow, line, setFont } from './pen';
import { cellsIn, pieceOver } from './series';

export const RIBBON_HEIGHT = 108;

/** Room for the labels, and below them for the pointer of the marker. */
const TOP = 22;
const BOTTOM = 24;
/** Between two labels. */
const LABEL_GAP = 8;

export interface RibbonData {
  /** What there is of the statistic; NaN where not yet computed. */
  readonly pieces: readonly Series[];
  readonly range: Range;
  readonly total: number;
  /** The greatest value of the document; undefined where none is known. */
  readonly most: number | undefined;
  readonly token: number | undefined;
  /** The token's own. */
  readonly value: number | undefined;
  readonly hover: number | undefined;
  readonly logarithmic: boolean;
  readonly text: (value: number) => string;
  readonly staleFrom: number | undefined;
}

/** Height above the axis of a value, `0 … 1`. */
export function heightOf(most: number, logarithmic: boolean): (value: number) => number {
  if (logarithmic) {
    const scale = scaleLog([1, Math.max(2, most)], [0, 1]).clamp(true);
    return value => 0.04 + 0.96 * scale(Math.max(1, value));
  }
  const scale = scaleLinear([0, most > 0 ? most : 1], [0, 1]).clamp(true);
  return value => scale(value);
}

export function drawRibbon(context: Context, size: Size, data: RibbonData, palette: Palette): void {
  const { pieces, range, most } = data;
  const axis = axisOf(range, data.total, size.width);
  const base = size.height - BOTTOM;
  const room = base - TOP;
  const height = heightOf(most ?? 1, data.logarithmic);
  const piece = pieceOver(pieces, range);
  const cells = piece === undefined ? [] : cellsIn(piece, range, axis.right - axis.left);
  // The last of pooled cells may hold one token; it is drawn as the others are.
  const isPooled = cells.some(({ start, end }) => end - start > 1);
  for (const { start, end, low, high, mean } of cells) {
    if (!Number.isFinite(high)) continue;
    const x = Math.max(axis.left, axis.x(start));
    const step = Math.min(axis.right, axis.x(end)) - x;
    const bar = step > 4 ? step - 1 : Math.ceil(step);
    const top = height(high) * room;
    if (!isPooled) {
      context.fillStyle = palette.mass;
      context.fillRect(x, base - top, bar, top);
      continue;
    }
    // Several tokens: their range and mean.
    const bottom = height(low) * room;
    context.fillStyle = palette.massFaint;
    context.fillRect(x, base - top, bar, Math.max(1, top - bottom));
    context.fillStyle = palette.mass;
    context.fillRect(x, base - height(mean) * room - 1, bar, 2);
  }
  drawStale(context, axis, data.staleFrom, TOP, room, palette);
  setFont(context, palette, 10);
  context.fillStyle = palette.muted;
  context.textBaseline = 'top';
  context.textAlign = 'left';
  if (most !== undefined) {
    context.strokeStyle = palette.line;
    context.setLineDash([2, 3]);
    line(context, axis.left, TOP - 1, axis.right, TOP - 1);
    context.setLineDash([]);
  }
  drawLabels(context, axis, data, palette);
  for (const [token, selected] of [
    [data.hover, false],
    [data.token, true],
  ] as const) {
    if (token === undefined || token < range.start || token >= range.end) continue;
    const x = clamp(axis.x(token + 0.5), axis.left, axis.right);
    if (selected) drawMarker(context, x, TOP - 6, base, palette);
    else {
      context.strokeStyle = palette.muted;
      line(context, x - 0.5, TOP, x - 0.5, base);
    }
  }
  drawTicks(context, axis, base, palette);
  drawWindow(context, axis, size.height - 3, palette);
}

/** The selected token's value above its marker, and what the top of the plot stands for beside it. */
function drawLabels(context: Context, axis: Axis, data: RibbonData, palette: Palette): void {
  const { most, token, value, range } = data;
  const widthOf = (text: string): number => context.measureText(text).width;
  const isShown = token !== undefined && token >= range.start && token < range.end;
  const own = isShown && value !== undefined && Number.isFinite(value) ? data.text(value) : '';
  let left = isShown
    ? clamp(axis.x(token + 0.5) - widthOf(own) / 2, axis.left, axis.right - widthOf(own))
    : 0;
  if (most !== undefined) {
    const greatest = `max ${data.text(most)}`;
    const wordings = data.logarithmic ? [`${greatest}, log scale`, greatest] : [greatest];
    const spots = wordings.flatMap(text => [
      { text, x: axis.left, fits: axis.left + widthOf(text) + LABEL_GAP <= left },
      {
        text,
        x: axis.right - widthOf(text),
        fits: left + widthOf(own) + LABEL_GAP <= axis.right - widthOf(text),
      },
    ]);
    const spot = spots.find(({ fits }) => own === '' || fits);
    context.fillText(spot?.text ?? greatest, spot?.x ?? axis.left, 0);
    if (spot === undefined) left = axis.left + widthOf(greatest) + LABEL_GAP;
  }
  context.fillStyle = palette.foreground;
  if (own !== '') context.fillText(own, left, 0);
}
