/** Layers x heads, coloured by a statistic: find the head worth looking at. */

import type { HeadRef, Overview, StatName } from '../../src/protocol/inspection';
import type { Context } from '../context';
import { h, show } from '../dom';
import { exportMenu } from '../exports/menu';
import { overviewTable } from '../exports/tables';
import type { HeadColumn } from '../headValues';
import { Latest } from '../latest';
import { section, tableToggle } from '../section';
import { dataOf } from '../state';
import { STATISTICS, scaleOf, shownStatistic, statisticsOf, withUnit } from '../statistics';
import { dropdown } from '../ui';
import { createHeadGrid } from './headGrid';
import { createHeadTable } from './headTable';

export function createOverview(context: Context): HTMLElement {
  const { store } = context;
  const view = section('overview', 'Heads', 'Every attention head of the model: layers down, heads across');
  let overview: Overview | undefined;

  const chosenStat = (): StatName => shownStatistic(store.model);
  const values = (): Float32Array => overview?.stats[chosenStat()] ?? new Float32Array();

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
            drawing: grid.drawing,
            tables: [overviewTable(overview)],
          },
    ),
    tableToggle(store, 'overview', 'the heads'),
  );

  const grid = createHeadGrid(context, 'Heads by layer');
  const table = createHeadTable(context, 'Mean statistics over the document');
  view.body.append(grid.element, grid.legend, table.element);

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

  function columnsOf({ stats }: Overview): readonly HeadColumn[] {
    return statisticsOf(store.model.state?.inspection).map(name => {
      const { title, help, exact } = STATISTICS[name];
      return { title, help, cell: at => exact(stats[name][at] ?? Number.NaN) };
    });
  }

  function drawAll(): void {
    const stat = chosenStat();
    const { short, exact, help, logarithmic } = STATISTICS[stat];
    const { low, high, place } = scaleOf(values(), stat);
    grid.show({
      layers: overview?.layers ?? 0,
      heads: overview?.heads ?? 0,
      values: values(),
      place,
      text: short,
      legend: { low: exact(low), high: `${withUnit(stat, high)}${logarithmic ? ', log scale' : ''}`, help },
      describe,
    });
    if (overview !== undefined) table.show({ ...overview, columns: columnsOf(overview) });
  }

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
    model => model.choices.tables.includes('overview'),
    on => {
      show(grid.element, !on);
      show(grid.legend, !on);
      show(table.element, on);
    },
  );
  return view.element;
}
