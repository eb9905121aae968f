/** The heads as a table: what the overview draws, in figures. */

import type { Overview } from '../../src/protocol/inspection';
import type { Context } from '../context';
import { h, setAttribute } from '../dom';
import { STATISTICS, statisticsOf } from '../statistics';

export interface HeadTable {
  readonly element: HTMLElement;
  show(overview: Overview): void;
  /** Marks the selected head. */
  mark(): void;
}

export function createHeadTable(context: Context): HeadTable {
  const body = h('tbody');
  const headings = h('tr');
  const element = h(
    'div',
    { class: 'scroll', hidden: true, tabindex: 0, role: 'region', 'aria-label': 'Heads as a table' },
    h(
      'table',
      {},
      h('caption', { class: 'unseen' }, 'Mean statistics of every head over the document'),
      h('thead', {}, headings),
      body,
    ),
  );
  let rows: HTMLElement[] = [];
  let heads = 1;

  function mark(): void {
    const { selection } = context.store;
    const at = selection === undefined ? -1 : selection.layer * heads + selection.head;
    rows.forEach((row, index) => setAttribute(row, 'aria-current', index === at ? 'true' : undefined));
  }

  return {
    element,
    mark,
    show: overview => {
      ({ heads } = overview);
      const names = statisticsOf(context.store.model.state?.inspection);
      headings.replaceChildren(
        h('th', { scope: 'col' }, 'Head'),
        ...names.map(name =>
          h('th', { scope: 'col', title: STATISTICS[name].help, class: 'number' }, STATISTICS[name].title),
        ),
      );
      rows = [];
      for (let layer = 0; layer < overview.layers; layer++) {
        for (let head = 0; head < heads; head++) {
          const pick = h(
            'button',
            { type: 'button', class: 'link', title: `Select layer ${layer}, head ${head}` },
            `L${layer} H${head}`,
          );
          pick.addEventListener('click', () => context.select({ layer, head }));
          const at = layer * heads + head;
          rows.push(
            h(
              'tr',
              {},
              h('th', { scope: 'row' }, pick),
              ...names.map(name =>
                h('td', { class: 'number' }, STATISTICS[name].exact(overview.stats[name][at] ?? Number.NaN)),
              ),
            ),
          );
        }
      }
      body.replaceChildren(...rows);
      mark();
    },
  };
}
