/** The document as an axis: token positions to pixels, zooming, panning, ticks. */

import { scaleLinear } from 'd3-scale';

/** Token positions `start … end`, half-open; fractional while zooming. Token `i` covers `[i, i + 1)`. */
export interface Range {
  readonly start: number;
  readonly end: number;
}

export interface Axis {
  readonly range: Range;
  readonly total: number;
  readonly left: number;
  readonly right: number;
  /** Pixel of a position; the middle of token `i` is at `i + 0.5`. */
  x(position: number): number;
  /** Token under a pixel, within the document. */
  tokenAt(x: number): number;
  /** Pixels a token takes. */
  readonly step: number;
}

/** Space left and right of every drawing along the document, so that they line up. */
export const INSET = 10;

/** The closest zoom, in tokens. */
const CLOSEST = 8;

export function axisOf(range: Range, total: number, width: number): Axis {
  return axisBetween(range, total, INSET, Math.max(INSET + 1, width - INSET));
}

/** An axis from one pixel to another: across, or down where `left` is its top. */
export function axisBetween(range: Range, total: number, left: number, right: number): Axis {
  const scale = scaleLinear([range.start, Math.max(range.end, range.start + 1)], [left, right]);
  return {
    range,
    total,
    left,
    right,
    step: (right - left) / Math.max(1, range.end - range.start),
    x: position => scale(position),
    tokenAt: x => clamp(Math.floor(scale.invert(x)), 0, Math.max(0, total - 1)),
  };
}

export function clamp(value: number, low: number, high: number): number {
  return Math.min(high, Math.max(low, value));
}

function fitted(start: number, width: number, total: number): Range | undefined {
  if (width >= total) return undefined;
  const first = clamp(start, 0, total - width);
  return { start: first, end: first + width };
}

/** Zooms by `factor` (below 1 is closer) around a position that stays where it is; undefined is all. */
export function zoomed(range: Range, total: number, factor: number, anchor: number): Range | undefined {
  const before = range.end - range.start;
  const width = clamp(before * factor, Math.min(CLOSEST, total), total);
  const at = clamp(anchor, range.start, range.end);
  return fitted(at - (at - range.start) * (width / before), width, total);
}

/** Moves the view by `tokens`; undefined is all of the document. */
export function panned(range: Range, total: number, tokens: number): Range | undefined {
  return fitted(range.start + tokens, range.end - range.start, total);
}

/** The view moved as little as needed to show a token, with some room around it. */
export function showing(range: Range, total: number, token: number): Range | undefined {
  const width = range.end - range.start;
  const room = width / 10;
  if (token >= range.start && token < range.end) return fitted(range.start, width, total);
  const start = token < range.start ? token - room : token + 1 + room - width;
  return fitted(start, width, total);
}

/** Whole token positions for tick marks, about one every `room` pixels. */
export function ticks(axis: Axis, room = 72): readonly number[] {
  const wanted = Math.max(2, Math.floor((axis.right - axis.left) / room));
  return scaleLinear([axis.range.start, axis.range.end], [0, 1]).ticks(wanted).filter(Number.isInteger);
}
