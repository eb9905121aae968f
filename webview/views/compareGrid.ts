/** Layers x heads of a comparison: a grid to walk with pointer or keys, and its figures as a table. */

import type { HeadRef } from '../../src/protocol/inspection';
import type { Context } from '../context';
import { h, show } from '../dom';
import type { HeadValues } from '../headValues';
import type { Drawing } from '../surface';
import { createHeadGrid } from './headGrid';
import { createHeadTable } from './headTable';

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
  const table = createHeadTable(context, label);
  const element = h('div', {}, grid.element, grid.legend, table.element);

  function describe({ layer, head }: HeadRef): readonly string[] {
    const at = layer * (shown?.heads ?? 0) + head;
    return [
      `Layer ${layer}, head ${head}`,
      ...(shown?.columns ?? []).map(column => `${column.title}: ${column.cell(at)}`),
    ];
  }

  store.watch(
    ({ choices }) => choices.tables.includes('compare'),
    on => {
      show(grid.element, !on);
      show(grid.legend, !on);
      show(table.element, on);
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
      table.show(next);
    },
  };
}
