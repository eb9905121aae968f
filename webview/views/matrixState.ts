/** A matrix state: its size over the document, what it holds now, and what keys erased. */

import type { StateMemory } from '../../src/protocol/memory';
import type { Context } from '../context';
import { h, setAttribute, show } from '../dom';
import { drawHistory, historyHeight, type Lane, sampleAt } from '../draw/history';
import { compact, count, figure, plural, share } from '../format';
import { Surface } from '../surface';
import { currentAxis, dragPan, wheelZoom, zoomKey } from '../zoom';
import type { Fact } from './facts';
import { createFacts } from './facts';
import type { MemoryPart } from './slots';
import { createStateTables } from './stateTables';

function lanesOf(memory: StateMemory): readonly Lane[] {
  const { norm, rank, read, rows, columns } = memory;
  const most = (values: Float32Array): string =>
    figure(values.reduce((high, value) => Math.max(high, value), 0));
  const now = (values: Float32Array): string => figure(values.at(-1) ?? Number.NaN);
  return [
    { label: `Norm ${now(norm)}, at most ${most(norm)}`, values: norm, shape: 'steps' },
    {
      label: `Effective rank ${now(rank)} of ${Math.min(rows, columns)}, at most ${most(rank)}`,
      values: rank,
      shape: 'steps',
    },
    { label: 'Read by the token, by when it was written', values: read, shape: 'bars' },
  ];
}

function factsOf({ norm, rank, rows, columns, halfLives, beta, written }: StateMemory): readonly Fact[] {
  const sorted = halfLives.toSorted();
  const halves = [sorted[0], sorted.at(-1)].map(value =>
    value === Infinity ? '∞' : compact(value ?? Number.NaN),
  );
  const last = (values: Float32Array): string => figure(values.at(-1) ?? Number.NaN);
  return [
    { label: 'Norm', value: last(norm), help: 'Frobenius norm of the state when the token reads it' },
    {
      label: 'Effective rank',
      value: last(rank),
      detail: `of ${Math.min(rows, columns)}`,
      help: 'Directions in use: the exponential of the entropy of the singular values’ shares',
    },
    beta === undefined
      ? {
          label: 'Write norm',
          value: last(written),
          help: 'Mean norm of one token’s write since the sample before',
        }
      : {
          label: 'Strength β',
          value: last(beta),
          help: 'Mean write strength β of a token since the sample before',
        },
    ...(sorted.length === 0
      ? []
      : [
          {
            label: 'Half-life',
            value: halves[0] === halves[1] ? halves[0]! : `${halves[0]}\u2060–\u2060${halves[1]}`,
            detail: 'tokens',
            help: 'Tokens in which half of a write is lost; a range where features decay apart',
          },
        ]),
  ];
}

export function createMatrixState(context: Context): MemoryPart<StateMemory> {
  const { store, theme, texts, tip } = context;
  let memory: StateMemory | undefined;
  let hover: number | undefined;

  const surface = new Surface(theme, (pen, size, palette) => {
    if (memory === undefined || store.range.total === 0) return;
    const { at, token } = memory;
    drawHistory(pen, size, { lanes: lanesOf(memory), at, token, ...store.range, hover }, palette);
  });
  const plot = h('div', { class: 'plot', role: 'group', tabindex: 0 }, surface.canvas);
  const facts = createFacts();
  const tables = createStateTables(context);
  const element = h(
    'div',
    { class: 'parts', hidden: true },
    facts.element,
    plot,
    tables.samples,
    tables.directions,
    tables.overwrites,
  );

  store.watch(
    model => model.choices.tables.includes('memory'),
    on => {
      show(plot, !on);
      show(tables.samples, on);
      surface.invalidate();
    },
  );
  const under = (x: number): number | undefined =>
    memory === undefined ? undefined : sampleAt(memory.at, currentAxis(store, plot), x);
  wheelZoom(store, plot);
  dragPan(store, plot, x => {
    plot.focus();
    const token = memory?.at[under(x) ?? -1];
    if (token !== undefined) context.reveal(token);
  });
  plot.addEventListener('pointermove', event => {
    if (event.buttons !== 0) return;
    hover = under(event.offsetX);
    surface.invalidate();
    if (hover === undefined || memory === undefined) {
      tip.hide();
      return;
    }
    const { at, norm, rank, written, read } = memory;
    tip.show(event.clientX, event.clientY, [
      `After token ${count(at[hover]!)}`,
      `Norm ${figure(norm[hover]!)}, effective rank ${figure(rank[hover]!)}`,
      `Write norm ${figure(written[hover]!)}, read ${share(read[hover]!)}`,
    ]);
  });
  plot.addEventListener('pointerleave', () => {
    hover = undefined;
    tip.hide();
    surface.invalidate();
  });
  plot.addEventListener('keydown', event => {
    if (zoomKey(store, event)) event.preventDefault();
  });

  return {
    element,
    get drawing() {
      return surface.drawing;
    },
    redraw: () => surface.invalidate(),
    show: of => {
      memory = of;
      hover = undefined;
      surface.canvas.style.height = `${historyHeight(lanesOf(of).length)}px`;
      facts.show(factsOf(of));
      setAttribute(
        plot,
        'aria-label',
        `Norm and effective rank of the state over the document, at ${plural(of.at.length, 'sample')}. Show it as a table to read the figures.`,
      );
      tables.show(of);
      surface.invalidate();
      const named = [
        ...of.directions.flatMap(({ tokens }) => tokens.map(({ token }) => token)),
        ...of.overwrites.flatMap(({ token, written }) => [token, written]),
      ];
      void texts.need(named).then(came => {
        if (came && memory === of) tables.show(of);
      });
    },
  };
}
