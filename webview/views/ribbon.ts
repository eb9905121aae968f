/** A statistic of every token of the selected head, along the document. */

import type { StatName } from '../../src/protocol/inspection';
import type { Context } from '../context';
import { h, refill, setAttribute, setText, show } from '../dom';
import { clamp } from '../draw/axis';
import { greatest } from '../draw/pool';
import { drawRibbon, RIBBON_HEIGHT } from '../draw/ribbon';
import { exportMenu } from '../exports/menu';
import { count, tokenText } from '../format';
import { allTokens, type StatsOf, watchStats } from '../headStats';
import { section, tableToggle } from '../section';
import { rangeOf } from '../state';
import { STATISTICS, shownStatistic, withUnit } from '../statistics';
import { Surface } from '../surface';
import { WhenSeen } from '../whenSeen';
import { currentAxis, follow, wheelZoom, zoomKey } from '../zoom';

const LISTED = 16;

export function createRibbon(context: Context): HTMLElement {
  const { store, theme, tip, texts } = context;
  const view = section('ribbon', 'Every token', 'The statistic of every token of the selected head');
  /** Of the statistic that was chosen when it was asked for. */
  let stats: Partial<StatsOf<StatName>> | undefined;
  let hover: number | undefined;

  const chosenStat = (): StatName => shownStatistic(store.model);
  const values = (): Float32Array => stats?.[chosenStat()] ?? new Float32Array();
  const surface = new Surface(theme, (pen, size, palette) => {
    if (stats?.[chosenStat()] === undefined) return;
    const { logarithmic } = STATISTICS[chosenStat()];
    drawRibbon(
      pen,
      size,
      {
        values: values(),
        range: store.range.range,
        token: store.selection?.token ?? undefined,
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
      if (stats === undefined) return undefined;
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
    const value = withUnit(stat, values()[at] ?? Number.NaN);
    setAttribute(slider, 'aria-valuetext', `token ${at} '${texts.label(at) ?? ''}', ${title} ${value}`);
    surface.invalidate();
  }

  function list(): void {
    if (!store.isTable('ribbon') || stats === undefined) return;
    const stat = chosenStat();
    const tokens = greatest(values(), LISTED);
    setText(valueHeading, STATISTICS[stat].title);
    const fill = (): void => {
      refill(
        body,
        ...tokens.map(token => {
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
            h('td', { class: 'number' }, STATISTICS[stat].exact(values()[token] ?? Number.NaN)),
          );
        }),
      );
    };
    fill();
    void texts.need(tokens).then(came => {
      if (came) fill();
    });
  }

  store.watch(
    ({ state }) => state?.inspection !== undefined,
    on => show(view.element, on),
  );
  watchStats(
    context,
    new WhenSeen(view.content),
    model => [shownStatistic(model)],
    answer => {
      if (answer === undefined) {
        stats = undefined;
        return;
      }
      if (answer.kind === 'problem') {
        view.message(answer.problem, context.tone);
        return;
      }
      stats = answer.value;
      view.message(undefined);
      describe();
      list();
    },
  );
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
    if (event.button !== 0 || stats === undefined) return;
    slider.setPointerCapture(event.pointerId);
    pick(tokenUnder(event));
  });
  slider.addEventListener('pointermove', event => {
    if (stats === undefined) return;
    const token = tokenUnder(event);
    hover = token;
    surface.invalidate();
    if ((event.buttons & 1) !== 0) pick(token);
    const say = (): void => {
      tip.show(event.clientX, event.clientY, [
        withUnit(chosenStat(), values()[token] ?? Number.NaN),
        `token ${count(token)} ${texts.label(token) ?? ''}`,
      ]);
    };
    say();
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
