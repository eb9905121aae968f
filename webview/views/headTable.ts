/** The heads as a table: what a grid of heads draws, in figures. */

import type { Context } from '../context';
import { h, refill, setAttribute } from '../dom';
import type { HeadValues } from '../headValues';

export interface HeadTable {
  readonly element: HTMLElement;
  show(values: Pick<HeadValues, 'layers' | 'heads' | 'columns'>): void;
}

/** @param label names the table. */
export function createHeadTable(context: Context, label: string): HeadTable {
  const { store } = context;
  const headings = h('tr');
  const body = h('tbody');
  const element = h(
    'div',
    { class: 'scroll', hidden: true, tabindex: 0, role: 'region', 'aria-label': `${label} as a table` },
    h('table', {}, h('caption', { class: 'unseen' }, `${label}, every head`), h('thead', {}, headings), body),
  );
  let heads = 0;

  function mark(): void {
    const { layer = -1, head = 0 } = store.selection ?? {};
    const at = layer * heads + head;
    Array.from(body.children).forEach((line, index) =>
      setAttribute(line, 'aria-current', index === at ? 'true' : undefined),
    );
  }

  store.watch(({ state }) => `${state?.selection.layer}/${state?.selection.head}`, mark);
  return {
    element,
    show: ({ layers, columns, ...of }) => {
      ({ heads } = of);
      headings.replaceChildren(
        h('th', { scope: 'col' }, 'Head'),
        ...columns.map(({ title, help }) => h('th', { scope: 'col', class: 'number', title: help }, title)),
      );
      const lines = Array.from({ length: layers * heads }, (_, at) => {
        const ref = { layer: Math.floor(at / heads), head: at % heads };
        const name = `L${ref.layer} H${ref.head}`;
        const help = `Select layer ${ref.layer}, head ${ref.head}`;
        const pick = h('button', { type: 'button', class: 'link', title: help }, name);
        pick.addEventListener('click', () => context.select(ref));
        const cells = columns.map(column => h('td', { class: 'number' }, column.cell(at)));
        return h('tr', {}, h('th', { scope: 'row' }, pick), ...cells);
      });
      refill(body, ...lines);
      mark();
    },
  };
}
