/** Layers x heads of a comparison: a grid to walk with pointer or keys, and its figures as a table. */

import type { HeadRef } from '../../src/protocol/inspection';
import type { Context } from '../context';
import { freshId, h, refill, setAttribute, setText, show } from '../dom';
import { clamp } from '../draw/axis';
import { drawGrid, drawScale, type GridLayout, gridLayout, headAt } from '../draw/grid';
import type { HeadValues } from '../headValues';
import { type Drawing, Surface } from '../surface';

export interface CompareGrid {
  readonly element: HTMLElement;
  readonly drawing: Drawing;
  show(values: HeadValues): void;
}

/** @param label names the grid, as it completes "… by layer and head". */
export function createCompareGrid(context: Context, label: string): CompareGrid {
  const { store, theme, tip } = context;
  let shown: HeadValues | undefined;
  let active: HeadRef | undefined;
  let focused = false;

  const layout = (): GridLayout => gridLayout(shown?.layers ?? 0, shown?.heads ?? 0, surface.size.width);
  const surface = new Surface(theme, (pen, size, palette) => {
    if (shown === undefined) return;
    const { selection: selected } = store;
    drawGrid(pen, size, layout(), { ...shown, selected, active, focused }, palette);
  });
  const cellId = freshId('cell');
  const cell = h('div', { role: 'gridcell', id: cellId });
  const row = h('div', { role: 'row' }, cell);
  const grid = h(
    'div',
    {
      class: 'grid',
      role: 'grid',
      tabindex: 0,
      'aria-label': `${label} by layer and head`,
      'aria-activedescendant': cellId,
    },
    h('div', { class: 'unseen', role: 'rowgroup' }, row),
    surface.canvas,
  );
  const scale = new Surface(theme, drawScale);
  const low = h('span');
  const high = h('span');
  const legend = h('div', { class: 'legend' }, low, scale.canvas, high);
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
  const element = h('div', {}, grid, legend, table);

  function describe({ layer, head }: HeadRef): readonly string[] {
    const at = layer * (shown?.heads ?? 0) + head;
    return [
      `Layer ${layer}, head ${head}`,
      ...(shown?.columns ?? []).map(column => `${column.title}: ${column.cell(at)}`),
    ];
  }

  function activate(next: HeadRef | undefined): void {
    active = next;
    surface.invalidate();
    const named = next ?? store.selection;
    if (shown === undefined || named === undefined) return;
    const { selection } = store;
    const isSelected = selection?.layer === named.layer && selection.head === named.head;
    setAttribute(row, 'aria-rowindex', named.layer + 1);
    setAttribute(cell, 'aria-colindex', named.head + 1);
    setAttribute(cell, 'aria-selected', String(isSelected));
    setText(cell, describe(named).join(', '));
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

  function resize(): void {
    surface.canvas.style.height = `${layout().height}px`;
    surface.invalidate();
    scale.invalidate();
  }

  grid.addEventListener('pointermove', event => {
    const head = headAt(layout(), event.offsetX, event.offsetY);
    if (head === undefined) {
      tip.hide();
      if (!focused) activate(undefined);
      return;
    }
    activate(head);
    tip.show(event.clientX, event.clientY, describe(head));
  });
  grid.addEventListener('pointerleave', () => {
    tip.hide();
    if (!focused) activate(undefined);
  });
  grid.addEventListener('click', event => {
    const head = headAt(layout(), event.offsetX, event.offsetY);
    if (head !== undefined) context.select(head);
  });
  const selected = (): HeadRef => {
    const { layer = 0, head = 0 } = store.selection ?? {};
    return { layer, head };
  };
  grid.addEventListener('focus', () => {
    focused = grid.matches(':focus-visible');
    if (focused) activate(active ?? selected());
  });
  grid.addEventListener('blur', () => {
    focused = false;
    tip.hide();
    activate(undefined);
  });
  grid.addEventListener('keydown', event => {
    if (shown === undefined) return;
    const at = active ?? selected();
    const { layers, heads } = shown;
    const moves: Readonly<Record<string, readonly [down: number, across: number]>> = {
      ArrowUp: [-1, 0],
      ArrowDown: [1, 0],
      ArrowLeft: [0, -1],
      ArrowRight: [0, 1],
      Home: [0, -heads],
      End: [0, heads],
      PageUp: [-layers, 0],
      PageDown: [layers, 0],
    };
    const move = moves[event.key];
    focused = true;
    if (move !== undefined) {
      const next = {
        layer: clamp(at.layer + move[0], 0, layers - 1),
        head: clamp(at.head + move[1], 0, heads - 1),
      };
      activate(next);
      const box = surface.canvas.getBoundingClientRect();
      const { left, top, cellWidth, cellHeight } = layout();
      const [x, y] = [left + (next.head + 0.5) * cellWidth, top + next.layer * cellHeight];
      tip.show(box.left + x, box.top + y, describe(next));
    } else if (event.key === 'Enter' || event.key === ' ') context.select(at);
    else if (event.key === 'Escape') {
      tip.hide();
      activate(undefined);
    } else return;
    event.preventDefault();
  });
  new ResizeObserver(resize).observe(grid);
  store.watch(
    ({ state }) => `${state?.selection.layer}/${state?.selection.head}`,
    () => {
      activate(active);
      mark();
    },
  );
  store.watch(
    ({ choices }) => choices.tables.includes('compare'),
    on => {
      show(grid, !on);
      show(legend, !on);
      show(table, on);
    },
  );
  return {
    element,
    get drawing() {
      return surface.drawing;
    },
    show: next => {
      shown = next;
      setText(low, next.legend.low);
      setText(high, next.legend.high);
      setAttribute(legend, 'title', next.legend.help);
      setAttribute(grid, 'aria-rowcount', next.layers);
      setAttribute(grid, 'aria-colcount', next.heads);
      fill();
      resize();
      activate(active);
    },
  };
}
