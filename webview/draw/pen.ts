/** Strokes shared by the drawings. */

import type { Axis } from './axis';
import { ticks } from './axis';
import type { Palette } from './palette';
import { ticksText } from '../format';

/** What drawings may use of a canvas: all that the pen which writes SVG knows too. */
export type Context = Pick<
  CanvasRenderingContext2D,
  | 'fillStyle'
  | 'strokeStyle'
  | 'lineWidth'
  | 'globalAlpha'
  | 'font'
  | 'textAlign'
  | 'textBaseline'
  | 'imageSmoothingEnabled'
  | 'save'
  | 'restore'
  | 'translate'
  | 'beginPath'
  | 'moveTo'
  | 'lineTo'
  | 'rect'
  | 'arc'
  | 'ellipse'
  | 'fill'
  | 'stroke'
  | 'clip'
  | 'setLineDash'
  | 'fillRect'
  | 'strokeRect'
  | 'fillText'
  | 'measureText'
  | 'drawImage'
>;

/** CSS pixels. */
export interface Size {
  readonly width: number;
  readonly height: number;
}

/** A one-pixel line that falls on whole pixels. */
export function line(context: Context, x0: number, y0: number, x1: number, y1: number): void {
  context.beginPath();
  context.moveTo(Math.round(x0) + 0.5, Math.round(y0) + 0.5);
  context.lineTo(Math.round(x1) + 0.5, Math.round(y1) + 0.5);
  context.stroke();
}

export function setFont(context: Context, palette: Palette, size = 11): void {
  context.font = `${size}px ${palette.font}`;
}

/** Cuts text to a width with an ellipsis; an empty string when not even two letters fit. */
export function clipped(context: Context, text: string, width: number): string {
  if (context.measureText(text).width <= width) return text;
  const letters = Array.from(text);
  let low = 0;
  let high = letters.length;
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (context.measureText(`${letters.slice(0, middle).join('')}…`).width <= width) low = middle;
    else high = middle - 1;
  }
  return low < 2 ? '' : `${letters.slice(0, low).join('')}…`;
}

/** The document's axis: a line, tick marks and positions below it, the first of them with its name. */
export function drawTicks(
  context: Context,
  axis: Axis,
  y: number,
  palette: Palette,
  name: 'token' | 'key' = 'token',
): void {
  context.strokeStyle = palette.line;
  context.lineWidth = 1;
  line(context, axis.left, y, axis.right, y);
  setFont(context, palette, 10);
  context.fillStyle = palette.muted;
  context.textBaseline = 'top';
  const marks = ticks(axis);
  const label = ticksText(marks);
  for (const mark of marks) {
    const x = axis.x(mark + (axis.step > 6 ? 0.5 : 0));
    if (x > axis.right) continue;
    line(context, x, y, x, y + 3);
    const text = mark === marks[0] ? `${name} ${label(mark)}` : label(mark);
    const half = context.measureText(text).width / 2;
    context.textAlign = 'left';
    context.fillText(text, Math.min(axis.right - half * 2, Math.max(axis.left, x - half)), y + 5);
  }
}

/** A thin bar that says which part of the document is in view; draws nothing when all of it is. */
export function drawWindow(context: Context, axis: Axis, y: number, palette: Palette): void {
  const { range, total, left, right } = axis;
  if (range.end - range.start >= total) return;
  const scale = (right - left) / total;
  context.fillStyle = palette.shade;
  context.fillRect(left, y, right - left, 3);
  context.fillStyle = palette.muted;
  const width = Math.max(4, (range.end - range.start) * scale);
  context.fillRect(Math.min(right - width, left + range.start * scale), y, width, 3);
}

/** Slanted lines over what an edit has made stale. */
export function drawStale(
  context: Context,
  axis: Axis,
  from: number | undefined,
  top: number,
  height: number,
  palette: Palette,
): void {
  if (from === undefined || from >= axis.range.end) return;
  const x = Math.max(axis.left, axis.x(from));
  drawSlants(context, x, top, axis.right - x, height, palette);
}

/** The slanted lines of what is stale, over a rectangle. */
export function drawSlants(
  context: Context,
  x: number,
  top: number,
  width: number,
  height: number,
  palette: Palette,
): void {
  context.save();
  context.beginPath();
  context.rect(x, top, width, height);
  context.clip();
  context.strokeStyle = palette.stale;
  context.lineWidth = 1.5;
  context.beginPath();
  for (let at = x - height; at < x + width; at += 6) {
    context.moveTo(at, top + height);
    context.lineTo(at + height, top);
  }
  context.stroke();
  context.restore();
}

/** The line and the pointer at the selected token. */
export function drawMarker(context: Context, x: number, top: number, bottom: number, palette: Palette): void {
  context.strokeStyle = palette.foreground;
  context.lineWidth = 1;
  line(context, x - 0.5, top, x - 0.5, bottom);
  context.fillStyle = palette.foreground;
  context.beginPath();
  context.moveTo(x - 4, top);
  context.lineTo(x + 4, top);
  context.lineTo(x, top + 5);
  context.fill();
}
