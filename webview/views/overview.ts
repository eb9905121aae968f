/** Layers x heads, coloured by a statistic: find the head worth looking at. */

import type { HeadRef, Overview, StatName } from '../../src/protocol/inspection';
import type { Context } from '../context';
import { freshId, h, setAttribute, setText, show } from '../dom';
import { clamp } from '../draw/axis';
import type { GridLayout } from '../draw/grid';
import { drawGrid, drawScale, gridLayout, headAt } from '../draw/grid';
import { exportMenu } from '../exports/menu';
import { overviewTable } from '../exports/tables';
import { Latest } from '../latest';
import { section, tableToggle } from '../section';
import { dataOf } from '../state';
import { STATISTICS, scaleOf, shownStatistic, statisticsOf, withUnit } from '../statistics';
import { Surface } from '../surface';
import { dropdown } from '../ui';
import { createHeadTable } from './headTable';

export function createOverview(context: Context): HTMLElement {
  const { store, theme, tip } = context;
  const view = section('overview', 'Heads', 'Every attention head of the model: layers down, heads across');
  let overview: Overview | undefined;
  let active: HeadRef | undefined;
  let focused = false;

  const chosenStat = (): StatName => shownStatistic(store.model);
  const values = (): Float32Array => overview?.stats[chosenStat()] ?? new Float32Array();
  const layoutNow = (): GridLayout =>
    gridLayout(overview?.layers ?? 0, overview?.heads ?? 0, surface.size.width);

  const statistic = dropdown('Statistic', '', value => {
    const stat = statisticsOf(store.model.state?.inspection).find(name => name === value);
    if (stat !== undefined) store.choose({ stat });
  });
  view.tools.append(
    h('span', { class: 'muted small', 'aria-hidden': 'true' }, 'by'),
    statistic.element,
    exportMenu(context, 'the heads', () =>
      overview === undefined
        ? undefined
        : {
            title: `${STATISTICS[chosenStat()].title} of every head`,
            drawing: surface.drawing,
            tables: [overviewTable(overview)],
          },
    ),
    tableToggle(store, 'overview', 'the heads'),
  );

  const surface = new Surface(theme, (pen, size, palette) => {
    const stat = chosenStat();
    drawGrid(
      pen,
      size,
      layoutNow(),
      {
        values: values(),
        place: scaleOf(values(), stat).place,
        text: STATISTICS[stat].short,
        selected: store.selection,
        active,
        focused,
      },
      palette,
    );
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
      'aria-label': 'Heads by layer',
      'aria-activedescendant': cellId,
    },
    h('div', { class: 'unseen', role: 'rowgroup' }, row),
    surface.canvas,
  );
  const scale = new Surface(theme, drawScale);
  const low = h('span');
  const high = h('span');
  const legend = h('div', { class: 'legend' }, low, scale.canvas, high);
  const table = createHeadTable(context);
  view.body.append(grid, legend, table.element);

  function describe({ layer, head }: HeadRef): readonly string[] {
    const at = layer * (overview?.heads ?? 0) + head;
    return [
      `Layer ${layer}, head ${head}`,
      ...statisticsOf(store.model.state?.inspection).map(
        name => `${STATISTICS[name].title}: ${withUnit(name, overview?.stats[name][at] ?? Number.NaN)}`,
      ),
      'Means over the document',
    ];
  }

  function activate(next: HeadRef | undefined): void {
    active = next;
    surface.invalidate();
    const named = next ?? store.selection;
    if (overview === undefined || named === undefined) return;
    setAttribute(row, 'aria-rowindex', named.layer + 1);
    setAttribute(cell, 'aria-colindex', named.head + 1);
    const { selection } = store;
    const same = selection?.layer === named.layer && selection.head === named.head;
    setAttribute(cell, 'aria-selected', String(same));
    setText(cell, describe(named).join(', '));
  }

  function drawAll(): void {
    const stat = chosenStat();
    const { low: from, high: to } = scaleOf(values(), stat);
    setText(low, STATISTICS[stat].exact(from));
    setText(high, withUnit(stat, to));
    setAttribute(legend, 'title', STATISTICS[stat].help);
    setAttribute(grid, 'aria-rowcount', overview?.layers ?? 0);
    setAttribute(grid, 'aria-colcount', overview?.heads ?? 0);
    surface.canvas.style.height = `${layoutNow().height}px`;
    surface.invalidate();
    scale.invalidate();
    if (overview !== undefined) table.show(overview);
    activate(active);
  }

  grid.addEventListener('pointermove', event => {
    const head = headAt(layoutNow(), event.offsetX, event.offsetY);
    if (overview === undefined || head === undefined) {
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
    const head = headAt(layoutNow(), event.offsetX, event.offsetY);
    if (head !== undefined) context.select(head);
  });
  grid.addEventListener('focus', () => {
    focused = grid.matches(':focus-visible');
    if (focused) activate(active ?? pickHead());
  });
  grid.addEventListener('blur', () => {
    focused = false;
    tip.hide();
    activate(undefined);
  });

  function pickHead(): HeadRef {
    const { layer = 0, head = 0 } = store.selection ?? {};
    return { layer, head };
  }

  grid.addEventListener('keydown', event => {
    if (overview === undefined) return;
    const { layer, head } = active ?? pickHead();
    const moves: Readonly<Record<string, readonly [number, number]>> = {
      ArrowUp: [-1, 0],
      ArrowDown: [1, 0],
      ArrowLeft: [0, -1],
      ArrowRight: [0, 1],
      Home: [0, -overview.heads],
      End: [0, overview.heads],
      PageUp: [-overview.layers, 0],
      PageDown: [overview.layers, 0],
    };
    const move = moves[event.key];
    focused = true;
    if (move !== undefined) {
      const next = {
        layer: clamp(layer + move[0], 0, overview.layers - 1),
        head: clamp(head + move[1], 0, overview.heads - 1),
      };
      activate(next);
      const box = surface.canvas.getBoundingClientRect();
      const { left, top, cellWidth, cellHeight } = layoutNow();
      tip.show(
        box.left + left + (next.head + 0.5) * cellWidth,
        box.top + top + next.layer * cellHeight,
        describe(next),
      );
    } else if (event.key === 'Enter' || event.key === ' ') {
      context.select({ layer, head });
      activate({ layer, head });
    } else if (event.key === 'Escape') {
      tip.hide();
      activate(undefined);
    } else return;
    event.preventDefault();
  });
  new ResizeObserver(() => drawAll()).observe(grid);

  const latest = new Latest<Overview>(answer => {
    if (answer.kind === 'problem') {
      view.message(answer.problem, context.tone);
      return;
    }
    overview = answer.value;
    view.message(undefined);
    drawAll();
  });
  store.watch(
    ({ state }) => dataOf(state),
    data => {
      show(view.element, data !== undefined);
      if (data === undefined) {
        overview = undefined;
        latest.forget();
      } else {
        const id = store.model.state?.inspection?.id ?? '';
        latest.ask(id, () => context.host.overview());
      }
    },
  );
  store.watch(
    model => `${shownStatistic(model)} ${model.state?.inspection?.schedule.mode}`,
    () => {
      const stat = chosenStat();
      statistic.show(
        statisticsOf(store.model.state?.inspection).map(name => ({
          value: name,
          text: STATISTICS[name].title,
          help: STATISTICS[name].help,
        })),
        stat,
      );
      statistic.element.title = STATISTICS[stat].help;
      drawAll();
    },
  );
  store.watch(
    ({ state }) => `${state?.selection.layer}/${state?.selection.head}`,
    () => {
      surface.invalidate();
      activate(active);
      table.mark();
    },
  );
  store.watch(
    model => model.choices.tables.includes('overview'),
    on => {
      show(grid, !on);
      show(legend, !on);
      show(table.element, on);
    },
  );
  return view.element;
}
