/** The tokens that a candidate changes most, as a list that leads to the text. */

import type { CandidateSummary, TokenChange } from '../../src/protocol/comparison';
import { signed } from '../candidates';
import type { Context } from '../context';
import { h, refill, setText, show } from '../dom';
import { count, share } from '../format';
import { around, quoted } from './hurtLine';

/** Shown before the reader asks for all. */
const FEW = 8;

export interface CompareTokens {
  readonly element: HTMLElement;
  show(candidate: CandidateSummary): void;
}

export function createCompareTokens(context: Context): CompareTokens {
  const { store, texts } = context;
  let changes: readonly TokenChange[] = [];
  let all = false;
  const title = h('h3');
  const measure = h('th', { scope: 'col', class: 'number' });
  const body = h('tbody');
  const table = h(
    'table',
    { class: 'keys changes' },
    h('caption', { class: 'unseen' }, 'Tokens that the variant changes most, greatest change first'),
    h(
      'thead',
      {},
      h(
        'tr',
        {},
        h('th', { scope: 'col', title: 'The token in its text; a press shows it in the editor' }, 'Token'),
        measure,
      ),
    ),
    body,
  );
  const nothing = h('p', { class: 'sentence' });
  const more = h('button', { type: 'button', class: 'link more' });
  more.addEventListener('click', () => {
    all = !all;
    fold();
  });
  const element = h('div', { class: 'block' }, title, table, nothing, more);

  function fold(): void {
    Array.from(body.children).forEach((line, place) => {
      if (line instanceof HTMLElement) show(line, all || place < FEW);
    });
    show(more, changes.length > FEW);
    setText(more, all ? 'Show fewer' : `Show all ${changes.length}`);
  }

  function line({ token, error, lossChange }: TokenChange, most: number): HTMLElement {
    const value = lossChange ?? error;
    const own = texts.of(token);
    const text = h(
      'button',
      {
        type: 'button',
        class: 'link token',
        title: `Select token ${count(token)} and show it in the editor`,
      },
      ...quoted(context, token),
    );
    text.addEventListener('click', () => {
      context.select({ token });
      context.reveal(token);
    });
    const place = `token ${count(token)}${own === undefined ? '' : `, line ${count(own.line)}`}`;
    const rest = lossChange === undefined ? '' : `; output error ${share(error).replace(' ', '\u00a0')}`;
    const bar = h('div', { class: 'meter' });
    bar.style.transform = `scaleX(${most > 0 ? value / most : 0})`;
    return h(
      'tr',
      {},
      h('th', { scope: 'row' }, text, h('span', { class: 'detail' }, place + rest)),
      h(
        'td',
        { class: 'number weighed' },
        bar,
        h('span', {}, lossChange === undefined ? share(error) : signed(lossChange)),
      ),
    );
  }

  function write(): void {
    const [first] = changes;
    const most = first === undefined ? 0 : (first.lossChange ?? first.error);
    refill(body, ...changes.map(change => line(change, most)));
    fold();
  }

  return {
    element,
    show: candidate => {
      changes = candidate.hurt;
      const isLive = typeof candidate.live?.loss === 'number';
      setText(title, isLive ? 'Tokens that lose most' : 'Tokens whose output is furthest off');
      setText(measure, isLive ? 'Loss change' : 'Output error');
      measure.title = isLive
        ? 'Nats that the token’s loss rises with the variant in every layer'
        : '|y - y_own| / |y_own|, the mean over layers and heads';
      setText(nothing, 'No token loses anything.');
      show(nothing, changes.length === 0);
      show(table, changes.length > 0);
      write();
      const list = changes;
      void texts.need(list.flatMap(({ token }) => around(token, store.range.total))).then(came => {
        if (came && changes === list) write();
      });
    },
  };
}
