/**
 * The drawings of a report, as SVG. Colours are classes of the report's style sheet, so that they follow the
 * reader's light or dark scheme.
 */

import type { DistanceHistogram } from '../../protocol/inspection';
import { whole } from './numbers';
import { at, drawing, INSET, marker, rect, SPAN, text, ticks, WIDTH } from './shapes';
import { type Markup, tag } from './markup';

export interface GridOptions {
  readonly label: string;
  /** `[L * H]`, head fastest. */
  readonly values: Float32Array;
  readonly layers: number;
  readonly heads: number;
  readonly selected: { readonly layer: number; readonly head: number };
  /** Colours by the logarithm. */
  readonly logarithmic: boolean;
  readonly show: (value: number) => string;
}

/** Layers down, heads across. */
export function headGrid({ label, values, layers, heads, selected, logarithmic, show }: GridOptions): Markup {
  const left = 28;
  const top = 16;
  const width = Math.min(46, (WIDTH - left) / heads);
  const height = 20;
  const known = values.filter(value => Number.isFinite(value));
  const greatest = known.reduce((most, value) => Math.max(most, value), 0);
  const least = known.reduce((low, value) => Math.min(low, value), greatest);
  const place = (value: number): number => {
    if (greatest <= 0) return 0;
    if (!logarithmic) return value / greatest;
    const low = Math.max(1, least);
    return Math.log(Math.max(1, value) / low) / Math.log(Math.max(2, greatest / low));
  };
  const names = Array.from({ length: heads }, (_, head) =>
    width >= 20 || head % 4 === 0
      ? text(left + (head + 0.5) * width, top - 5, `H${head}`, { class: 'note', 'text-anchor': 'middle' })
      : undefined,
  );
  const cells = Array.from({ length: layers * heads }, (_, index) => {
    const layer = Math.floor(index / heads);
    const head = index % heads;
    const value = values[index]!;
    const x = left + head * width;
    const y = top + layer * height;
    const opacity = Number.isFinite(value) ? 0.08 + 0.92 * Math.min(1, Math.max(0, place(value))) : 0;
    const title = `Layer ${layer}, head ${head}: ${show(value)}`;
    const isSelected = layer === selected.layer && head === selected.head;
    return [
      rect('mass', x, y, width - 1, height - 1, opacity, title),
      isSelected
        ? tag('rect', { class: 'outline', x: at(x), y: at(y), width: at(width - 1), height: height - 1 })
        : undefined,
      width < 34
        ? undefined
        : text(x + (width - 1) / 2, y + height / 2 + 3, show(value), {
            class: opacity > 0.72 ? 'on' : 'cell',
            'text-anchor': 'middle',
          }),
    ];
  });
  const rows = Array.from({ length: layers }, (_, layer) =>
    text(left - 5, top + (layer + 0.5) * height + 3, `L${layer}`, { class: 'note', 'text-anchor': 'end' }),
  );
  return drawing(label, at(left + heads * width), top + layers * height, names, rows, cells);
}

export interface RibbonOptions {
  readonly label: string;
  /** `[N]`; NaN where there is none. */
  readonly values: Float32Array;
  readonly logarithmic: boolean;
  readonly show: (value: number) => string;
  /** The token that is marked. */
  readonly token: number;
}

/** A value of every token along the document: the range in each pixel column, and the mean. */
export function ribbon({ label, values, logarithmic, show, token }: RibbonOptions): Markup {
  const top = 16;
  const room = 74;
  const base = top + room;
  const tokens = values.length;
  const greatest = values.reduce((most, value) => (value > most ? value : most), 0);
  const height = (value: number): number => {
    if (greatest <= 0) return 0;
    if (!logarithmic) return (room * value) / greatest;
    return room * (0.04 + (0.96 * Math.log(Math.max(1, value))) / Math.log(Math.max(2, greatest)));
  };
  const columns = Math.min(tokens, SPAN / 2);
  const step = SPAN / columns;
  const bars = Array.from({ length: columns }, (_, column) => {
    const from = Math.floor((column * tokens) / columns);
    const to = Math.max(from + 1, Math.ceil(((column + 1) * tokens) / columns));
    const part = values.subarray(from, to).filter(value => Number.isFinite(value));
    if (part.length === 0) return undefined;
    const high = height(part.reduce((most, value) => Math.max(most, value)));
    const low = height(part.reduce((least, value) => Math.min(least, value)));
    const mean = height(part.reduce((sum, value) => sum + value, 0) / part.length);
    const x = INSET + column * step;
    if (to - from === 1) return rect('mass', x, base - high, Math.max(0.5, step - 0.5), high);
    return [
      rect('faint', x, base - high, step, Math.max(1, high - low)),
      rect('mass', x, base - mean - 1, step, 2),
    ];
  });
  return drawing(
    label,
    WIDTH,
    base + 18,
    text(INSET, top - 5, `max ${show(greatest)}`, { class: 'note' }),
    bars,
    marker(INSET + ((token + 0.5) * SPAN) / tokens, top, base),
    ticks({ start: 0, end: tokens }, base),
  );
}

/** Mass by distance back, one bar a doubling. */
export function histogramBars({ edges, mass }: DistanceHistogram, show: (value: number) => string): Markup {
  const top = 14;
  const base = top + 70;
  const step = Math.min(56, SPAN / Math.max(1, mass.length));
  const greatest = mass.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  const bars = Array.from(mass, (value, bin) => {
    const height = greatest === 0 ? 0 : (70 * Math.abs(value)) / greatest;
    const x = INSET + bin * step;
    const middle = { class: 'note', 'text-anchor': 'middle' };
    return [
      rect(
        value < 0 ? 'minus' : 'mass',
        x + 1,
        base - height,
        step - 2,
        height,
        undefined,
        `${edges[bin]} or more tokens back: ${show(value)}`,
      ),
      step < 40 ? undefined : text(x + step / 2, base - height - 3, show(value), middle),
      step < 30 && bin % 2 === 1 ? undefined : text(x + step / 2, base + 13, whole(edges[bin]!), middle),
    ];
  });
  const width = 2 * INSET + mass.length * step;
  return drawing(
    'Attention mass by distance back from the token',
    at(width),
    base + 18,
    bars,
    tag('path', { class: 'rule', d: `M${INSET} ${base}H${at(width - INSET)}` }),
  );
}
