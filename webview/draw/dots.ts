/** What candidates keep against what they cost: a dot each, and the front that none of them beats. */

import { scaleLinear, scaleLog } from 'd3-scale';

import type { Palette } from './palette';
import type { Context, Size } from './pen';
import { line, setFont } from './pen';

export interface Dot {
  /** Cost. */
  readonly x: number;
  /** Quality. */
  readonly y: number;
  readonly label: string;
}

export interface DotAxis {
  readonly title: string;
  readonly text: (value: number) => string;
}

export interface DotsData {
  readonly dots: readonly Dot[];
  /** What all are held against. */
  readonly own: Dot | undefined;
  readonly x: DotAxis;
  readonly y: DotAxis;
  /** Whether more of `y` is better. */
  readonly rising: boolean;
  /** By place in `dots`. */
  readonly chosen: number | undefined;
  readonly active: number | undefined;
}

const LEFT = 46;
const RIGHT = 14;
const TOP = 22;
const BOTTOM = 34;
const RADIUS = 4;
/** How near a dot the pointer has to be. */
const REACH = 12;
/** From this ratio of costs on, the axis is logarithmic. */
const SPREAD = 8;

export const DOTS_HEIGHT = 210;

interface Scales {
  readonly x: (value: number) => number;
  readonly y: (value: number) => number;
  readonly xTicks: readonly number[];
  readonly yTicks: readonly number[];
}

function scalesOf({ dots, own }: DotsData, { width, height }: Size): Scales {
  const all = own === undefined ? dots : [...dots, own];
  const costs = all.map(({ x }) => x);
  const qualities = all.map(({ y }) => y);
  const [least, most] = [Math.min(...costs), Math.max(...costs)];
  const across = [LEFT, Math.max(LEFT + 1, width - RIGHT)] as const;
  const down = [height - BOTTOM, TOP] as const;
  const [low, high] = [Math.min(...qualities), Math.max(...qualities)];
  const pad = (high - low) * 0.08 || Math.abs(high) * 0.1 || 1;
  const y = scaleLinear([low - pad, high + pad], down);
  const wanted = Math.max(2, Math.floor((across[1] - across[0]) / 56));
  if (least > 0 && most / least >= SPREAD) {
    const x = scaleLog([least / 1.3, most * 1.3], across);
    return { x, y, xTicks: thinned(x.ticks(wanted), wanted), yTicks: y.ticks(4) };
  }
  const room = (most - least) * 0.08 || most * 0.1 || 1;
  const x = scaleLinear([Math.max(0, least - room), most + room], across);
  return { x, y, xTicks: x.ticks(wanted), yTicks: y.ticks(4) };
}

/** A logarithmic scale has more ticks than were asked for. */
function thinned(ticks: readonly number[], wanted: number): readonly number[] {
  if (ticks.length <= wanted) return ticks;
  const round = ticks.filter(tick => [1, 2, 5].includes(leading(tick)));
  if (round.length <= wanted) return round;
  const decades = ticks.filter(tick => leading(tick) === 1);
  return decades.length >= 2 ? decades : round.slice(0, wanted);
}

/** The digit that a tick of a logarithmic scale begins with. */
function leading(tick: number): number {
  return Math.round(tick / 10 ** Math.floor(Math.log10(tick) + 1e-9));
}

/** Places of the dots that no other beats in both, cheapest first. */
export function frontOf({ dots, rising }: Pick<DotsData, 'dots' | 'rising'>): readonly number[] {
  const better = (a: number, b: number): boolean => (rising ? a > b : a < b);
  const order = Array.from(dots.keys()).sort((a, b) => {
    const [one, other] = [dots[a]!, dots[b]!];
    return one.x - other.x || (better(one.y, other.y) ? -1 : 1);
  });
  let best: number | undefined;
  return order.filter(place => {
    const { y } = dots[place]!;
    if (best !== undefined && !better(y, best)) return false;
    best = y;
    return true;
  });
}

/** The dot near a point, by its place. */
export function dotNear(data: DotsData, size: Size, x: number, y: number): number | undefined {
  if (data.dots.length === 0) return undefined;
  const scales = scalesOf(data, size);
  let best: number | undefined;
  let distance = REACH;
  data.dots.forEach((dot, place) => {
    const away = Math.hypot(scales.x(dot.x) - x, scales.y(dot.y) - y);
    if (away < distance) [best, distance] = [place, away];
  });
  return best;
}

/** Where a dot is drawn. */
export function dotPlace(data: DotsData, size: Size, dot: Dot): { readonly x: number; readonly y: number } {
  const scales = scalesOf(data, size);
  return { x: scales.x(dot.x), y: scales.y(dot.y) };
}

export function drawDots(context: Context, size: Size, data: DotsData, palette: Palette): void {
  if (data.dots.length === 0) return;
  const scales = scalesOf(data, size);
  drawAxes(context, size, data, scales, palette);
  const front = frontOf(data);
  context.save();
  context.strokeStyle = palette.muted;
  context.lineWidth = 1;
  context.setLineDash([3, 3]);
  context.beginPath();
  front.forEach((place, at) => {
    const { x, y } = data.dots[place]!;
    if (at === 0) context.moveTo(scales.x(x), scales.y(y));
    else context.lineTo(scales.x(x), scales.y(y));
  });
  context.stroke();
  context.restore();
  data.dots.forEach((dot, place) => {
    const bold = place === data.chosen || place === data.active;
    const x = scales.x(dot.x);
    const y = scales.y(dot.y);
    context.beginPath();
    context.arc(x, y, bold ? RADIUS + 1.5 : RADIUS, 0, Math.PI * 2);
    context.fillStyle = front.includes(place) ? palette.mass : palette.background;
    context.fill();
    context.strokeStyle = palette.mass;
    context.lineWidth = 1.5;
    context.stroke();
    if (place !== data.chosen) return;
    context.beginPath();
    context.arc(x, y, RADIUS + 4, 0, Math.PI * 2);
    context.strokeStyle = palette.outline;
    context.stroke();
  });
  // Last, and hollow: a candidate that costs and keeps as much shows through.
  if (data.own !== undefined) drawOwn(context, scales.x(data.own.x), scales.y(data.own.y), palette);
  drawNames(context, size, data, scales, palette);
}

function drawAxes(context: Context, size: Size, data: DotsData, scales: Scales, palette: Palette): void {
  const right = size.width - RIGHT;
  const bottom = size.height - BOTTOM;
  setFont(context, palette, 10);
  context.strokeStyle = palette.line;
  context.lineWidth = 1;
  context.fillStyle = palette.muted;
  context.textBaseline = 'middle';
  context.textAlign = 'right';
  for (const tick of scales.yTicks) {
    const y = scales.y(tick);
    context.globalAlpha = 0.35;
    line(context, LEFT, y, right, y);
    context.globalAlpha = 1;
    context.fillText(data.y.text(tick), LEFT - 6, y);
  }
  line(context, LEFT, bottom, right, bottom);
  context.textAlign = 'center';
  context.textBaseline = 'top';
  for (const tick of scales.xTicks) {
    const x = scales.x(tick);
    line(context, x, bottom, x, bottom + 3);
    context.fillText(data.x.text(tick), x, bottom + 5);
  }
  context.textAlign = 'left';
  context.fillText(data.y.title, 2, 2);
  context.textAlign = 'right';
  context.fillText(data.x.title, right, bottom + 19);
}

/** A diamond, to tell it from the candidates without colour. */
function drawOwn(context: Context, x: number, y: number, palette: Palette): void {
  const reach = RADIUS + 1.5;
  context.beginPath();
  context.moveTo(x, y - reach);
  context.lineTo(x + reach, y);
  context.lineTo(x, y + reach);
  context.lineTo(x - reach, y);
  context.lineTo(x, y - reach);
  context.strokeStyle = palette.foreground;
  context.lineWidth = 1.5;
  context.stroke();
}

type Box = readonly [left: number, top: number, right: number, bottom: number];

/** As many names as fit without lying over one another or over a dot. */
function drawNames(context: Context, size: Size, data: DotsData, scales: Scales, palette: Palette): void {
  setFont(context, palette, 10);
  context.textAlign = 'left';
  context.textBaseline = 'middle';
  const named = [...data.dots, ...(data.own === undefined ? [] : [data.own])];
  const taken: Box[] = named.map(dot => {
    const [x, y] = [scales.x(dot.x), scales.y(dot.y)];
    return [x - RADIUS, y - RADIUS, x + RADIUS, y + RADIUS];
  });
  const front = frontOf(data).map(place => data.dots[place]!);
  for (const [at, to] of front.slice(1).entries()) {
    const from = front[at]!;
    taken.push(...boxesAlong(scales.x(from.x), scales.y(from.y), scales.x(to.x), scales.y(to.y)));
  }
  const rules = scales.yTicks.map((tick): Box => {
    const y = scales.y(tick);
    return [LEFT, y - 1, size.width, y + 1];
  });
  const first = [data.active, data.chosen].filter(place => place !== undefined);
  for (const place of new Set([...first, ...named.keys()])) {
    const dot = named[place];
    if (dot === undefined) continue;
    const [x, y] = [scales.x(dot.x), scales.y(dot.y)];
    const width = context.measureText(dot.label).width;
    const reach = RADIUS + (place === data.chosen ? 7 : 3);
    const spots: readonly (readonly [number, number])[] = [
      [x + reach, y],
      [x - reach - width, y],
      [x - width / 2, y - 12],
      [x - width / 2, y + 12],
      [x + reach, y - 9],
      [x - reach - width, y - 9],
      [x + reach, y + 9],
      [x - reach - width, y + 9],
    ];
    const isFree = ([left, middle]: (typeof spots)[number], from: readonly Box[]): boolean => {
      const box: Box = [left, middle - 6, left + width, middle + 6];
      const inside =
        left >= LEFT && box[2] <= size.width - 2 && box[1] >= TOP - 8 && box[3] <= size.height - BOTTOM;
      return inside && !from.some(other => overlaps(box, other));
    };
    const spot =
      spots.find(each => isFree(each, [...taken, ...rules])) ?? spots.find(each => isFree(each, taken));
    if (spot === undefined) continue;
    taken.push([spot[0], spot[1] - 6, spot[0] + width, spot[1] + 6]);
    context.fillStyle = place === data.chosen || place === data.active ? palette.foreground : palette.muted;
    context.fillText(dot.label, spot[0], spot[1]);
  }
}

/** What a line covers, in small squares. */
function boxesAlong(x0: number, y0: number, x1: number, y1: number): readonly Box[] {
  const steps = Math.ceil(Math.hypot(x1 - x0, y1 - y0) / 6);
  return Array.from({ length: steps }, (_, step) => {
    const x = x0 + ((x1 - x0) * step) / steps;
    const y = y0 + ((y1 - y0) * step) / steps;
    return [x - 1, y - 1, x + 1, y + 1];
  });
}

function overlaps(one: Box, other: Box): boolean {
  return one[0] < other[2] && one[2] > other[0] && one[1] < other[3] && one[3] > other[1];
}
