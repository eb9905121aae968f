/** The selected token: its row over the document, its figures and its top keys. */

import type { Row, TokenDetail } from '../../src/protocol/inspection';
import type { Context } from '../context';
import { h, setAttribute, setText, show } from '../dom';
import { count, nats, tokenText } from '../format';
import type { Exported } from '../exports/menu';
import { stacked } from '../exports/picture';
import { rowTables } from '../exports/tables';
import { section } from '../section';
import { watchDetail, watchRow } from '../selected';
import { createDistances } from './distances';
import { createFacts } from './facts';
import { createKeys } from './keys';
import { expected, figures, spoken } from './rowFigures';
import { createRowPlot } from './rowPlot';
import { rowTools } from './rowTools';
import { createSecondRow } from './secondRow';
import { createSnippet } from './snippet';

export function createRow(context: Context): HTMLElement {
  const { store, texts } = context;
  const view = section('row', 'Token', 'One row of attention: what the selected token looks at');
  let row: Row | undefined;
  let detail: TokenDetail | undefined;
  let active: number | undefined;

  const token = h('span', { class: 'token' });
  const place = h('span');
  const head = h('span', { class: 'muted' });
  const cost = h('span', { class: 'muted' });
  const lead = h('div', { class: 'lead' }, token, h('div', { class: 'lines' }, place, head, cost));
  const readout = createFacts();
  const snippet = createSnippet(context);
  const keys = createKeys(context, at => bringOut(at));
  const plot = createRowPlot(context, at => bringOut(at));
  const distances = createDistances(context);
  const second = createSecondRow(context);
  view.tools.append(...rowTools(context, { row: () => row, exported }));
  view.body.append(
    lead,
    snippet.element,
    plot.elements[0],
    second.plot,
    plot.elements[1],
    readout.element,
    second.element,
    h('div', { class: 'pair' }, keys.element, distances.element),
  );
  const label = (of: number): string | undefined => texts.label(of);

  function bringOut(at: number | undefined): void {
    if (at === active) return;
    active = at;
    keys.activate(at);
    plot.activate(at);
  }

  function write(): void {
    if (row === undefined) return;
    const text = texts.of(row.token);
    setText(token, text === undefined ? '…' : tokenText(text.text, 32));
    const line = text === undefined ? '' : ` · line ${count(text.line)}`;
    setText(place, `token ${count(row.token)}${line}`);
    const loss = detail?.token === row.token ? detail.loss : undefined;
    setText(head, `layer ${row.layer}, head ${row.head}`);
    setText(cost, typeof loss === 'number' ? `loss ${nats(loss)} nats` : '');
    setAttribute(cost, 'title', expected(detail, row.token));
    const first = row.keys[0];
    readout.show(figures(row, first === undefined ? undefined : texts.label(first.index, 12)));
    keys.show(row);
    plot.describe(spoken(row, label));
  }

  function exported(): Exported | undefined {
    if (row === undefined) return undefined;
    return {
      title: `Token ${row.token}, layer ${row.layer}, head ${row.head}`,
      drawing: stacked([plot.drawing, ...second.drawings, distances.drawing]),
      tables: [...rowTables(row, store.range.total, texts), ...second.tables],
    };
  }

  watchRow(context, answer => {
    if (answer?.kind !== 'value') {
      row = undefined;
      second.run(undefined);
      plot.show(undefined);
      if (answer === undefined) {
        view.message('Put the cursor on a token in the document, or pick one in the ribbon below.');
      } else view.message(answer.problem, context.tone);
      return;
    }
    const shown = answer.value;
    row = shown;
    second.run(shown);
    bringOut(undefined);
    view.message(undefined);
    plot.show(shown);
    snippet.show(shown);
    distances.show(shown);
    write();
    void texts.need([shown.token, ...shown.keys.map(key => key.index)]).then(came => {
      if (row !== shown) return;
      if (came) write();
      context.announcer.say(spoken(shown, label));
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
  return view.element;
}
