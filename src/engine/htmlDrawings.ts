/**
 * The drawings of a report, as SVG. Colours are classes of the report's style sheet, so that they follow the
 * reader's light or dark scheme.
 */

import { scaleLinear } from 'd3-scale';

import { type DistanceHistogram, type Row, SINK_TOKENS } from '../protocol/inspection';
import { type Content, type Markup, tag } from './markup';
import { whole } from './htmlNumbers';

const WIDTH = 720;
/** Space left and right of what lies along the document. */
const INSET = 10;
const SPAN = WIDTH - 2 * INSET;

function drawing(label: string, width: number, height: number, ...content: readonly Content[]): Markup {
  const box = { viewBox: `0 0 ${width} ${height}`, width, height };
  return tag('svg', { ...box, role: 'img', 'aria-label': label }, ...content);
}

const at = (value: number): number => Math.round(value * 100) / 100;

function text(x: number, y: number, words: string, attributes: Record<string, string> = {}): Markup {
  return tag('text', { x: at(x), y: at(y), ...attributes }, words);
}

function rect(
  name: string,
  x: number,
  y: number,
  width: number,
  height: number,
  opacity?: number,
  title?: string,
) {
  const box = { x: at(x), y: at(y), width: at(width), height: at(height) };
  const attributes = { class: name, ...box, 'fill-opacity': opacity === undefined ? undefined : at(opacity) };
  return tag('rect', attributes, title === undefined ? undefined : tag('title', {}, title));
}

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
            class: opacity > 0.6 ? 'on' : 'cell',
            'text-anchor': 'middle',
          }),
    ];
  });
  const rows = Array.from({ length: layers }, (_, layer) =>
    text(left - 5, top + (layer + 0.5) * height + 3, `L${layer}`, { class: 'note', 'text-anchor': 'end' }),
  );
  return drawing(label, at(left + heads * width), top + layers * height, names, rows, cells);
}

/** The document's axis below a drawing. */
function ticks(tokens: number, y: number): Content {
  const scale = scaleLinear([0, tokens], [INSET, INSET + SPAN]);
  const marks = scale.ticks(8).filter(tick => Number.isInteger(tick) && tick < tokens);
  return [
    tag('path', { class: 'rule', d: `M${INSET} ${y}H${INSET + SPAN}` }),
    marks.map(mark => {
      const x = at(scale(mark));
      return [
        tag('path', { class: 'rule', d: `M${x} ${y}v4` }),
        text(x, y + 14, whole(mark), { class: 'note', 'text-anchor': mark === 0 ? 'start' : 'middle' }),
      ];
    }),
  ];
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
    ticks(tokens, base),
  );
}

function marker(x: number, top: number, base: number): Markup {
  return tag('path', { class: 'marker', d: `M${at(x)} ${top}V${base}` });
}

/** A row over the document: arcs to the strongest keys, the whole row pooled, its span and the sink. */
export function rowDrawing(row: Row, tokens: number): Markup {
  const arcs = 60;
  const base = arcs + 4;
  const below = 36;
  const x = (position: number): number => INSET + (position * SPAN) / tokens;
  const from = x(row.token + 0.5);
  const heaviest = Math.abs(row.keys[0]?.weight ?? 0);
  const curves = row.keys.toReversed().map(({ index, weight }) => {
    const to = x(index + 0.5);
    const part = heaviest === 0 ? 0 : Math.sqrt(Math.abs(weight) / heaviest);
    const across = Math.abs(from - to) / 2;
    const rise = Math.max(6, arcs * Math.sqrt(Math.min(1, (2 * across) / SPAN)));
    const d = `M${at(Math.min(from, to))} ${base}A${at(Math.max(across, 0.1))} ${at(rise)} 0 0 1 ${at(Math.max(from, to))} ${base}`;
    const attributes = { class: weight < 0 ? 'arc minus' : 'arc', d };
    return tag('path', {
      ...attributes,
      'stroke-width': at(0.75 + 2 * part),
      'stroke-opacity': at(0.2 + 0.8 * part),
    });
  });
  const greatest = row.profile.reduce((most, mass) => Math.max(most, Math.abs(mass)), 0);
  const cell = SPAN / row.profile.length;
  const bars = Array.from(row.profile, (mass, place) =>
    mass === 0
      ? undefined
      : rect(
          mass < 0 ? 'minus' : 'mass',
          INSET + place * cell,
          base,
          Math.max(0.8, cell),
          below * Math.sqrt(Math.abs(mass) / greatest),
        ),
  );
  const start = x(Math.max(0, row.token + 1 - row.span));
  const bottom = base + below;
  return drawing(
    `Row of token ${row.token} over the document; its span is ${row.span} tokens`,
    WIDTH,
    bottom + 26,
    curves,
    bars,
    rect('span', start, bottom + 4, Math.max(1, x(row.token + 1) - start), 3),
    rect('sink', INSET, bottom + 1, Math.max(3, x(Math.min(SINK_TOKENS, tokens)) - INSET), 3),
    marker(from, 4, bottom),
    ticks(tokens, bottom + 8),
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
