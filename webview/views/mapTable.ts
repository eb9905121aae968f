/** The heaviest cells of the attention map in view, as a table. */

import type { Context } from '../context';
import { h, setText, show } from '../dom';
import { keysOf, queriesOf, strongestCells } from '../draw/mapCells';
import { count, share, tokenText } from '../format';
import type { MapScene } from '../mapScene';
import { SHOWN } from '../mapScene';

const LISTED = 50;

export interface MapTable {
  readonly element: HTMLElement;
  show(scene: MapScene): void;
}

export function createMapTable(context: Context): MapTable {
  const { texts } = context;
  const body = h('tbody');
  const caption = h('caption');
  const massHeading = h('th', { scope: 'col', class: 'number' });
  const table = h(
    'table',
    {},
    caption,
    h(
      'thead',
      {},
      h(
        'tr',
        {},
        h('th', { scope: 'col', title: 'Queries that the cell covers; press one to select it' }, 'Query'),
        h(
          'th',
          { scope: 'col', title: 'Keys that the cell covers; press one to see it in the editor' },
          'Key',
        ),
        massHeading,
      ),
    ),
    body,
  );
  const element = h('div', { class: 'scroll', hidden: true, tabindex: 0, role: 'region' }, table);
  let latest: MapScene | undefined;

  interface Stretch {
    readonly start: number;
    readonly end: number;
  }

  function textOf({ start, end }: Stretch): string {
    if (end - start > 1) return `${count(start)}–${count(end - 1)}`;
    const text = texts.of(start)?.text;
    return `${count(start)} ${text === undefined ? '…' : tokenText(text, 14)}`;
  }

  function button(stretch: Stretch, title: string, act: (token: number) => void): HTMLElement {
    const made = h('button', { type: 'button', class: 'link token', title }, textOf(stretch));
    // Of many tokens the one in the middle, which is the one that a first look looks at.
    made.addEventListener('click', () => act(Math.floor((stretch.start + stretch.end) / 2)));
    return made;
  }

  function fill(scene: MapScene): void {
    const cells = strongestCells(scene.lines, scene.view, scene.shows, LISTED);
    const { title, help } = SHOWN[scene.shows];
    setText(caption, `The ${count(cells.length)} cells in view with the most mass`);
    setText(massHeading, scene.shows === 'variant' ? 'Mass' : `${title} mass`);
    massHeading.title = help;
    body.replaceChildren(
      ...cells.map(({ tile, line, column, mass }) =>
        h(
          'tr',
          {},
          h(
            'th',
            { scope: 'row' },
            button(queriesOf(tile, line), 'Select this query', token => context.select({ token })),
          ),
          h(
            'td',
            {},
            button(keysOf(tile, column), 'Show this key in the editor', token => context.reveal(token)),
          ),
          h('td', { class: 'number' }, share(mass)),
        ),
      ),
    );
    const single = cells.flatMap(({ tile, line, column }) => {
      const both = [queriesOf(tile, line), keysOf(tile, column)];
      return both.filter(({ start, end }) => end - start === 1).map(({ start }) => start);
    });
    void texts.need(single).then(came => {
      if (came && latest === scene) fill(scene);
    });
  }

  element.setAttribute('aria-label', 'Heaviest cells of the attention map');
  return {
    element,
    show: scene => {
      latest = scene;
      if (!element.hidden) fill(scene);
      show(table, true);
    },
  };
}
