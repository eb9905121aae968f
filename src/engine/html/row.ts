/** One row of attention in a report. */

import { type Row, SINK_TOKENS } from '../../protocol/inspection';
import { at, drawing, INSET, marker, type Range, rect, SPAN, ticks, WIDTH } from './shapes';
import { type Content, type Markup, tag } from './markup';

/** A span that takes less of the document than this is drawn once more from near. */
const NARROW = 1 / 8;

/** Tokens around a narrow span; undefined for a wide one, which the whole document shows well enough. */
export function closeUp({ token, span }: Row, tokens: number): Range | undefined {
  if (span > tokens * NARROW) return undefined;
  const width = Math.max(32, Math.ceil(span * 1.25));
  const end = Math.min(tokens, token + 1 + Math.ceil(width / 10));
  return { start: Math.max(0, end - width), end };
}

/**
 * A row over the document: arcs to the strongest keys, the mass below, its span and the sink.
 *
 * @param range the part in view, where single keys are shown instead of the whole row pooled.
 */
export function rowDrawing(row: Row, tokens: number, range?: Range): Markup {
  const base = 64;
  const below = 36;
  const bottom = base + below;
  const view = range ?? { start: 0, end: tokens };
  const x = (position: number): number =>
    INSET +
    ((Math.min(view.end, Math.max(view.start, position)) - view.start) * SPAN) / (view.end - view.start);
  const start = x(row.token + 1 - row.span);
  const end = x(row.token + 1);
  return drawing(
    range === undefined
      ? `Row of token ${row.token} over the document; its span is ${row.span} tokens`
      : `Row of token ${row.token} near the token, tokens ${view.start} to ${view.end - 1}`,
    WIDTH,
    bottom + 26,
    arcs(row, x, base, view),
    range === undefined ? pooledBars(row, base, below) : keyBars(row, x, base, below, view),
    rect('span', start, bottom + 4, Math.max(1, end - start), 3),
    view.start >= SINK_TOKENS
      ? undefined
      : rect('sink', x(0), bottom + 1, Math.max(3, x(SINK_TOKENS) - x(0)), 3),
    marker(x(row.token + 0.5), 4, bottom),
    ticks(view, bottom + 8),
  );
}

type Place = (position: number) => number;

const within = ({ start, end }: Range, position: number): boolean => position >= start && position < end;

function arcs(row: Row, x: Place, base: number, view: Range): Content {
  const from = x(row.token + 0.5);
  const heaviest = Math.abs(row.keys[0]?.weight ?? 0);
  return row.keys
    .filter(({ index }) => within(view, index))
    .toReversed()
    .map(({ index, weight }) => {
      const to = x(index + 0.5);
      const part = heaviest === 0 ? 0 : Math.sqrt(Math.abs(weight) / heaviest);
      const across = Math.abs(from - to) / 2;
      const rise = Math.max(6, (base - 4) * Math.sqrt(Math.min(1, (2 * across) / SPAN)));
      const radii = `${at(Math.max(across, 0.1))} ${at(rise)}`;
      return tag('path', {
        class: weight < 0 ? 'arc minus' : 'arc',
        d: `M${at(Math.min(from, to))} ${base}A${radii} 0 0 1 ${at(Math.max(from, to))} ${base}`,
        'stroke-width': at(0.75 + 2 * part),
        'stroke-opacity': at(0.2 + 0.8 * part),
      });
    });
}

function pooledBars({ profile }: Row, base: number, below: number): Content {
  const greatest = profile.reduce((most, mass) => Math.max(most, Math.abs(mass)), 0);
  const cell = SPAN / profile.length;
  return Array.from(profile, (mass, place) => {
    if (mass === 0) return undefined;
    const height = below * Math.sqrt(Math.abs(mass) / greatest);
    return rect(mass < 0 ? 'minus' : 'mass', INSET + place * cell, base, Math.max(0.8, cell), height);
  });
}

function keyBars({ keys }: Row, x: Place, base: number, below: number, view: Range): Content {
  const greatest = Math.abs(keys[0]?.weight ?? 0);
  return keys
    .filter(({ index }) => within(view, index))
    .map(({ index, weight }) => {
      const height = greatest === 0 ? 0 : below * Math.sqrt(Math.abs(weight) / greatest);
      const width = Math.max(1, x(index + 1) - x(index) - 1);
      return rect(weight < 0 ? 'minus' : 'mass', x(index), base, width, height);
    });
}
