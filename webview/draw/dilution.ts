/** How a head spreads as its context grows, over context lengths on a logarithmic axis. */

import { scaleLinear, scaleLog } from 'd3-scale';

import { type Band, BAND, type DilutionBin } from '../../src/protocol/dilution';
import { compact } from '../format';
import { contextOf } from './dilutionBins';
import type { Palette } from './palette';
import type { Context, Size } from './pen';
import { line, setFont } from './pen';

const TOP = 18;
const SPREAD = 118;
const GAP = 26;
const SHARES = 76;
const BOTTOM = 32;
const LEFT = 40;
const RIGHT = 36;

export const DILUTION_HEIGHT = TOP + SPREAD + GAP + SHARES + BOTTOM;

export interface DilutionData {
  readonly bins: readonly DilutionBin[];
  readonly total: number;
  /** Every token sees the whole document, whatever its position. */
  readonly bidirectional: boolean;
  readonly token: number | undefined;
  readonly active: number | undefined;
}

function contexts(total: number, width: number) {
  return scaleLog([1, Math.max(2, total)], [LEFT, Math.max(LEFT + 1, width - RIGHT)]);
}

/** The bin nearest to a pixel. */
export function binNear({ bins, total }: DilutionData, width: number, x: number): number | undefined {
  const scale = contexts(total, width);
  let best: number | undefined;
  let distance = Infinity;
  bins.forEach((bin, index) => {
    const away = Math.abs(scale(contextOf(bin)) - x);
    if (away < distance) [best, distance] = [index, away];
  });
  return best;
}

export function drawDilution(context: Context, size: Size, data: DilutionData, palette: Palette): void {
  const { bins, total, token, active } = data;
  const x = contexts(total, size.width);
  const right = x(Math.max(2, total));
  const greatest = Math.max(Math.log(Math.max(2, total)), ...bins.map(({ entropy }) => entropy.high));
  const spread = scaleLinear([0, greatest], [TOP + SPREAD, TOP]);
  const shareTop = TOP + SPREAD + GAP;
  const shares = scaleLinear([0, 1], [shareTop + SHARES, shareTop]);
  const places = bins.map(bin => x(contextOf(bin)));
  drawContexts(context, x, total, right, palette);
  drawLevels(context, spread, shares, right, palette);

  context.save();
  context.strokeStyle = palette.muted;
  context.lineWidth = 1.5;
  context.setLineDash([5, 3]);
  context.beginPath();
  context.moveTo(x(1), spread(data.bidirectional ? Math.log(Math.max(2, total)) : 0));
  context.lineTo(right, spread(Math.log(Math.max(2, total))));
  context.stroke();
  context.restore();

  drawBand(
    context,
    places,
    bins.map(bin => bin.entropy),
    spread,
    palette.mass,
    palette,
  );
  drawBand(
    context,
    places,
    bins.map(bin => bin.sink),
    shares,
    palette.sink,
    palette,
  );
  drawBand(
    context,
    places,
    bins.map(bin => bin.peak),
    shares,
    palette.mass,
    palette,
  );

  for (const [at, colour] of [
    [active === undefined ? undefined : places[active], palette.muted],
    [token === undefined ? undefined : x(token + 1), palette.foreground],
  ] as const) {
    if (at === undefined) continue;
    context.strokeStyle = colour;
    context.lineWidth = 1;
    line(context, at - 0.5, TOP, at - 0.5, TOP + SPREAD);
    line(context, at - 0.5, shareTop, at - 0.5, shareTop + SHARES);
  }
}

function drawBand(
  context: Context,
  places: readonly number[],
  bands: readonly Band[],
  y: (value: number) => number,
  colour: string,
  palette: Palette,
): void {
  const known = bands.flatMap((band, at) => (Number.isFinite(band.middle) ? [{ band, x: places[at]! }] : []));
  const trace = (points: readonly (readonly [number, number])[]): void => {
    context.beginPath();
    points.forEach(([across, down], at) => {
      if (at === 0) context.moveTo(across, down);
      else context.lineTo(across, down);
    });
  };
  context.save();
  context.fillStyle = colour;
  context.globalAlpha = palette.contrast ? 0.4 : 0.22;
  trace([
    ...known.map(({ band, x }) => [x, y(band.high)] as const),
    ...known.toReversed().map(({ band, x }) => [x, y(band.low)] as const),
  ]);
  context.fill();
  context.globalAlpha = 1;
  context.strokeStyle = colour;
  context.lineWidth = 2;
  trace(known.map(({ band, x }) => [x, y(band.middle)] as const));
  context.stroke();
  context.restore();
}

/** Context lengths below both plots, and lines up from them. */
function drawContexts(
  context: Context,
  x: (value: number) => number,
  total: number,
  right: number,
  palette: Palette,
): void {
  const base = TOP + SPREAD + GAP + SHARES;
  setFont(context, palette, 10);
  context.textBaseline = 'top';
  context.textAlign = 'center';
  for (let mark = 1; mark <= total; mark *= 10) {
    const at = x(mark);
    context.strokeStyle = palette.line;
    context.lineWidth = 1;
    line(context, at, base, at, base + 3);
    context.fillStyle = palette.muted;
    const text = compact(mark);
    const half = context.measureText(text).width / 2;
    context.fillText(text, Math.min(at, right - half), base + 6);
  }
  context.textAlign = 'right';
  context.fillText('tokens of context', right, base + 20);
}

/** Left the entropy in nats, right the keys that would share the weight evenly; below, shares. */
function drawLevels(
  context: Context,
  spread: (nats: number) => number,
  shares: (share: number) => number,
  right: number,
  palette: Palette,
): void {
  setFont(context, palette, 10);
  context.lineWidth = 1;
  context.strokeStyle = palette.line;
  line(context, LEFT, spread(0), right, spread(0));
  line(context, LEFT, shares(0), right, shares(0));
  context.fillStyle = palette.muted;
  context.textBaseline = 'middle';
  context.textAlign = 'right';
  for (let nats = 0; spread(nats) >= TOP; nats += 2) context.fillText(String(nats), LEFT - 6, spread(nats));
  for (const share of [0, 0.5, 1]) context.fillText(`${share * 100} %`, LEFT - 6, shares(share));
  context.textAlign = 'left';
  for (let keys = 1; spread(Math.log(keys)) >= TOP; keys *= 10) {
    context.fillText(compact(keys), right + 6, spread(Math.log(keys)));
  }
  context.textBaseline = 'top';
  context.fillText('nats', 0, 0);
  context.textAlign = 'right';
  context.fillText('keys', right + RIGHT - 2, 0);
  const ends = BAND.map(share => Math.round(share * 100)).join('–');
  const entropy = right - LEFT > 230 ? `Entropy, median and ${ends} %` : `Entropy, ${ends} %`;
  drawKey(context, LEFT, 0, palette, [
    { text: entropy, colour: palette.mass, dashed: false },
    { text: 'uniform', colour: palette.muted, dashed: true },
  ]);
  drawKey(context, LEFT, shares(1) - 16, palette, [
    { text: 'Strongest weight', colour: palette.mass, dashed: false },
    { text: 'Sink mass', colour: palette.sink, dashed: false },
  ]);
}

/** What the lines are: a stroke of each, and its name. */
function drawKey(
  context: Context,
  x: number,
  y: number,
  palette: Palette,
  entries: readonly { readonly text: string; readonly colour: string; readonly dashed: boolean }[],
): void {
  let left = x;
  context.save();
  context.textAlign = 'left';
  context.lineWidth = 2;
  for (const { text, colour, dashed } of entries) {
    context.strokeStyle = colour;
    context.setLineDash(dashed ? [4, 2] : []);
    context.beginPath();
    context.moveTo(left, y + 5);
    context.lineTo(left + 10, y + 5);
    context.stroke();
    context.fillStyle = palette.muted;
    context.fillText(text, left + 14, y);
    left += 24 + context.measureText(text).width;
  }
  context.restore();
}
