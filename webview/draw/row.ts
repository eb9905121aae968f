/** One attention row over the document: arcs to its top keys, its pooled mass, span and sink. */

import { SINK_TOKENS } from '../../src/protocol/inspection';
import type { Row, RowKey } from '../../src/protocol/inspection';
import type { Axis } from './axis';
import { axisOf, clamp } from './axis';
import type { Range } from './axis';
import type { Palette } from './palette';
import type { Context, Size } from './pen';
import { clipped, drawMarker, drawStale, drawTicks, drawWindow, line, setFont } from './pen';
import { poolMass } from './pool';

export interface RowData {
  readonly row: Row;
  readonly range: Range;
  readonly total: number;
  /** Text of a token where it is known, already legible. */
  readonly text: (token: number) => string | undefined;
  /** A key to bring out, by its place in `row.keys`. */
  readonly active: number | undefined;
  readonly staleFrom: number | undefined;
}

/** Heights of the bands, top to bottom. */
const LABELS = 16;
const ARCS = 62;
const BARS = 40;
const SPAN = 18;
const TICKS = 20;
const BASE = LABELS + ARCS;

export const ROW_HEIGHT = LABELS + ARCS + BARS + SPAN + TICKS;

/** Small shares stay visible beside a heavy sink. */
export function emphasis(share: number): number {
  return Math.sqrt(clamp(Math.abs(share), 0, 1));
}

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
  if (axis.step >= 26) drawTokens(context, axis, data, palette);
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

function drawArcs(context: Context, axis: Axis, { row, active }: RowData, palette: Palette): void {
  const heaviest = Math.abs(row.keys[0]?.weight ?? 0);
  if (heaviest === 0) return;
  const from = axis.x(row.token + 0.5);
  const reach = axis.right - axis.left;
  const arc = (key: RowKey, bold: boolean): void => {
    const to = axis.x(key.index + 0.5);
    const part = emphasis(key.weight / heaviest);
    context.globalAlpha = bold ? 1 : active === undefined ? 0.2 + 0.8 * part : 0.15;
    context.lineWidth = bold ? 2.5 : 0.75 + 2 * part;
    context.strokeStyle = key.weight < 0 ? palette.negative : palette.mass;
    context.fillStyle = context.strokeStyle;
    const across = Math.abs(to - from);
    context.beginPath();
    if (across < 2) {
      context.arc(to, BASE - 5, 2 + 2 * part, 0, Math.PI * 2);
      context.fill();
      return;
    }
    const height = Math.max(7, (ARCS - 4) * Math.sqrt(Math.min(1, across / reach)));
    context.ellipse((from + to) / 2, BASE, across / 2, height, 0, Math.PI, Math.PI * 2);
    context.stroke();
    context.beginPath();
    context.arc(to, BASE, bold ? 3.5 : 1.5 + 1.5 * part, 0, Math.PI * 2);
    context.fill();
  };
  // The lightest first, so that the heaviest lie on top.
  for (const key of row.keys.toReversed()) arc(key, false);
  const chosen = active === undefined ? undefined : row.keys[active];
  if (chosen !== undefined) arc(chosen, true);
  context.globalAlpha = 1;
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

/** Texts of the strongest keys above their feet, as many as fit side by side. */
function drawLabels(context: Context, axis: Axis, data: RowData, palette: Palette): void {
  context.font = `11px ${palette.mono}`;
  context.textBaseline = 'middle';
  context.textAlign = 'center';
  const taken: (readonly [number, number])[] = [];
  const { row, active, text } = data;
  const order = row.keys.map((_, place) => place);
  if (active !== undefined && active < order.length) order.unshift(...order.splice(active, 1));
  for (const place of [-1, ...order]) {
    const token = place === -1 ? row.token : row.keys[place]!.index;
    const x = axis.x(token + 0.5);
    if (x < axis.left || x > axis.right) continue;
    const label = clipped(context, text(token) ?? '', 84);
    if (label === '') continue;
    const half = context.measureText(label).width / 2 + 3;
    const centre = clamp(x, half, axis.right + axis.left - half);
    if (taken.some(([from, to]) => centre + half > from && centre - half < to)) continue;
    taken.push([centre - half, centre + half]);
    if (place !== -1) {
      context.save();
      context.strokeStyle = palette.line;
      context.setLineDash([1, 2]);
      line(context, x - 0.5, LABELS, x - 0.5, BASE - 4);
      context.restore();
    }
    context.fillStyle = place === -1 || place === active ? palette.foreground : palette.muted;
    context.fillText(label, centre, LABELS / 2);
    if (taken.length > 12) break;
  }
}

/** Token texts in place of tick marks once they fit. */
function drawTokens(context: Context, axis: Axis, data: RowData, palette: Palette): void {
  const y = BASE + BARS + SPAN;
  context.strokeStyle = palette.line;
  line(context, axis.left, y, axis.right, y);
  setFont(context, palette, 10);
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

/** The key whose foot is nearest to a point of the drawing, by its place in `row.keys`. */
export function keyNear(row: Row, axis: Axis, x: number, y: number): number | undefined {
  if (y > BASE + BARS) return undefined;
  let best: number | undefined;
  let distance = 7;
  row.keys.forEach((key, place) => {
    const away = Math.abs(axis.x(key.index + 0.5) - x);
    if (away < distance) {
      distance = away;
      best = place;
    }
  });
  return best;
}
