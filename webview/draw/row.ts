/** One attention row over the document: arcs to its top keys, its pooled mass, span and sink. */

import type { Row } from '../../src/protocol/inspection';
import { SINK_TOKENS } from '../../src/protocol/inspection';
import type { RowData } from './arcs';
import { BASE, drawArcs, drawLabels, emphasis, LABELS } from './arcs';
import type { Axis } from './axis';
import { axisOf, clamp } from './axis';
import type { Palette } from './palette';
import type { Context, Size } from './pen';
import { drawMarker, drawStale, drawTicks, drawWindow, line } from './pen';
import { poolMass } from './pool';

/** From so many pixels a token on, texts of the tokens take the place of tick marks. */
export const LEGIBLE = 22;

/** Heights of the bands below the arcs. */
const BARS = 40;
const SPAN = 18;
const TICKS = 20;

export const ROW_HEIGHT = BASE + BARS + SPAN + TICKS;

export function drawRow(context: Context, size: Size, data: RowData, palette: Palette): void {
  const { row, range, total } = data;
  const axis = axisOf(range, total, size.width);
  drawBeyond(context, axis, row, palette);
  drawSink(context, axis, palette);
  context.save();
  context.beginPath();
  context.rect(axis.left - 4, 0, axis.right - axis.left + 8, BASE + BARS + SPAN);
  context.clip();
  drawBars(context, axis, row, palette);
  drawArcs(context, axis, data, palette);
  drawSpan(context, axis, row, palette);
  context.restore();
  drawStale(context, axis, data.staleFrom, BASE, BARS, palette);
  context.strokeStyle = palette.line;
  context.lineWidth = 1;
  line(context, axis.left, BASE, axis.right, BASE);
  if (row.token >= range.start && row.token < range.end) {
    drawMarker(context, axis.x(row.token + 0.5), LABELS - 2, BASE + BARS, palette);
  }
  drawLabels(context, axis, data, palette);
  if (axis.step >= LEGIBLE) drawTokens(context, axis, data, palette);
  else drawTicks(context, axis, BASE + BARS + SPAN, palette);
  drawWindow(context, axis, size.height - 3, palette);
}

/** What lies after a causal token cannot be seen by it. */
function drawBeyond(context: Context, axis: Axis, row: Row, palette: Palette): void {
  const cell = row.profile.length / Math.max(1, axis.total);
  const next = Math.ceil((row.token + 1) * cell) + 1;
  if (row.profile.subarray(next).some(mass => mass !== 0)) return;
  const x = clamp(axis.x(row.token + 1), axis.left, axis.right);
  context.fillStyle = palette.shade;
  context.fillRect(x, BASE, axis.right - x, BARS);
}

function drawSink(context: Context, axis: Axis, palette: Palette): void {
  if (axis.range.start >= SINK_TOKENS) return;
  const from = axis.x(0);
  const to = Math.max(from + 3, Math.min(axis.right, axis.x(Math.min(SINK_TOKENS, axis.total))));
  context.fillStyle = palette.sink;
  context.fillRect(from, BASE + BARS + 1, to - from, 3);
}

function drawBars(context: Context, axis: Axis, row: Row, palette: Palette): void {
  const cell = axis.total / Math.max(1, row.profile.length);
  if (cell > 1 && cell * axis.step > 3) {
    drawExact(context, axis, row, cell, palette);
    return;
  }
  const columns = Math.max(1, Math.round(axis.right - axis.left));
  const pooled = poolMass(row.profile, axis.total, axis.range, columns);
  const greatest = pooled.reduce((most, mass) => Math.max(most, Math.abs(mass)), 0);
  if (greatest === 0) return;
  const step = (axis.right - axis.left) / columns;
  for (let column = 0; column < columns; column++) {
    const mass = pooled[column]!;
    if (mass === 0) continue;
    const height = BARS * emphasis(mass / greatest);
    context.fillStyle = mass < 0 ? palette.negative : palette.mass;
    context.fillRect(axis.left + column * step, BASE, Math.ceil(step), Math.max(0.5, height));
  }
}

/**
 * Zoomed in closer than the pooled row: its cells are only a backdrop, at their mean mass a token,
 * and the top keys stand before it at their own places and weights.
 */
function drawExact(context: Context, axis: Axis, row: Row, cell: number, palette: Palette): void {
  const heaviest = Math.abs(row.keys[0]?.weight ?? 0);
  if (heaviest === 0) return;
  const height = (mass: number): number => BARS * emphasis(mass / heaviest);
  context.fillStyle = palette.massFaint;
  const last = Math.min(row.profile.length, Math.ceil(axis.range.end / cell));
  for (let at = Math.floor(axis.range.start / cell); at < last; at++) {
    const x = axis.x(at * cell);
    context.fillRect(x, BASE, axis.x((at + 1) * cell) - x, height(row.profile[at]! / cell));
  }
  const width = Math.max(2, axis.step - 1);
  for (const key of row.keys) {
    context.fillStyle = key.weight < 0 ? palette.negative : palette.mass;
    context.fillRect(axis.x(key.index + 0.5) - width / 2, BASE, width, height(key.weight));
  }
}

function drawSpan(context: Context, axis: Axis, row: Row, palette: Palette): void {
  const y = BASE + BARS + 8;
  const start = axis.x(Math.max(0, row.token + 1 - row.span));
  const end = axis.x(row.token + 1);
  const from = Math.max(axis.left - 4, Math.min(start, end - 3));
  const to = Math.min(axis.right + 4, end);
  if (to <= from) return;
  context.fillStyle = palette.span;
  context.fillRect(from, y, to - from, 2);
  if (start >= axis.left) context.fillRect(from, y - 4, 1.5, 6);
  if (end <= axis.right + 1) context.fillRect(to - 1.5, y - 4, 1.5, 6);
}

/** Token texts in place of tick marks once they fit. */
function drawTokens(context: Context, axis: Axis, data: RowData, palette: Palette): void {
  const y = BASE + BARS + SPAN;
  context.strokeStyle = palette.line;
  line(context, axis.left, y, axis.right, y);
  context.font = `10px ${palette.mono}`;
  context.textBaseline = 'top';
  context.textAlign = 'center';
  const last = Math.min(axis.total, Math.ceil(axis.range.end));
  for (let token = Math.floor(axis.range.start); token < last; token++) {
    const x = axis.x(token + 0.5);
    if (x < axis.left || x > axis.right) continue;
    context.fillStyle = token === data.row.token ? palette.foreground : palette.muted;
    const label = data.text(token) ?? '';
    const fit = context.measureText(label).width <= axis.step - 2;
    context.fillText(
      fit
        ? label
        : Array.from(label)
            .slice(0, Math.floor(axis.step / 7))
            .join(''),
      x,
      y + 4,
    );
  }
}
