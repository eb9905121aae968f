/** A state over the document: some measures of it, one lane above another along the same axis. */

import type { Range } from './axis';
import { type Axis, axisOf } from './axis';
import type { Palette } from './palette';
import type { Context, Size } from './pen';
import { clipped, drawMarker, drawTicks, drawWindow, line, setFont } from './pen';

export interface Lane {
  readonly label: string;
  /** `[T]` at the samples. */
  readonly values: Float32Array;
  /** Bars stand for what happened since the sample before, steps for what there was at it. */
  readonly shape: 'steps' | 'bars';
}

export interface HistoryData {
  readonly lanes: readonly Lane[];
  /** `[T]` sampled tokens, ascending. */
  readonly at: Int32Array;
  readonly token: number;
  readonly range: Range;
  readonly total: number;
  readonly hover: number | undefined;
}

const LABEL = 16;
const LANE = 58;
/** Between a lane and the next. */
const GAP = 4;
const BOTTOM = 24;

export function historyHeight(lanes: number): number {
  return lanes * LANE + BOTTOM;
}

/** The sample that a pixel belongs to: the first at its token or after. */
export function sampleAt(at: Int32Array, axis: Axis, x: number): number | undefined {
  const token = axis.tokenAt(x);
  const found = at.findIndex(sample => sample >= token);
  return found < 0 ? undefined : found;
}

export function drawHistory(context: Context, size: Size, data: HistoryData, palette: Palette): void {
  const { lanes, at, range, total, token, hover } = data;
  const axis = axisOf(range, total, size.width);
  const bottom = lanes.length * LANE - GAP;
  lanes.forEach((lane, place) => drawLane(context, axis, { lane, at, top: place * LANE }, palette));
  for (const [position, isToken] of [
    [hover === undefined ? undefined : at[hover], false],
    [token, true],
  ] as const) {
    if (position === undefined || position < range.start || position >= range.end) continue;
    const x = axis.x(position + 0.5);
    context.strokeStyle = isToken ? palette.foreground : palette.muted;
    // Labels stay free of the line.
    for (let top = 0; top < bottom; top += LANE) {
      if (isToken) drawMarker(context, x, top + LABEL - 2, top + LANE - GAP, palette);
      else line(context, x - 0.5, top + LABEL - 2, x - 0.5, top + LANE - GAP);
    }
  }
  drawTicks(context, axis, bottom, palette);
  drawWindow(context, axis, size.height - 3, palette);
}

interface LanePlace {
  readonly lane: Lane;
  readonly at: Int32Array;
  readonly top: number;
}

function drawLane(context: Context, axis: Axis, { lane, at, top }: LanePlace, palette: Palette): void {
  const { values, shape, label } = lane;
  const base = top + LANE - GAP;
  const room = base - top - LABEL;
  const most = values.reduce((greatest, value) => (value > greatest ? value : greatest), 0);
  setFont(context, palette, 10);
  context.textAlign = 'left';
  context.textBaseline = 'top';
  context.fillStyle = palette.muted;
  context.fillText(clipped(context, label, axis.right - axis.left), axis.left, top + 2);
  context.strokeStyle = palette.line;
  context.lineWidth = 1;
  line(context, axis.left, base, axis.right, base);
  if (most === 0) return;
  context.save();
  context.beginPath();
  context.rect(axis.left, top, axis.right - axis.left, LANE);
  context.clip();
  const steps = Array.from(values, (value, t) => ({
    from: axis.x(t === 0 ? 0 : at[t - 1]! + 1),
    to: axis.x(at[t]! + 1),
    y: base - (Math.max(0, value) / most) * room,
  }));
  if (shape === 'bars') {
    context.fillStyle = palette.mass;
    for (const { from, to, y } of steps) {
      context.fillRect(from, y, Math.max(1, to - from - (to - from > 3 ? 1 : 0)), base - y);
    }
  } else {
    const outline = (): void => {
      for (const { from, to, y } of steps) {
        context.lineTo(from, y);
        context.lineTo(to, y);
      }
    };
    context.beginPath();
    context.moveTo(steps[0]!.from, base);
    outline();
    context.lineTo(steps.at(-1)!.to, base);
    context.fillStyle = palette.massFaint;
    context.fill();
    context.beginPath();
    context.moveTo(steps[0]!.from, steps[0]!.y);
    outline();
    context.strokeStyle = palette.mass;
    context.lineWidth = 1.5;
    context.stroke();
  }
  context.restore();
}
