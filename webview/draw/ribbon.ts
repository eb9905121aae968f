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

const TOP = 14;
const BOTTOM = 24;
/** Between a label and what stands beside it. */
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
  for (const { start, end, low, high, mean } of cells) {
    if (!Number.isFinite(high)) continue;
    const x = Math.max(axis.left, axis.x(start));
    const step = Math.min(axis.right, axis.x(end)) - x;
    const bar = step > 4 ? step - 1 : Math.ceil(step);
    const top = height(high) * room;
    if (end - start === 1) {
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
  let taken = axis.left;
  if (most !== undefined) {
    const words = `max ${data.text(most)}`;
    context.fillText(words, axis.left, 0);
    taken += context.measureText(words).width + LABEL_GAP;
    context.strokeStyle = palette.line;
    context.setLineDash([2, 3]);
    line(context, axis.left, TOP - 1, axis.right, TOP - 1);
    context.setLineDash([]);
  }
  for (const [token, selected] of [
    [data.hover, false],
    [data.token, true],
  ] as const) {
    if (token === undefined || token < range.start || token >= range.end) continue;
    const x = clamp(axis.x(token + 0.5), axis.left, axis.right);
    if (selected) {
      drawMarker(context, x, TOP - 6, base, palette);
      drawValue(context, axis, x, taken, data.text(data.value ?? Number.NaN), palette);
    } else {
      context.strokeStyle = palette.muted;
      line(context, x - 0.5, TOP, x - 0.5, base);
    }
  }
  drawTicks(context, axis, base, palette);
  drawWindow(context, axis, size.height - 3, palette);
}

/** The selected token's value beside its marker, on the side that has room, past what is `taken` on the left. */
function drawValue(
  context: Context,
  axis: Axis,
  x: number,
  taken: number,
  text: string,
  palette: Palette,
): void {
  const { width } = context.measureText(text);
  const beside = x + LABEL_GAP + width > axis.right ? x - LABEL_GAP - width : x + LABEL_GAP;
  context.fillStyle = palette.foreground;
  context.textBaseline = 'top';
  context.textAlign = 'left';
  context.fillText(text, Math.max(taken, beside), 0);
}
