/** A row's mass by distance: one bar for each doubling. */

import type { DistanceHistogram } from '../../src/protocol/inspection';
import { count, doubling, share } from '../format';
import type { Palette } from './palette';
import type { Context, Size } from './pen';
import { line, setFont } from './pen';

export const BARS_HEIGHT = 92;

const TOP = 14;
const BOTTOM = 18;

/** `0`, `1`, `2–3`, `4–7`: the distances of a bin, in full. */
export function binText({ edges }: DistanceHistogram, bin: number): string {
  const from = edges[bin] ?? 0;
  const to = (edges[bin + 1] ?? from + 1) - 1;
  return from >= to ? count(from) : `${count(from)}–${count(to)}`;
}

export function binAt({ mass }: DistanceHistogram, width: number, x: number): number | undefined {
  const bin = Math.floor((x / width) * mass.length);
  return bin >= 0 && bin < mass.length ? bin : undefined;
}

export function drawBars(
  context: Context,
  size: Size,
  histogram: DistanceHistogram,
  active: number | undefined,
  palette: Palette,
): void {
  const { mass, edges } = histogram;
  const bins = mass.length;
  if (bins === 0) return;
  const greatest = mass.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  const step = size.width / bins;
  const base = size.height - BOTTOM;
  setFont(context, palette, 10);
  context.textAlign = 'center';
  for (let bin = 0; bin < bins; bin++) {
    const value = mass[bin]!;
    const height = greatest === 0 ? 0 : (Math.abs(value) / greatest) * (base - TOP);
    const x = bin * step;
    context.fillStyle = value < 0 ? palette.negative : bin === active ? palette.foreground : palette.mass;
    context.fillRect(x + 1, base - height, Math.max(1, step - 2), height);
    if (bin === active || (active === undefined && Math.abs(value) === greatest && greatest > 0)) {
      context.fillStyle = palette.foreground;
      context.textBaseline = 'bottom';
      const text = share(value);
      const half = context.measureText(text).width / 2;
      context.fillText(text, Math.min(size.width - half, Math.max(half, x + step / 2)), base - height - 1);
    }
  }
  context.strokeStyle = palette.line;
  line(context, 0, base, size.width - 1, base);
  context.fillStyle = palette.muted;
  context.textBaseline = 'top';
  const every = Math.max(1, Math.ceil(30 / step));
  for (let bin = 0; bin < bins; bin += every) {
    context.fillText(doubling(edges[bin] ?? 0), (bin + 0.5) * step, base + 4);
  }
}
