/** A statistic of every token along the document. */

import { scaleLinear, scaleLog } from 'd3-scale';
import type { Axis, Range } from './axis';
import { axisOf, clamp } from './axis';
import type { Palette } from './palette';
import type { Context, Size } from './pen';
import { drawMarker, drawStale, drawTicks, drawWindow, line, setFont } from './pen';
import { extent, poolSeries } from './pool';

export const RIBBON_HEIGHT = 108;

const TOP = 14;
const BOTTOM = 24;

export interface RibbonData {
  /** `[N]`; NaN where not yet computed. */
  readonly values: Float32Array;
  readonly range: Range;
  readonly token: number | undefined;
  readonly hover: number | undefined;
  readonly logarithmic: boolean;
  readonly text: (value: number) => string;
  readonly staleFrom: number | undefined;
}

/** Height above the axis of a value, `0 … 1`. */
export function heightOf(values: Float32Array, logarithmic: boolean): (value: number) => number {
  const most = extent(values)?.[1] ?? 1;
  if (logarithmic) {
    const scale = scaleLog([1, Math.max(2, most)], [0, 1]).clamp(true);
    return value => 0.04 + 0.96 * scale(Math.max(1, value));
  }
  const scale = scaleLinear([0, most > 0 ? most : 1], [0, 1]).clamp(true);
  return value => scale(value);
}

export function drawRibbon(context: Context, size: Size, data: RibbonData, palette: Palette): void {
  const { values, range } = data;
  const axis = axisOf(range, values.length, size.width);
  const base = size.height - BOTTOM;
  const room = base - TOP;
  const height = heightOf(values, data.logarithmic);
  const columns = Math.max(
    1,
    Math.min(Math.round(axis.right - axis.left), Math.ceil(range.end - range.start)),
  );
  const step = (axis.right - axis.left) / columns;
  const pooled = poolSeries(values, range, columns);
  const bar = step > 4 ? step - 1 : Math.ceil(step);
  // Several tokens a column: their range and mean; else one bar a token.
  const apart = (range.end - range.start) / columns > 1.5;
  for (let column = 0; column < columns; column++) {
    const high = pooled.high[column]!;
    if (!Number.isFinite(high)) continue;
    const x = axis.left + column * step;
    const top = height(high) * room;
    if (!apart) {
      context.fillStyle = palette.mass;
      context.fillRect(x, base - top, bar, top);
      continue;
    }
    const low = height(pooled.low[column]!) * room;
    const mean = height(pooled.mean[column]!) * room;
    context.fillStyle = palette.massFaint;
    context.fillRect(x, base - top, bar, Math.max(1, top - low));
    context.fillStyle = palette.mass;
    context.fillRect(x, base - mean - 1, bar, 2);
  }
  drawStale(context, axis, data.staleFrom, TOP, room, palette);
  setFont(context, palette, 10);
  context.fillStyle = palette.muted;
  context.textBaseline = 'top';
  context.textAlign = 'left';
  const most = extent(values)?.[1];
  if (most !== undefined) {
    context.fillText(`max ${data.text(most)}`, axis.left, 0);
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
      drawValue(context, axis, x, data.text(values[token] ?? Number.NaN), palette);
    } else {
      context.strokeStyle = palette.muted;
      line(context, x - 0.5, TOP, x - 0.5, base);
    }
  }
  drawTicks(context, axis, base, palette);
  drawWindow(context, axis, size.height - 3, palette);
}

/** The selected token's value beside its marker, on the side that has room. */
function drawValue(context: Context, axis: Axis, x: number, text: string, palette: Palette): void {
  const width = context.measureText(text).width;
  context.fillStyle = palette.foreground;
  context.textBaseline = 'top';
  context.textAlign = 'left';
  context.fillText(text, x + 8 + width > axis.right ? x - 8 - width : x + 8, 0);
}
