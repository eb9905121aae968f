/** The upper half of a row's drawing: arcs from the token to its top keys, and their texts. */

import type { Row, RowKey } from '../../src/protocol/inspection';
import type { Axis, Range } from './axis';
import { clamp } from './axis';
import type { Palette } from './palette';
import type { Context } from './pen';
import { clipped, line } from './pen';

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

/** Height of the texts above the arcs. */
export const LABELS = 16;

const ARCS = 62;

/** Where arcs and bars meet. */
export const BASE = LABELS + ARCS;

/** How far below `BASE` a point still counts as at a key. */
const REACH = 40;

/** Small shares stay visible beside a heavy sink. */
export function emphasis(share: number): number {
  return Math.sqrt(clamp(Math.abs(share), 0, 1));
}

export function drawArcs(context: Context, axis: Axis, { row, active }: RowData, palette: Palette): void {
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

/** Texts of the strongest keys above their feet, as many as fit side by side. */
export function drawLabels(context: Context, axis: Axis, data: RowData, palette: Palette): void {
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

/** The key whose foot is nearest to a point of the drawing, by its place in `row.keys`. */
export function keyNear(row: Row, axis: Axis, x: number, y: number): number | undefined {
  if (y > BASE + REACH) return undefined;
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
