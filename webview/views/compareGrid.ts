/** Layers x heads of a comparison: a grid to walk with pointer or keys, and its figures as a table. */

import type { HeadRef } from '../../src/protocol/inspection';
import type { Context } from '../context';
import { h, refill, setAttribute, show } from '../dom';
import type { HeadValues } from '../headValues';
import type { Drawing } from '../surface';
import { createHeadGrid } from './headGrid';

export interface CompareGrid {
  readonly element: HTMLElement;
  readonly drawing: Drawing;
  show(values: HeadValues): void;
}

/** @param label names the grid, as it completes "… by layer and head". */
export function createCompareGrid(context: Context, label: string): CompareGrid {
  const { store } = context;
  let shown: HeadValues | undefined;
  const grid = createHeadGrid(context, `${label} by layer and head`);
  const headings = h('tr');
  const body = h('tbody');
  const table = h(
    'div',
    { class: 'scroll', hidden: true, tabindex: 0, role: 'region', 'aria-label': `${label} as a table` },
    h(
      'table',
      {},
      h('caption', { class: 'unseen' }, `${label} of every head`),
      h('thead', {}, headings),
      body,
    ),
  );
  const element = h('div', {}, grid.element, grid.legend, table);

  function describe({ layer, head }: HeadRef): readonly string[] {
    const at = layer * (shown?.heads ?? 0) + head;
    return [
      `Layer ${layer}, head ${head}`,
      ...(shown?.columns ?? []).map(column => `${column.title}: ${column.cell(at)}`),
    ];
  }

  function fill(): void {
    if (shown === undefined) return;
    const { layers, heads, columns } = shown;
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
  }

  function mark(): void {
    const { layer = -1, head = 0 } = store.selection ?? {};
    const at = layer * (shown?.heads ?? 0) + head;
    Array.from(body.children).forEach((line, index) =>
      setAttribute(line, 'aria-current', index === at ? 'true' : undefined),
    );
  }

  store.watch(({ state }) => `${state?.selection.layer}/${state?.selection.head}`, mark);
  store.watch(
    ({ choices }) => choices.tables.includes('compare'),
    on => {
      show(grid.element, !on);
      show(grid.legend, !on);
      show(table, on);
    },
  );
  return {
    element,
    get drawing() {
      return grid.drawing;
    },
    show: next => {
      shown = next;
      grid.show({ ...next, describe });
      fill();
    },
  };
}
