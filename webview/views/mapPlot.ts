/** The drawing of the attention map, and what pointer and keys do on it. */

import type { Context } from '../context';
import { h, setAttribute } from '../dom';
import { drawMap, drawToken, outlineCell } from '../draw/map';
import { labelledTokens, LEGIBLE_LINE, mapLayout, type MapLayout } from '../draw/mapAxes';
import type { MapCell } from '../draw/mapCells';
import { cellAt, queriesOf } from '../draw/mapCells';
import { positionAt } from '../draw/mapView';
import { MapPictures } from '../mapPictures';
import type { MapScene } from '../mapScene';
import { cellLines } from '../mapScene';
import { dragMap, mapKey, zoomMap } from '../mapZoom';
import { type Draw, type Drawing, Surface } from '../surface';

/** How much closer a double click goes. */
const CLOSER = 1 / 3;
/** A second click within this time belongs to a double click. */
const DOUBLE_CLICK_MS = 300;
const LOWEST = 220;
const HIGHEST = 460;

export interface MapPlot {
  readonly element: HTMLElement;
  /** With the selected token, for a file. */
  readonly drawing: Drawing;
  /** Pixels that the cells have. */
  room(): { readonly lines: number; readonly columns: number };
  show(scene: MapScene | undefined): void;
  redraw(): void;
  /** Shows another selected token. */
  mark(): void;
  describe(sentence: string): void;
}

export function createMapPlot(context: Context): MapPlot {
  const { store, texts, tip, theme } = context;
  const pictures = new MapPictures();
  let scene: MapScene | undefined;
  let hover: MapCell | undefined;

  const layout = (): MapLayout => mapLayout(store.map.view, store.map.total, surface.drawing.size);
  const selected = (): number | undefined => store.selection?.token ?? undefined;
  /** Whether lines are named beside the map, the selected one in another colour. */
  const isNamed = ({ queries }: MapLayout): boolean => queries.step >= LEGIBLE_LINE;
  const draw = (isWhole: boolean, ...[pen, size, palette]: Parameters<Draw>): void => {
    const shown = scene;
    if (shown === undefined || shown.total === 0) return;
    const { tiles, lines, shows, scale } = shown;
    const within = mapLayout(store.map.view, shown.total, size);
    drawMap(
      pen,
      within,
      {
        tiles,
        lines,
        picture: tile => pictures.of(tile, shows, scale, palette),
        outlines: shows !== 'variant',
        token: isWhole || isNamed(within) ? selected() : undefined,
        text: token => texts.label(token, 14),
        lineOf: token => texts.of(token)?.line,
        staleFrom: store.model.state?.staleFrom ?? undefined,
      },
      palette,
    );
  };
  const surface = new Surface(theme, (...on) => draw(false, ...on));
  // On a canvas of its own, so that the map need not be drawn again for another token or under a moving pointer.
  const above = new Surface(theme, (pen, _size, palette) => {
    const within = layout();
    if (scene !== undefined && !isNamed(within)) drawToken(pen, within, selected(), palette);
    if (hover !== undefined && scene !== undefined) outlineCell(pen, within, hover, palette);
  });
  surface.canvas.style.height = `${HIGHEST}px`;
  const plot = h(
    'div',
    {
      class: 'plot map',
      role: 'group',
      tabindex: 0,
      'aria-roledescription': 'attention map',
      'aria-keyshortcuts': '+ - 0 Enter Escape ArrowUp ArrowDown ArrowLeft ArrowRight PageUp PageDown',
    },
    surface.canvas,
    above.canvas,
  );
  new ResizeObserver(() => {
    const width = plot.clientWidth;
    if (width > 0) {
      surface.canvas.style.height = `${Math.round(Math.min(HIGHEST, Math.max(LOWEST, width * 0.85)))}px`;
    }
  }).observe(plot);

  function needTexts(): void {
    if (store.map.total === 0) return;
    void texts.need(labelledTokens(layout())).then(came => {
      if (came) surface.invalidate();
    });
  }

  function under(x: number, y: number): { readonly query: number; readonly key: number } | undefined {
    const { keys, queries } = layout();
    if (x < keys.left || x >= keys.right || y < queries.left || y >= queries.right) return undefined;
    return { query: positionAt(queries, y), key: positionAt(keys, x) };
  }

  let reveal: number | undefined;
  dragMap(store, plot, layout, (x, y) => {
    plot.focus();
    const at = under(x, y);
    if (at === undefined || scene === undefined) return;
    const cell = cellAt(scene.tiles, at.query, at.key);
    const queries = cell === undefined ? undefined : queriesOf(cell.tile, cell.line);
    // Of many queries the middle one, which is the one that a first look looks at.
    const token = queries === undefined ? at.query : (queries.start + queries.end) / 2;
    context.select({ token: Math.floor(token) });
    // The editor would move under a double click.
    clearTimeout(reveal);
    reveal = setTimeout(() => context.reveal(Math.floor(at.key)), DOUBLE_CLICK_MS);
  });
  plot.addEventListener('dblclick', event => {
    clearTimeout(reveal);
    const at = under(event.offsetX, event.offsetY);
    if (at !== undefined) zoomMap(store, CLOSER, at);
  });
  plot.addEventListener(
    'wheel',
    event => {
      if (!event.ctrlKey && !event.metaKey) return;
      const at = under(event.offsetX, event.offsetY);
      if (at === undefined) return;
      zoomMap(store, Math.exp(event.deltaY * 0.01), at);
      event.preventDefault();
    },
    { passive: false },
  );

  function leave(): void {
    hover = undefined;
    tip.hide();
    above.invalidate();
  }

  plot.addEventListener('pointermove', event => {
    const at = event.buttons === 0 ? under(event.offsetX, event.offsetY) : undefined;
    const cell = at === undefined || scene === undefined ? undefined : cellAt(scene.tiles, at.query, at.key);
    if (cell === undefined || scene === undefined) {
      leave();
      return;
    }
    const { shows } = scene;
    const isSame = hover?.tile === cell.tile && hover.line === cell.line && hover.column === cell.column;
    hover = cell;
    above.invalidate();
    const say = (): void =>
      tip.show(
        event.clientX,
        event.clientY,
        cellLines(cell, shows, token => texts.label(token, 20)),
      );
    say();
    if (isSame || cell.tile.queryStep > 1 || cell.tile.keyStep > 1) return;
    const tokens = [cell.tile.queries.start + cell.line, cell.tile.keys.start + cell.column];
    void texts.need(tokens).then(came => {
      if (came && hover === cell) say();
    });
  });
  plot.addEventListener('pointerleave', leave);
  plot.addEventListener('keydown', event => {
    if (!mapKey(store, event)) return;
    tip.hide();
    event.preventDefault();
  });

  return {
    element: plot,
    get drawing(): Drawing {
      return { size: surface.drawing.size, draw: (...on) => draw(true, ...on) };
    },
    room: () => {
      const { keys, queries } = layout();
      // Two pixels a cell: finer ones cannot be told apart, and cost rows.
      return {
        lines: Math.max(16, Math.floor((queries.right - queries.left) / 1.5)),
        columns: Math.max(16, Math.floor((keys.right - keys.left) / 1.5)),
      };
    },
    show: next => {
      scene = next;
      if (hover !== undefined && next?.tiles.includes(hover.tile) !== true) hover = undefined;
      surface.invalidate();
      above.invalidate();
      needTexts();
    },
    redraw: () => surface.invalidate(),
    mark() {
      above.invalidate();
      if (isNamed(layout())) surface.invalidate();
    },
    describe: sentence => setAttribute(plot, 'aria-label', sentence),
  };
}
