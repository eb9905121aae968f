/** The strokes that a report's drawings share. */

import { scaleLinear } from 'd3-scale';

import { whole } from './numbers';
import { type Content, type Markup, tag } from './markup';

export const WIDTH = 720;
/** Space left and right of what lies along the document. */
export const INSET = 10;
export const SPAN = WIDTH - 2 * INSET;

export function drawing(
  label: string,
  width: number,
  height: number,
  ...content: readonly Content[]
): Markup {
  const box = { viewBox: `0 0 ${width} ${height}`, width, height };
  return tag('svg', { ...box, role: 'img', 'aria-label': label }, ...content);
}

export const at = (value: number): number => Math.round(value * 100) / 100;

export function text(x: number, y: number, words: string, attributes: Record<string, string> = {}): Markup {
  return tag('text', { x: at(x), y: at(y), ...attributes }, words);
}

export function rect(
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

/** Token positions in view, half-open. */
export interface Range {
  readonly start: number;
  readonly end: number;
}

/** The document's axis below a drawing. */
export function ticks({ start, end }: Range, y: number): Content {
  const scale = scaleLinear([start, end], [INSET, INSET + SPAN]);
  const marks = scale.ticks(8).filter(tick => Number.isInteger(tick) && tick < end);
  return [
    tag('path', { class: 'rule', d: `M${INSET} ${y}H${INSET + SPAN}` }),
    marks.map(mark => {
      const x = at(scale(mark));
      return [
        tag('path', { class: 'rule', d: `M${x} ${y}v4` }),
        text(x, y + 14, whole(mark), { class: 'note', 'text-anchor': mark === start ? 'start' : 'middle' }),
      ];
    }),
  ];
}

export function marker(x: number, top: number, base: number): Markup {
  return tag('path', { class: 'marker', d: `M${at(x)} ${top}V${base}` });
}
