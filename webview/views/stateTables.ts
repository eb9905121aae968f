/** Figures of a matrix state: over time, by direction, and what keys erased. */

import type { StateMemory } from '../../src/protocol/memory';
import type { Context } from '../context';
import { h, show } from '../dom';
import { count, figure, share, tokenText } from '../format';

export interface StateTables {
  /** In place of the drawing. */
  readonly samples: HTMLElement;
  readonly directions: HTMLElement;
  readonly overwrites: HTMLElement;
  show(memory: StateMemory): void;
}

/** Headings with what they mean; figures unless said to be text. */
function columns(...names: readonly (readonly [string, string, isText?: boolean])[]): HTMLElement {
  return h(
    'thead',
    {},
    h(
      'tr',
      {},
      ...names.map(([name, help, isText]) =>
        h('th', { scope: 'col', title: help, class: isText === true ? undefined : 'number' }, name),
      ),
    ),
  );
}

export function createStateTables(context: Context): StateTables {
  const { texts } = context;
  const samples = h('tbody');
  const table = h(
    'div',
    {
      class: 'scroll',
      hidden: true,
      tabindex: 0,
      role: 'region',
      'aria-label': 'The state over time as a table',
    },
    h(
      'table',
      {},
      h('caption', { class: 'unseen' }, 'The state after sampled tokens'),
      columns(
        ['After token', 'Token position after which the state is measured', true],
        ['Norm', 'Frobenius norm of the state'],
        ['Rank', 'Effective rank of the state'],
        ['Write norm', 'Mean norm of one token’s write since the line before'],
        ['Read', 'Share of the row’s mass on tokens since the line before'],
      ),
      samples,
    ),
  );
  const directions = h('tbody');
  const directionTable = h(
    'table',
    {},
    h('caption', {}, 'Largest directions of the state, with the tokens whose keys lie closest'),
    columns(
      [
        'Tokens',
        'Tokens whose keys have the largest cosine with the direction; a minus sign: opposite to it',
        true,
      ],
      ['Energy', 'Share of the state’s squared norm'],
      ['Read', 'Share of what the token reads from the state'],
    ),
    directions,
  );
  const overwrites = h('tbody');
  const overwriteTable = h(
    'table',
    {},
    h('caption', {}, 'Overwritten: writes that a later key took out'),
    columns(
      ['Write of', 'Token whose write was lost in part', true],
      ['Erased by', 'Token whose key took it out', true],
      ['Lost', 'Norm of what was taken, against the write when it was new'],
    ),
    overwrites,
  );

  function tokenButton(token: number): HTMLElement {
    const text = texts.of(token)?.text;
    const button = h(
      'button',
      { type: 'button', class: 'link token', title: `Show token ${count(token)} in the editor` },
      text === undefined ? '…' : tokenText(text, 14),
    );
    button.addEventListener('click', () => context.reveal(token));
    return button;
  }

  function fill(of: StateMemory): void {
    const number = (text: string): HTMLElement => h('td', { class: 'number' }, text);
    samples.replaceChildren(
      ...Array.from(of.at, (token, t) =>
        h(
          'tr',
          {},
          h('th', { scope: 'row' }, count(token)),
          ...[of.norm, of.rank, of.written].map(values => number(figure(values[t] ?? Number.NaN))),
          number(share(of.read[t] ?? Number.NaN)),
        ),
      ),
    );
    directions.replaceChildren(
      ...of.directions.map(({ energy, read, tokens }) =>
        h(
          'tr',
          {},
          h(
            'th',
            { scope: 'row' },
            h(
              'span',
              { class: 'chips' },
              ...tokens.map(({ token, cosine }) =>
                h(
                  'span',
                  {},
                  tokenButton(token),
                  h('span', { class: 'detail' }, cosine.toFixed(2).replace('-', '−')),
                ),
              ),
            ),
          ),
          number(share(energy)),
          number(share(read)),
        ),
      ),
    );
    show(overwriteTable, of.overwrites.length > 0);
    overwrites.replaceChildren(
      ...of.overwrites.map(({ token, written, share: taken }) => {
        const position = (at: number): HTMLElement => h('span', { class: 'detail' }, ` ${count(at)}`);
        return h(
          'tr',
          {},
          h('th', { scope: 'row' }, tokenButton(written), position(written)),
          h('td', {}, tokenButton(token), position(token)),
          number(share(taken)),
        );
      }),
    );
  }

  return { samples: table, directions: directionTable, overwrites: overwriteTable, show: fill };
}
