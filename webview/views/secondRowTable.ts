/** Two rows of one token in figures, and the keys that one has and the other lacks. */

import type { Row, RowKey } from '../../src/protocol/inspection';
import { SINK_TOKENS, SPAN_MASS } from '../../src/protocol/inspection';
import type { Context } from '../context';
import { h, refill, setText, show } from '../dom';
import { count, nats, share, tokenText, weight } from '../format';

/** The run's row, and that of the second variant with what it is beside the run. */
export interface RowPair {
  readonly run: Row;
  readonly second: Row;
  readonly runName: string;
  readonly secondName: string;
}

export interface SecondRowTable {
  readonly elements: readonly HTMLElement[];
  show(pair: RowPair): void;
}

interface Figure {
  readonly title: string;
  readonly help: string;
  readonly of: (row: Row) => string;
}

const FIGURES: readonly Figure[] = [
  {
    title: 'Span, tokens',
    help: `The smallest window back from the token that holds ${SPAN_MASS * 100} % of its attention mass`,
    of: ({ span }) => count(span),
  },
  { title: 'Entropy, nats', help: 'Entropy of the row in nats', of: ({ entropy }) => nats(entropy) },
  {
    title: 'Sink mass',
    help: `Share of the attention mass on the first ${SINK_TOKENS} tokens, the attention sink`,
    of: ({ sink }) => share(sink),
  },
  { title: 'Strongest', help: 'The strongest attention weight of the row', of: ({ peak }) => weight(peak) },
  { title: 'Admitted keys', help: 'How many keys the token sees', of: ({ admitted }) => count(admitted) },
  {
    title: 'Recall',
    help: 'Share of the mass of the layer’s own attention, on the same q and k, on keys that the row weighs',
    // Where there is nothing to hold it against, the row is that of the own attention.
    of: ({ against }) => share(against ? against.recall : 1),
  },
  {
    title: 'Output error',
    help: 'How far the head’s output is from that of the layer’s own attention, as a share of its length',
    of: ({ against }) => share(against ? against.error : 0),
  },
];

const KEPT = 'Mass on the other’s keys';

export function createSecondRowTable(context: Context): SecondRowTable {
  const runHead = h('th', { scope: 'col', class: 'number' });
  const secondHead = h('th', { scope: 'col', class: 'number' });
  const body = h('tbody');
  const table = h(
    'table',
    { class: 'pairing' },
    h('caption', { class: 'unseen' }, 'The token’s two rows in figures'),
    h(
      'thead',
      {},
      h('tr', {}, h('th', { scope: 'col', title: 'Figures of the two rows' }, 'Figure'), runHead, secondHead),
    ),
    body,
  );
  const lacks = createKeyList(context);
  const adds = createKeyList(context);

  return {
    elements: [table, h('div', { class: 'pair' }, lacks.element, adds.element)],
    show: ({ run, second, runName, secondName }) => {
      setText(runHead, 'Run');
      runHead.title = runName;
      setText(secondHead, 'Second');
      secondHead.title = secondName;
      const line = (title: string, help: string, one: string, other: string): HTMLElement =>
        h(
          'tr',
          {},
          h('th', { scope: 'row', title: help }, title),
          h('td', { class: 'number' }, one),
          h('td', { class: 'number' }, other),
        );
      const { beside } = second;
      refill(
        body,
        ...FIGURES.map(({ title, help, of }) => line(title, help, of(run), of(second))),
        ...(beside
          ? [
              line(
                KEPT,
                'Share of each row’s mass on keys that the other row weighs too',
                share(beside.kept),
                share(beside.shared),
              ),
            ]
          : []),
      );
      lacks.show(
        `Only the run (${runName}) weighs`,
        beside?.lacks ?? [],
        'The second weighs every key that the run does.',
      );
      adds.show(
        `Only ${secondName} weighs`,
        beside?.adds ?? [],
        'The run weighs every key that the second does.',
      );
    },
  };
}

interface KeyList {
  readonly element: HTMLElement;
  show(title: string, keys: readonly RowKey[], none: string): void;
}

function createKeyList(context: Context): KeyList {
  const { texts } = context;
  const title = h('h3', { title: 'The strongest keys that one row weighs and the other does not' });
  const list = h('ul', { class: 'chips' });
  const nothing = h('p', { class: 'muted small' });
  const element = h('div', { class: 'block' }, title, list, nothing);
  let shown: readonly RowKey[] = [];

  function write(): void {
    refill(
      list,
      ...shown.map(key => {
        const text = texts.of(key.index)?.text;
        const help = `Show token ${count(key.index)} in the editor`;
        const button = h(
          'button',
          { type: 'button', class: 'link token', title: help },
          text === undefined ? '…' : tokenText(text, 16),
        );
        button.addEventListener('click', () => context.reveal(key.index));
        return h(
          'li',
          {},
          button,
          h('span', { class: 'detail' }, `${weight(key.weight)} at ${count(key.index)}`),
        );
      }),
    );
  }

  return {
    element,
    show: (heading, keys, none) => {
      shown = keys;
      setText(title, heading);
      setText(nothing, none);
      show(nothing, keys.length === 0);
      show(list, keys.length > 0);
      write();
      void texts.need(keys.map(({ index }) => index)).then(came => {
        if (came && shown === keys) write();
      });
    },
  };
}
