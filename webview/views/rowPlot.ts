/** The drawing of a row over the document, and what pointer and keys do on it. */

import type { Row } from '../../src/protocol/inspection';
import { SINK_TOKENS } from '../../src/protocol/inspection';
import type { Context } from '../context';
import { h, setAttribute } from '../dom';
import { drawRow, LEGIBLE, ROW_HEIGHT } from '../draw/row';
import { keyNear } from '../draw/arcs';
import { count, weight } from '../format';
import { rangeOf } from '../state';
import { type Drawing, Surface } from '../surface';
import { currentAxis, dragPan, stepToken, wheelZoom, zoomKey } from '../zoom';

export interface RowPlot {
  /** The drawing, and what its colours mean. */
  readonly elements: readonly [plot: HTMLElement, legend: HTMLElement];
  readonly drawing: Drawing;
  show(row: Row | undefined): void;
  /** Draws again, because texts have come, and says the row in a sentence. */
  describe(sentence: string): void;
  /** Brings out a key by its place in `row.keys`. */
  activate(place: number | undefined): void;
}

function legend(): HTMLElement {
  return h(
    'p',
    { class: 'key' },
    h(
      'span',
      { class: 'mass', title: 'Arcs lead to the top keys. Below the line the whole row, pooled.' },
      'mass (√ scale)',
    ),
    h('span', { class: 'span', title: 'The smallest window back that holds 90 % of the mass' }, 'span'),
    h('span', { class: 'sink', title: `The first ${SINK_TOKENS} tokens of the document` }, 'sink'),
  );
}

export function createRowPlot(context: Context, hover: (place: number | undefined) => void): RowPlot {
  const { store, tip, texts } = context;
  let row: Row | undefined;
  let active: number | undefined;

  const surface = new Surface(context.theme, (pen, size, palette) => {
    if (row === undefined) return;
    const { range, total } = store.range;
    const staleFrom = store.model.state?.staleFrom;
    const text = (token: number): string | undefined => texts.label(token, 14);
    drawRow(pen, size, { row, range, total, text, active, staleFrom }, palette);
  });
  surface.canvas.style.height = `${ROW_HEIGHT}px`;
  const plot = h(
    'div',
    {
      class: 'plot',
      role: 'group',
      tabindex: 0,
      'aria-label': 'The row over the document',
      'aria-roledescription': 'document axis',
      'aria-keyshortcuts': 'ArrowLeft ArrowRight + - 0 Enter',
    },
    surface.canvas,
  );

  /** Texts of what the axis shows, once it shows single tokens. */
  function needVisible(): void {
    const axis = currentAxis(store, plot);
    if (row === undefined || axis.step < LEGIBLE) return;
    const from = Math.floor(axis.range.start);
    const to = Math.min(axis.total, Math.ceil(axis.range.end));
    void texts.need(Array.from({ length: to - from }, (_, index) => from + index)).then(came => {
      if (came) surface.invalidate();
    });
  }

  function lines(of: Row, place: number | undefined, position: number): readonly string[] {
    const key = place === undefined ? undefined : of.keys[place];
    return key === undefined
      ? [
          `Token ${count(position)}`,
          `${count(Math.abs(of.token - position))} ${position > of.token ? 'ahead' : 'back'}`,
        ]
      : [
          `${texts.label(key.index) ?? ''} ${weight(key.weight)}`,
          `token ${count(key.index)}, ${count(of.token - key.index)} back`,
        ];
  }

  wheelZoom(store, plot);
  dragPan(store, plot, (x, y) => {
    plot.focus();
    const place = row === undefined ? undefined : keyNear(row, currentAxis(store, plot), x, y);
    const key = place === undefined ? undefined : row?.keys[place];
    if (key !== undefined) context.reveal(key.index);
  });
  plot.addEventListener('pointermove', event => {
    if (row === undefined || event.buttons !== 0) return;
    const axis = currentAxis(store, plot);
    const place = keyNear(row, axis, event.offsetX, event.offsetY);
    hover(place);
    tip.show(event.clientX, event.clientY, lines(row, place, axis.tokenAt(event.offsetX)));
  });
  plot.addEventListener('pointerleave', () => {
    tip.hide();
    hover(undefined);
  });
  plot.addEventListener('keydown', event => {
    if (zoomKey(store, event)) {
      event.preventDefault();
      return;
    }
    if (event.key === 'ArrowLeft') stepToken(context, -1);
    else if (event.key === 'ArrowRight') stepToken(context, 1);
    else if (event.key === 'Enter' && row !== undefined) context.reveal(row.token);
    else return;
    event.preventDefault();
  });
  store.watch(
    model => {
      const { range } = rangeOf(model);
      return `${range.start} ${range.end} ${model.state?.staleFrom}`;
    },
    () => {
      surface.invalidate();
      needVisible();
    },
  );

  return {
    elements: [plot, legend()],
    get drawing() {
      return surface.drawing;
    },
    show: next => {
      row = next;
      active = undefined;
      surface.invalidate();
      needVisible();
    },
    describe: sentence => {
      setAttribute(plot, 'aria-label', `The row over the document. ${sentence}`);
      surface.invalidate();
    },
    activate: place => {
      active = place;
      surface.invalidate();
    },
  };
}
