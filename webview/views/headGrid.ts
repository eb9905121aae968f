/** Layers x heads as one drawing with its colour scale: to walk with pointer or keys, each head told in words. */

import type { HeadRef } from '../../src/protocol/inspection';
import type { Context } from '../context';
import { freshId, h, setAttribute, setText } from '../dom';
import { clamp } from '../draw/axis';
import { drawGrid, drawScale, type GridLayout, gridLayout, headAt } from '../draw/grid';
import type { HeadValues } from '../headValues';
import { type Drawing, Surface } from '../surface';

/** What a grid shows; of no layers where nothing is known yet. */
export interface HeadCells extends Omit<HeadValues, 'columns'> {
  describe(head: HeadRef): readonly string[];
}

export interface HeadGrid {
  readonly element: HTMLElement;
  readonly legend: HTMLElement;
  readonly drawing: Drawing;
  show(cells: HeadCells): void;
}

/** @param label names the grid, and says that it is by layer. */
export function createHeadGrid(context: Context, label: string): HeadGrid {
  const { store, theme, tip } = context;
  let shown: HeadCells | undefined;
  let active: HeadRef | undefined;
  let focused = false;

  const layout = (): GridLayout => gridLayout(shown?.layers ?? 0, shown?.heads ?? 0, surface.size.width);
  const surface = new Surface(theme, (pen, size, palette) => {
    if (shown === undefined) return;
    drawGrid(pen, size, layout(), { ...shown, selected: store.selection, active, focused }, palette);
  });
  const cellId = freshId('cell');
  const cell = h('div', { role: 'gridcell', id: cellId });
  const row = h('div', { role: 'row' }, cell);
  const grid = h(
    'div',
    { class: 'grid', role: 'grid', tabindex: 0, 'aria-label': label, 'aria-activedescendant': cellId },
    h('div', { class: 'unseen', role: 'rowgroup' }, row),
    surface.canvas,
  );
  const scale = new Surface(theme, drawScale);
  const low = h('span');
  const high = h('span');
  const legend = h('div', { class: 'legend' }, low, scale.canvas, high);

  function known(): HeadCells | undefined {
    return shown === undefined || shown.layers === 0 ? undefined : shown;
  }

  function activate(next: HeadRef | undefined): void {
    active = next;
    surface.invalidate();
    const cells = known();
    const named = next ?? store.selection;
    if (cells === undefined || named === undefined) return;
    const { selection } = store;
    const isSelected = selection?.layer === named.layer && selection.head === named.head;
    setAttribute(row, 'aria-rowindex', named.layer + 1);
    setAttribute(cell, 'aria-colindex', named.head + 1);
    setAttribute(cell, 'aria-selected', String(isSelected));
    setText(cell, cells.describe(named).join(', '));
  }

  function resize(): void {
    surface.canvas.style.height = `${layout().height}px`;
    surface.invalidate();
    scale.invalidate();
  }

  function under({ offsetX, offsetY }: PointerEvent | MouseEvent): HeadRef | undefined {
    return known() && headAt(layout(), offsetX, offsetY);
  }

  function leave(): void {
    tip.hide();
    if (!focused) activate(undefined);
  }

  grid.addEventListener('pointermove', event => {
    const head = under(event);
    if (shown === undefined || head === undefined) {
      leave();
      return;
    }
    activate(head);
    tip.show(event.clientX, event.clientY, shown.describe(head));
  });
  grid.addEventListener('pointerleave', leave);
  grid.addEventListener('click', event => {
    const head = under(event);
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
    const cells = known();
    if (cells === undefined) return;
    const { layers, heads } = cells;
    const at = active ?? selected();
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
      tip.show(box.left + x, box.top + y, cells.describe(next));
    } else if (event.key === 'Enter' || event.key === ' ') {
      context.select(at);
      activate(at);
    } else if (event.key === 'Escape') {
      tip.hide();
      activate(undefined);
    } else return;
    event.preventDefault();
  });
  new ResizeObserver(resize).observe(grid);
  store.watch(
    ({ state }) => `${state?.selection.layer}/${state?.selection.head}`,
    () => activate(active),
  );
  return {
    element: grid,
    legend,
    get drawing() {
      return surface.drawing;
    },
    show(next) {
      shown = next;
      setText(low, next.legend.low);
      setText(high, next.legend.high);
      setAttribute(legend, 'title', next.legend.help);
      setAttribute(grid, 'aria-rowcount', next.layers);
      setAttribute(grid, 'aria-colcount', next.heads);
      resize();
      activate(active);
    },
  };
}
