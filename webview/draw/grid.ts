/** Layers x heads, one coloured cell a head. */

import type { HeadRef } from '../../src/protocol/inspection';
import { clamp } from './axis';
import type { Palette } from './palette';
import type { Context, Size } from './pen';
import { line, setFont } from './pen';

export interface GridLayout {
  readonly layers: number;
  readonly heads: number;
  readonly left: number;
  readonly top: number;
  readonly cellWidth: number;
  readonly cellHeight: number;
  readonly height: number;
}

const TOP = 18;

export function gridLayout(layers: number, heads: number, width: number): GridLayout {
  const left = 26;
  const cellWidth = Math.max(3, (width - left - 1) / Math.max(1, heads));
  const cellHeight = layers <= 8 ? 26 : layers <= 16 ? 18 : layers <= 40 ? 11 : 7;
  return { layers, heads, left, top: TOP, cellWidth, cellHeight, height: TOP + layers * cellHeight + 1 };
}

/** The head under a point; undefined in the margins. */
export function headAt(layout: GridLayout, x: number, y: number): HeadRef | undefined {
  const head = Math.floor((x - layout.left) / layout.cellWidth);
  const layer = Math.floor((y - layout.top) / layout.cellHeight);
  const inside = head >= 0 && head < layout.heads && layer >= 0 && layer < layout.layers;
  return inside ? { layer, head } : undefined;
}

export interface GridData {
  /** `[L * H]`, head fastest; NaN where not yet computed. */
  readonly values: Float32Array;
  /** Place of a value on the colour scale, `0 … 1`. */
  readonly place: (value: number) => number;
  readonly text: (value: number) => string;
  readonly selected: HeadRef | undefined;
  /** The head under the pointer or the keyboard. */
  readonly active: HeadRef | undefined;
  readonly focused: boolean;
}

export function drawGrid(
  context: Context,
  size: Size,
  layout: GridLayout,
  data: GridData,
  palette: Palette,
): void {
  const { layers, heads, left, top, cellWidth, cellHeight } = layout;
  const gap = cellWidth > 8 ? 1 : 0;
  setFont(context, palette, 10);
  context.fillStyle = palette.muted;
  context.textBaseline = 'middle';
  labels(context, layout, palette);
  const showText = cellHeight >= 18 && cellWidth >= context.measureText('88.8k').width + 4;
  context.textAlign = 'center';
  for (let layer = 0; layer < layers; layer++) {
    for (let head = 0; head < heads; head++) {
      const value = data.values[layer * heads + head] ?? Number.NaN;
      const x = left + head * cellWidth;
      const y = top + layer * cellHeight;
      if (!Number.isFinite(value)) {
        context.fillStyle = palette.shade;
        context.fillRect(x, y, cellWidth - gap, cellHeight - gap);
        continue;
      }
      const place = clamp(data.place(value), 0, 1);
      context.fillStyle = palette.ramp.fill(place);
      context.fillRect(x, y, cellWidth - gap, cellHeight - gap);
      if (!showText) continue;
      context.fillStyle = palette.ramp.ink(place);
      context.fillText(data.text(value), x + (cellWidth - gap) / 2, y + cellHeight / 2);
    }
  }
  if (palette.contrast) {
    context.strokeStyle = palette.line;
    context.strokeRect(left + 0.5, top + 0.5, size.width - left - 2, layers * cellHeight - 1);
  }
  if (data.active !== undefined) outline(context, layout, data.active, palette, data.focused ? [2, 2] : []);
  if (data.selected !== undefined) outline(context, layout, data.selected, palette, undefined);
}

function labels(context: Context, layout: GridLayout, palette: Palette): void {
  const { layers, heads, left, top, cellWidth, cellHeight } = layout;
  const every = (room: number, need: number): number => Math.max(1, Math.ceil(need / room));
  context.textAlign = 'right';
  for (let layer = 0; layer < layers; layer += every(cellHeight, 12)) {
    context.fillText(`L${layer}`, left - 5, top + (layer + 0.5) * cellHeight);
  }
  context.textAlign = 'center';
  for (let head = 0; head < heads; head += every(cellWidth, 26)) {
    context.fillText(`H${head}`, left + (head + 0.5) * cellWidth, top / 2);
  }
  context.strokeStyle = palette.line;
}

function outline(
  context: Context,
  layout: GridLayout,
  { layer, head }: HeadRef,
  palette: Palette,
  dash: readonly number[] | undefined,
): void {
  const gap = layout.cellWidth > 8 ? 1 : 0;
  const x = layout.left + head * layout.cellWidth;
  const y = layout.top + layer * layout.cellHeight;
  const width = layout.cellWidth - gap;
  const height = layout.cellHeight - gap;
  context.save();
  if (dash === undefined) {
    // Two strokes, so that the outline shows on any cell colour.
    context.lineWidth = 4;
    context.strokeStyle = palette.background;
    context.strokeRect(x + 1, y + 1, width - 2, height - 2);
    context.lineWidth = 2;
    context.strokeStyle = palette.outline;
    context.strokeRect(x, y, width, height);
  } else {
    context.setLineDash([...dash]);
    context.lineWidth = 1;
    context.strokeStyle = palette.foreground;
    context.strokeRect(Math.round(x) + 0.5, Math.round(y) + 0.5, width - 1, height - 1);
  }
  context.restore();
}

/** The colour scale as a strip. */
export function drawScale(context: Context, size: Size, palette: Palette): void {
  for (let x = 0; x < size.width; x++) {
    context.fillStyle = palette.ramp.fill(x / Math.max(1, size.width - 1));
    context.fillRect(x, 0, 1, size.height);
  }
  if (!palette.contrast) return;
  context.strokeStyle = palette.line;
  line(context, 0, 0, size.width - 1, 0);
  line(context, 0, size.height - 1, size.width - 1, size.height - 1);
}
