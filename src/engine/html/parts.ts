/** What the sections of a report are made of. */

import { type Content, type Markup, tag } from './markup';

/** A number with all its digits behind what is shown. */
export function data(value: number, show: (value: number) => string): Markup {
  return tag('data', { value: Number.isFinite(value) ? value : '' }, show(value));
}

export function section(title: string, ...content: readonly Content[]): Markup {
  return tag('section', {}, tag('h2', {}, title), ...content);
}

/** The first column names the lines. */
export function table(
  headings: readonly (readonly [string, 'number'?])[],
  rows: readonly (readonly Content[])[],
) {
  const cell = (content: Content, column: number): Markup =>
    tag(
      column === 0 ? 'th' : 'td',
      { class: headings[column]?.[1], ...(column === 0 ? { scope: 'row' } : {}) },
      content,
    );
  return tag(
    'div',
    { class: 'scroll' },
    tag(
      'table',
      {},
      tag(
        'thead',
        {},
        tag('tr', {}, ...headings.map(([text, kind]) => tag('th', { scope: 'col', class: kind }, text))),
      ),
      tag('tbody', {}, ...rows.map(row => tag('tr', {}, ...row.map(cell)))),
    ),
  );
}

/** Labelled numbers side by side. */
export function figures(list: readonly (readonly [string, Content])[]): Markup {
  return tag(
    'dl',
    { class: 'figures' },
    ...list.map(([label, value]) => tag('div', {}, tag('dt', {}, label), tag('dd', {}, value))),
  );
}
