/** A statistic of every token of the selected head, along the document. */

import type { StatName } from '../../src/protocol/inspection';
import type { Series } from '../../src/protocol/series';
import type { Context } from '../context';
import { h, refill, setAttribute, setText, show } from '../dom';
import { clamp, INSET } from '../draw/axis';
import { drawRibbon, RIBBON_HEIGHT } from '../draw/ribbon';
import { cellOf, pieceOver, type SeriesCell, valueAt } from '../draw/series';
import { exportMenu } from '../exports/menu';
import { count, tokenText } from '../format';
import { allTokens } from '../headStats';
import { section, tableToggle } from '../section';
import { LISTED, SeriesPieces } from '../series';
import { rangeOf } from '../state';
import { STATISTICS, shownStatistic, withUnit } from '../statistics';
import { Surface } from '../surface';
import { WhenSeen } from '../whenSeen';
import { currentAxis, follow, wheelZoom, zoomKey } from '../zoom';

/** The width that is asked for while a table hides the drawing. */
const UNSEEN_WIDTH = 640;

/** The values under the pointer: those of one token, or of the many that share a pixel. */
function cellLines(stat: StatName, cell: SeriesCell, label: string | undefined): readonly string[] {
  const { start, end, low, high, mean } = cell;
  if (end - start === 1) return [withUnit(stat, mean), `token ${count(start)} ${label ?? ''}`];
  const { exact } = STATISTICS[stat];
  return [
    `Mean ${withUnit(stat, mean)}, ${exact(low)} to ${exact(high)}`,
    `tokens ${count(start)} to ${count(end - 1)}`,
  ];
}

export function createRibbon(context: Context): HTMLElement {
  const { store, theme, tip, texts } = context;
  const view = section('ribbon', 'Every token', 'The statistic of every token of the selected head');
  let hover: number | undefined;
  /** What the table lists. */
  let listed: Series | undefined;

  const chosenStat = (): StatName => shownStatistic(store.model);
  /** Those of the statistic that is chosen now; the ones before it stay until they come. */
  const known = (): readonly Series[] => series.pieces.filter(({ stat }) => stat === chosenStat());
  const valueOf = (token: number | undefined): number | undefined =>
    token === undefined ? undefined : valueAt(known(), token);
  const surface = new Surface(theme, (pen, size, palette) => {
    const [whole] = known();
    if (whole === undefined) return;
    const { logarithmic } = STATISTICS[chosenStat()];
    const token = store.selection?.token ?? undefined;
    drawRibbon(
      pen,
      size,
      {
        pieces: known(),
        ...store.range,
        most: whole.greatest[0]?.value,
        token,
        value: valueOf(token),
        hover,
        logarithmic,
        text: value => withUnit(chosenStat(), value),
        staleFrom: store.model.state?.staleFrom ?? undefined,
      },
      palette,
    );
  });
  surface.canvas.style.height = `${RIBBON_HEIGHT}px`;
  const slider = h('div', { class: 'plot', role: 'slider', tabindex: 0, 'aria-valuemin': 0 }, surface.canvas);
  const body = h('tbody');
  const valueHeading = h('th', { scope: 'col', class: 'number' });
  const table = h(
    'table',
    { hidden: true },
    h('caption', {}, `The ${LISTED} tokens where it is greatest`),
    h(
      'thead',
      {},
      h(
        'tr',
        {},
        h('th', { scope: 'col' }, 'Token'),
        h('th', { scope: 'col', class: 'number' }, 'Position'),
        valueHeading,
      ),
    ),
    body,
  );
  view.tools.append(
    exportMenu(context, 'the tokens', () => {
      if (known().length === 0) return undefined;
      const { layer = 0, head = 0 } = store.selection ?? {};
      const { title } = STATISTICS[chosenStat()];
      return {
        title: `${title} of every token, layer ${layer}, head ${head}`,
        drawing: surface.drawing,
        tables: [allTokens(context)],
      };
    }),
    tableToggle(store, 'ribbon', 'the greatest values'),
  );
  view.body.append(slider, table);
  const pixels = (): number => (slider.clientWidth || UNSEEN_WIDTH) - 2 * INSET;

  function pick(token: number): void {
    if (token !== store.selection?.token) context.select({ token });
  }

  function describe(): void {
    const stat = chosenStat();
    const { title } = STATISTICS[stat];
    const { layer = 0, head = 0, token } = store.selection ?? {};
    view.title(`${title} of every token`);
    setAttribute(slider, 'aria-label', `${title} of every token, layer ${layer} head ${head}`);
    setAttribute(slider, 'title', undefined);
    setAttribute(slider, 'aria-valuemax', Math.max(0, store.range.total - 1));
    const at = token ?? 0;
    setAttribute(slider, 'aria-valuenow', at);
    const value = withUnit(stat, valueOf(at) ?? Number.NaN);
    setAttribute(slider, 'aria-valuetext', `token ${at} '${texts.label(at) ?? ''}', ${title} ${value}`);
    surface.invalidate();
  }

  function list(): void {
    const [whole] = known();
    if (!store.isTable('ribbon') || whole === undefined || whole === listed) return;
    listed = whole;
    const stat = chosenStat();
    setText(valueHeading, STATISTICS[stat].title);
    const fill = (): void => {
      refill(
        body,
        ...whole.greatest.map(({ token, value }) => {
          const name = texts.of(token);
          const button = h(
            'button',
            { type: 'button', class: 'link token', title: `Select token ${count(token)}` },
            name === undefined ? '…' : tokenText(name.text, 20),
          );
          button.addEventListener('click', () => {
            follow(store, token);
            pick(token);
          });
          return h(
            'tr',
            {},
            h('th', { scope: 'row' }, button),
            h('td', { class: 'number' }, count(token)),
            h('td', { class: 'number' }, STATISTICS[stat].exact(value)),
          );
        }),
      );
    };
    fill();
    void texts.need(whole.greatest.map(({ token }) => token)).then(came => {
      if (came) fill();
    });
  }

  store.watch(
    ({ state }) => state?.inspection !== undefined,
    on => show(view.element, on),
  );
  const series: SeriesPieces = new SeriesPieces(
    context,
    new WhenSeen(view.content),
    { stat: shownStatistic, pixels },
    {
      changed() {
        view.message(undefined);
        describe();
        list();
      },
      gone: () => undefined,
      failed: problem => view.message(problem, context.tone),
    },
  );
  new ResizeObserver(() => series.update()).observe(slider);
  store.watch(
    model => {
      const { range } = rangeOf(model);
      const { state } = model;
      return `${shownStatistic(model)} ${state?.selection.token} ${range.start} ${range.end} ${state?.staleFrom}`;
    },
    () => describe(),
  );
  store.watch(shownStatistic, list);
  store.watch(
    model => model.choices.tables.includes('ribbon'),
    on => {
      show(slider, !on);
      show(table, on);
      list();
    },
  );

  const tokenUnder = (event: PointerEvent): number => currentAxis(store, slider).tokenAt(event.offsetX);
  slider.addEventListener('pointerdown', event => {
    if (event.button !== 0 || known().length === 0) return;
    slider.setPointerCapture(event.pointerId);
    pick(tokenUnder(event));
  });
  slider.addEventListener('pointermove', event => {
    const { range } = store.range;
    const piece = pieceOver(known(), range);
    if (piece === undefined) return;
    const token = tokenUnder(event);
    hover = token;
    surface.invalidate();
    if ((event.buttons & 1) !== 0) pick(token);
    const cell = cellOf(piece, token, range, pixels());
    const say = (): void => {
      tip.show(event.clientX, event.clientY, cellLines(chosenStat(), cell, texts.label(token)));
    };
    say();
    if (cell.end - cell.start > 1) return;
    void texts.need([token]).then(came => {
      if (came && hover === token) say();
    });
  });
  slider.addEventListener('pointerleave', () => {
    hover = undefined;
    tip.hide();
    surface.invalidate();
  });
  slider.addEventListener('dblclick', () => {
    const { token } = store.selection ?? {};
    if (typeof token === 'number') context.reveal(token);
  });
  wheelZoom(store, slider);
  slider.addEventListener('keydown', event => {
    const { range, total } = store.range;
    const token = store.selection?.token ?? 0;
    const page = Math.max(1, Math.round((range.end - range.start) / 10));
    const next = {
      ArrowLeft: token - 1,
      ArrowDown: token - 1,
      ArrowRight: token + 1,
      ArrowUp: token + 1,
      PageUp: token + page,
      PageDown: token - page,
      Home: 0,
      End: total - 1,
    }[event.key];
    if (zoomKey(store, event)) event.preventDefault();
    else if (event.key === 'Enter') {
      context.reveal(token);
      event.preventDefault();
    } else if (next !== undefined && total > 0) {
      const bounded = clamp(next, 0, total - 1);
      follow(store, bounded);
      pick(bounded);
      event.preventDefault();
    }
  });
  return view.element;
}
