/** The part of the attention map in view, and the grid of cells that suits it. */

import { cellsOf, type Interval, MAP_CELLS } from '../../src/protocol/map';
import type { Axis, Range } from './axis';
import { panned, zoomed } from './axis';

/** Queries down, keys across. */
export interface MapView {
  readonly queries: Range;
  readonly keys: Range;
}

export function wholeMap(total: number): MapView {
  const all = { start: 0, end: total };
  return { queries: all, keys: all };
}

/** Undefined stands for the whole map, as it does for a document's range. */
function joined(queries: Range | undefined, keys: Range | undefined, total: number): MapView | undefined {
  if (queries === undefined && keys === undefined) return undefined;
  const all = { start: 0, end: total };
  return { queries: queries ?? all, keys: keys ?? all };
}

/** A position on the map; fractional. */
export interface MapPoint {
  readonly query: number;
  readonly key: number;
}

/** Zooms by `factor` (below 1 is closer) around a point that stays where it is. */
export function zoomedMap(view: MapView, total: number, factor: number, at: MapPoint): MapView | undefined {
  const queries = zoomed(view.queries, total, factor, at.query);
  return joined(queries, zoomed(view.keys, total, factor, at.key), total);
}

export function pannedMap(view: MapView, total: number, queries: number, keys: number): MapView | undefined {
  return joined(panned(view.queries, total, queries), panned(view.keys, total, keys), total);
}

/** The view of that width in which a token as a query lies in the middle, and its keys end on the right. */
export function mapAround(token: number, width: number, total: number): MapView | undefined {
  const range = { start: 0, end: Math.min(width, total) };
  const queries = panned(range, total, token + 0.5 - width / 2);
  return joined(queries, panned(range, total, token + 0.5 - width * 0.8), total);
}

/** The fractional position under a pixel. */
export function positionAt({ range, left, right }: Axis, pixel: number): number {
  return range.start + ((pixel - left) / (right - left)) * (range.end - range.start);
}

/** Tokens a cell, of 1, 2, 3, 4, 6, 8, 12 …: the fewest with which `width` tokens take at most `most` cells. */
export function stepFor(width: number, most: number): number {
  let power = 1;
  while (width > power * most) {
    if (power > 1 && width <= power * 1.5 * most) return power * 1.5;
    power *= 2;
  }
  return power;
}

/** Cells of a view: whole steps of the document, with some keys beside the view where there is room. */
export interface MapGrid {
  readonly queries: Interval;
  readonly keys: Interval;
  readonly queryStep: number;
  readonly keyStep: number;
}

/** Cells that stay free at the least, because a view seldom begins where a cell does. */
const SPARE = 6;

/** @param most lines and columns that can be told apart. */
export function gridOf(
  { queries, keys }: MapView,
  total: number,
  most: { readonly lines: number; readonly columns: number },
): MapGrid {
  const room = MAP_CELLS - SPARE;
  const queryStep = stepFor(queries.end - queries.start, Math.max(1, Math.min(room, most.lines)));
  const keyStep = stepFor(keys.end - keys.start, Math.max(1, Math.min(room, most.columns)));
  const inView = aligned(keys, keyStep, total);
  const margin = Math.floor((MAP_CELLS - cellsOf(inView, keyStep)) / 2) * keyStep;
  return {
    queries: aligned(queries, queryStep, total),
    keys: { start: Math.max(0, inView.start - margin), end: Math.min(total, inView.end + margin) },
    queryStep,
    keyStep,
  };
}

function aligned({ start, end }: Range, step: number, total: number): Interval {
  return { start: Math.floor(start / step) * step, end: Math.min(total, Math.ceil(end / step) * step) };
}
