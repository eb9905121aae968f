/** The attention map of the selected head: every query against every key, from the whole down to single tokens. */

import type { Context } from '../context';
import { h, setAttribute, setText, show } from '../dom';
import { drawScale } from '../draw/grid';
import { keysOf, MAP_DECADES, MAP_SHOWS, queriesOf, strongestCells } from '../draw/mapCells';
import { gridOf } from '../draw/mapView';
import { exportMenu } from '../exports/menu';
import { count, figure, share } from '../format';
import type { MapWish } from '../mapPlan';
import type { MapScene } from '../mapScene';
import { cellsTable, sceneCaption, sceneOf, SHOWN } from '../mapScene';
import { MapTiles } from '../mapTiles';
import { mapButtons } from '../mapZoom';
import { section, tableToggle } from '../section';
import { dataOf, type Model, mapOf } from '../state';
import { Surface } from '../surface';
import { dropdown } from '../ui';
import { createMapPlot } from './mapPlot';
import { createMapTable } from './mapTable';

/** Names the head whose map is shown, of the data held now. */
function headKey({ state }: Model): string | undefined {
  const data = dataOf(state);
  return data === undefined ? undefined : `${data} ${state?.selection.layer}/${state?.selection.head}`;
}

function viewKey(model: Model): string {
  const { queries, keys } = mapOf(model).view;
  return `${queries.start} ${queries.end} ${keys.start} ${keys.end}`;
}

export function createMap(context: Context): HTMLElement {
  const { store, theme, host } = context;
  const view = section(
    'map',
    'Attention map',
    'Every query of the selected head against every key: queries down, keys across',
  );
  let isSeen = false;
  let isDone = false;
  let shown: MapScene | undefined;
  /** Of whose map a tile was held against the layer's own attention; finer tiles are not. */
  let compared: string | undefined;

  const shows = dropdown('Shown mass', 'Which mass the map shows', value => {
    const mapShows = MAP_SHOWS.find(name => name === value);
    if (mapShows !== undefined) store.choose({ mapShows });
  });
  const plot = createMapPlot(context);
  const table = createMapTable(context);
  const ramp = new Surface(theme, (pen, size, palette) =>
    drawScale(
      pen,
      size,
      store.model.choices.mapShows === 'missed' ? { ...palette, ramp: palette.missed } : palette,
    ),
  );
  const low = h('span');
  const high = h('span');
  const legend = h('div', { class: 'legend' }, low, ramp.canvas, high);
  const caption = h('p', { class: 'muted small' });
  view.tools.append(
    shows.element,
    ...mapButtons(store),
    exportMenu(context, 'the map', () => {
      if (shown === undefined || shown.lines.length === 0) return undefined;
      const { layer = 0, head = 0 } = store.selection ?? {};
      const what = shown.shows === 'variant' ? '' : `, ${shown.shows} mass`;
      return {
        title: `Attention map, layer ${layer}, head ${head}${what}`,
        drawing: plot.drawing,
        tables: [cellsTable(shown)],
      };
    }),
    tableToggle(store, 'map', 'the heaviest cells'),
  );
  view.body.append(plot.element, table.element, legend, caption);

  const tiles = new MapTiles(ref => host.map(ref), {
    changed: done => {
      isDone = done;
      // A failure stays until there is something to show in its place.
      if (tiles.tiles.length > 0) view.message(undefined);
      refresh();
    },
    failed: problem => view.message(problem, context.tone),
  });

  function wish(): MapWish | undefined {
    const { state, choices } = store.model;
    if (state?.inspection === undefined) return undefined;
    const { layer, head } = state.selection;
    const { view: part, total } = store.map;
    const grid = gridOf(part, total, plot.room());
    return { layer, head, view: part, grid, against: choices.mapShows !== 'variant' };
  }

  /** Asks for what is missing, and draws what there is. */
  function update(): void {
    const wanted = wish();
    const key = headKey(store.model);
    if (wanted === undefined || key === undefined) return;
    if (isSeen) tiles.show(key, wanted);
    refresh();
  }

  function refresh(): void {
    const wanted = wish();
    if (wanted === undefined) return;
    const { mapShows } = store.model.choices;
    const scene = sceneOf({
      view: wanted.view,
      total: store.map.total,
      grid: wanted.grid,
      shows: mapShows,
      tiles: tiles.tiles,
    });
    shown = scene;
    plot.show(scene);
    table.show(scene);
    write(scene);
  }

  function write(scene: MapScene): void {
    const { top, keys } = scene.scale;
    const percent = (mass: number): string => `${figure(mass * 100)} %`;
    setText(low, percent(top / 10 ** MAP_DECADES));
    setText(high, `${percent(top)} of a query’s ${scene.shows === 'variant' ? '' : 'dense '}mass`);
    const on = keys === 1 ? 'a key' : `${count(keys)} keys`;
    setAttribute(legend, 'title', `Mass of a query on ${on}, on a logarithmic scale`);
    ramp.invalidate();
    const progress = isDone || !isSeen ? '' : ' Looking closer…';
    setText(caption, scene.lines.length === 0 ? 'Looking…' : `${sceneCaption(scene)}${progress}`);
    const key = headKey(store.model);
    if (scene.tiles.some(tile => tile.own !== undefined)) compared = key;
    show(shows.element, compared === key || scene.shows !== 'variant');
    if (isDone) plot.describe(spoken(scene));
  }

  function spoken(scene: MapScene): string {
    const { layer = 0, head = 0 } = store.selection ?? {};
    const { queries, keys } = scene.view;
    const range = ({ start, end }: { readonly start: number; readonly end: number }): string =>
      `${count(Math.floor(start))} to ${count(Math.ceil(end) - 1)}`;
    const [best] = strongestCells(scene.lines, scene.view, scene.shows, 1);
    const strongest =
      best === undefined
        ? 'no mass in view'
        : `most mass, ${share(best.mass)}, at queries ${range(queriesOf(best.tile, best.line))} on keys ${range(keysOf(best.tile, best.column))}`;
    return `Attention map of layer ${layer} head ${head}, queries ${range(queries)} down, keys ${range(keys)} across: ${strongest}. ${sceneCaption(scene)} The table lists the heaviest cells.`;
  }

  new IntersectionObserver(entries => {
    isSeen = entries.at(-1)?.isIntersecting ?? false;
    if (isSeen) update();
    else tiles.stop();
  }).observe(view.content);
  let width = 0;
  new ResizeObserver(() => {
    const now = plot.element.clientWidth;
    if (now === 0 || now === width) return;
    width = now;
    update();
  }).observe(plot.element);

  store.watch(headKey, key => {
    show(view.element, key !== undefined);
    if (key === undefined) tiles.stop();
    else update();
  });
  store.watch(viewKey, update);
  store.watch(
    ({ choices }) => choices.mapShows,
    mapShows => {
      shows.show(
        MAP_SHOWS.map(value => ({ value, text: SHOWN[value].title, help: SHOWN[value].help })),
        mapShows,
      );
      shows.element.title = SHOWN[mapShows].help;
      update();
    },
  );
  store.watch(
    ({ state }) => state?.selection.token,
    () => plot.mark(),
  );
  store.watch(
    ({ state }) => state?.staleFrom,
    () => plot.redraw(),
  );
  store.watch(
    ({ choices }) => choices.tables.includes('map'),
    on => {
      show(plot.element, !on);
      show(legend, !on);
      show(table.element, on);
      refresh();
    },
  );
  return view.element;
}
