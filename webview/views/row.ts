/** The selected token: its row over the document, its figures and its top keys. */

import type { Row, TokenDetail } from '../../src/protocol/inspection';
import { SINK_TOKENS, SPAN_MASS } from '../../src/protocol/inspection';
import type { Context } from '../context';
import { h, setAttribute, setText, show } from '../dom';
import { clamp } from '../draw/axis';
import { drawRow, keyNear, ROW_HEIGHT } from '../draw/row';
import { count, nats, plural, share, tokenText, weight } from '../format';
import { section, tableToggle } from '../section';
import { watchDetail, watchRow } from '../selected';
import { rangeOf } from '../state';
import { Surface } from '../surface';
import { iconButton, press } from '../ui';
import { currentAxis, dragPan, follow, wheelZoom, zoomButtons, zoomKey, zoomToToken } from '../zoom';
import { createDistances } from './distances';
import type { Fact } from './facts';
import { createFacts } from './facts';
import { createKeys } from './keys';
import { createSnippet } from './snippet';

/** Below this many pixels a token, texts of the visible tokens are not drawn. */
const LEGIBLE = 26;

function figures(row: Row, strongest: string | undefined): readonly Fact[] {
  const signed = row.distribution ? '' : ' Shares of |weight|, because this row carries signs.';
  return [
    {
      label: 'Span',
      value: count(row.span),
      detail: row.span === 1 ? 'token' : 'tokens',
      help: `The smallest window back from the token that holds ${SPAN_MASS * 100} % of its attention mass`,
    },
    {
      label: 'Entropy, nats',
      value: nats(row.entropy),
      detail: `≈ ${plural(Math.round(Math.exp(row.entropy)), 'key')}`,
      help: `Entropy of the row in nats, and the number of evenly weighted keys that would have it.${signed}`,
    },
    {
      label: 'Sink mass',
      value: share(row.sink),
      detail: `first ${SINK_TOKENS} tokens`,
      help: 'Share of the attention mass on the first tokens of the document, the attention sink',
    },
    {
      label: 'Strongest',
      value: weight(row.peak),
      detail: strongest ?? '',
      help: 'The strongest attention weight of the row, and the key that has it',
    },
    {
      label: 'Listed keys',
      value: share(row.mass),
      detail: `in ${plural(row.keys.length, 'key')}`,
      help: 'Share of the attention mass that the top keys hold',
    },
    {
      label: 'Admitted',
      value: count(row.admitted),
      detail: row.admitted === 1 ? 'key' : 'keys',
      help: 'How many keys the variant let this token see',
    },
  ];
}

function expected(detail: TokenDetail | undefined, token: number): string {
  const meaning = 'How surprised the model was by this token: -log of its probability, in nats.';
  if (detail?.token !== token || detail.predictions.length === 0) return meaning;
  const best = detail.predictions
    .slice(0, 3)
    .map(({ text, logProbability }) => `${tokenText(text)} ${share(Math.exp(logProbability))}`);
  return `${meaning} It expected: ${best.join(', ')}.`;
}

export function createRow(context: Context): HTMLElement {
  const { store, theme, tip, texts } = context;
  const view = section('row', 'Token', 'One row of attention: what the selected token looks at');
  let row: Row | undefined;
  let detail: TokenDetail | undefined;
  let active: number | undefined;

  const step = (by: number): void => {
    const { token } = store.selection ?? {};
    const { total } = store.range;
    if (typeof token !== 'number' || total === 0) return;
    const next = clamp(token + by, 0, total - 1);
    follow(store, next);
    context.select({ token: next });
  };
  const pin = iconButton({
    icon: 'pin',
    label: 'Pin token',
    help: 'Pin this token: keep it here while the cursor moves on',
    pressed: false,
    act: () => context.select({ pinned: store.selection?.pinned !== true }),
  });
  const here = (): number | undefined => row?.token;
  view.tools.append(
    iconButton({
      icon: 'previous',
      label: 'Previous token',
      help: 'Previous token (Left arrow)',
      act: () => step(-1),
    }),
    iconButton({ icon: 'next', label: 'Next token', help: 'Next token (Right arrow)', act: () => step(1) }),
    pin,
    iconButton({
      icon: 'reveal',
      label: 'Show the token in the editor',
      help: 'Show the token in the editor',
      act: () => {
        const token = here();
        if (token !== undefined) context.reveal(token);
      },
    }),
    iconButton({
      icon: 'focus',
      label: 'Zoom to the token and its span',
      help: 'Zoom to the token and its span',
      act: () => {
        if (row !== undefined) zoomToToken(store, row.token, row.span);
      },
    }),
    ...zoomButtons(store),
    tableToggle(store, 'row', 'the mass by distance'),
  );

  const surface = new Surface(theme, (pen, size, palette) => {
    if (row === undefined) return;
    const { range, total } = store.range;
    const staleFrom = store.model.state?.staleFrom ?? undefined;
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
  const token = h('span', { class: 'token' });
  const place = h('span');
  const head = h('span', { class: 'muted' });
  const lead = h('div', { class: 'lead' }, token, h('div', { class: 'lines' }, place, head));
  const readout = createFacts();
  const snippet = createSnippet(context);
  const keys = createKeys(context, at => bringOut(at));
  const distances = createDistances(context);
  view.body.append(
    lead,
    snippet.element,
    plot,
    readout.element,
    h('div', { class: 'pair' }, keys.element, distances.element),
  );

  function bringOut(at: number | undefined): void {
    if (at === active) return;
    active = at;
    keys.activate(at);
    surface.invalidate();
  }

  function write(): void {
    if (row === undefined) return;
    const text = texts.of(row.token);
    setText(token, text === undefined ? '…' : tokenText(text.text, 32));
    const line = text === undefined ? '' : ` · line ${count(text.line)}`;
    setText(place, `token ${count(row.token)}${line}`);
    const loss = detail?.token === row.token ? detail.loss : undefined;
    const cost = typeof loss === 'number' ? ` · loss ${nats(loss)} nats` : '';
    setText(head, `layer ${row.layer}, head ${row.head}${cost}`);
    setAttribute(head, 'title', expected(detail, row.token));
    const first = row.keys[0];
    readout.show(figures(row, first === undefined ? undefined : texts.label(first.index, 12)));
    keys.show(row);
    surface.invalidate();
    setAttribute(plot, 'aria-label', `The row over the document. ${spoken(row)}`);
  }

  /** The selection in a sentence. */
  function spoken(of: Row): string {
    const name = texts.label(of.token) ?? '';
    const first = of.keys[0];
    const best =
      first === undefined
        ? ''
        : `, strongest key '${texts.label(first.index) ?? ''}' ${weight(first.weight)}`;
    return `Layer ${of.layer} head ${of.head}, token ${of.token} '${name}': span ${plural(of.span, 'token')}, entropy ${nats(of.entropy)} nats${best}`;
  }

  /** Texts of what the axis shows, once it shows single tokens. */
  function needVisible(): void {
    const axis = currentAxis(store, plot);
    if (axis.step < LEGIBLE) return;
    const from = Math.floor(axis.range.start);
    const to = Math.min(axis.total, Math.ceil(axis.range.end));
    void texts.need(Array.from({ length: to - from }, (_, index) => from + index)).then(came => {
      if (came) surface.invalidate();
    });
  }

  watchRow(context, answer => {
    show(view.element, store.model.state?.inspection !== undefined);
    if (answer === undefined) {
      row = undefined;
      view.message('Put the cursor on a token in the document, or pick one in the ribbon below.');
      return;
    }
    if (answer.kind === 'problem') {
      view.message(answer.problem, context.tone);
      return;
    }
    const shown = answer.value;
    row = shown;
    active = undefined;
    view.message(undefined);
    snippet.show(shown);
    distances.show(shown);
    write();
    needVisible();
    void texts.need([shown.token, ...shown.keys.map(key => key.index)]).then(came => {
      if (row !== shown) return;
      if (came) write();
      context.announcer.say(spoken(shown));
    });
  });
  watchDetail(context, next => {
    detail = next;
    write();
  });
  store.watch(
    ({ state }) => state?.inspection !== undefined,
    on => show(view.element, on),
  );
  store.watch(
    ({ state }) => state?.selection.pinned === true,
    pinned => {
      press(pin, pinned);
      setAttribute(pin, 'aria-label', pinned ? 'Unpin token' : 'Pin token');
      pin.title = pinned
        ? 'Unpin: follow the cursor again'
        : 'Pin this token: keep it here while the cursor moves on';
    },
  );
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

  wheelZoom(store, plot);
  dragPan(store, plot, (x, y) => {
    plot.focus();
    const at = row === undefined ? undefined : keyNear(row, currentAxis(store, plot), x, y);
    const key = at === undefined ? undefined : row?.keys[at];
    if (key !== undefined) context.reveal(key.index);
  });
  plot.addEventListener('pointermove', event => {
    if (row === undefined || event.buttons !== 0) return;
    const axis = currentAxis(store, plot);
    const at = keyNear(row, axis, event.offsetX, event.offsetY);
    bringOut(at);
    const key = at === undefined ? undefined : row.keys[at];
    const position = axis.tokenAt(event.offsetX);
    tip.show(
      event.clientX,
      event.clientY,
      key === undefined
        ? [
            `Token ${count(position)}`,
            `${count(Math.abs(row.token - position))} ${position > row.token ? 'ahead' : 'back'}`,
          ]
        : [
            `${texts.label(key.index) ?? ''} ${weight(key.weight)}`,
            `token ${count(key.index)}, ${count(row.token - key.index)} back`,
          ],
    );
  });
  plot.addEventListener('pointerleave', () => {
    tip.hide();
    bringOut(undefined);
  });
  plot.addEventListener('keydown', event => {
    if (zoomKey(store, event)) {
      event.preventDefault();
      return;
    }
    if (event.key === 'ArrowLeft') step(-1);
    else if (event.key === 'ArrowRight') step(1);
    else if (event.key === 'Enter' && row !== undefined) context.reveal(row.token);
    else return;
    event.preventDefault();
  });
  return view.element;
}
