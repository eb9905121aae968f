/** The top keys of the row as a table; Enter or a click on one moves the editor there. */

import type { Row } from '../../src/protocol/inspection';
import type { Context } from '../context';
import { h, setAttribute, setText, show } from '../dom';
import { count, tokenText, weight } from '../format';

/** Shown before the reader asks for all. */
const FEW = 8;

export interface Keys {
  readonly element: HTMLElement;
  show(row: Row): void;
  /** Brings out a key that the pointer is on elsewhere. */
  activate(place: number | undefined): void;
}

interface Line {
  readonly row: HTMLTableRowElement;
  readonly text: HTMLButtonElement;
  readonly position: HTMLElement;
  readonly distance: HTMLElement;
  readonly weight: HTMLElement;
  readonly bar: HTMLElement;
}

export function createKeys(context: Context, hover: (place: number | undefined) => void): Keys {
  const body = h('tbody');
  const heading = (text: string, help: string, number: boolean): HTMLElement =>
    h('th', { scope: 'col', title: help, class: number ? 'number' : undefined }, text);
  const table = h(
    'table',
    { class: 'keys' },
    h('caption', { class: 'unseen' }, 'Keys with the largest attention weights'),
    h(
      'thead',
      {},
      h(
        'tr',
        {},
        heading('Key', 'Text of the attended token', false),
        heading('Position', 'Token position of the key in the document', true),
        heading('Back', 'Distance back from the token, in tokens', true),
        heading('Weight', 'Attention weight of the key in this row', true),
      ),
    ),
    body,
  );
  const more = h('button', { type: 'button', class: 'link more' });
  more.addEventListener('click', () =>
    context.store.choose({ allKeys: !context.store.model.choices.allKeys }),
  );
  const element = h('div', { class: 'block' }, h('h3', {}, 'Top keys'), table, more);
  const lines: Line[] = [];
  let current: Row | undefined;

  const focusLine = (at: number): void => {
    const last = lines.filter(line => !line.row.hidden).length - 1;
    const next = Math.max(0, Math.min(last, at));
    lines.forEach((line, place) => setAttribute(line.text, 'tabindex', place === next ? 0 : -1));
    lines[next]?.text.focus();
  };

  function makeLine(place: number): Line {
    const text = h('button', { type: 'button', class: 'link token', tabindex: place === 0 ? 0 : -1 });
    const bar = h('div', { class: 'meter' });
    const parts = {
      text,
      bar,
      position: h('td', { class: 'number' }),
      distance: h('td', { class: 'number' }),
      weight: h('span'),
    };
    const row = h(
      'tr',
      {},
      h('th', { scope: 'row' }, text),
      parts.position,
      parts.distance,
      h('td', { class: 'number weighed' }, bar, parts.weight),
    );
    const go = (): void => {
      const key = current?.keys[place];
      if (key !== undefined) context.reveal(key.index);
    };
    row.addEventListener('click', go);
    row.addEventListener('pointerenter', () => hover(place));
    row.addEventListener('pointerleave', () => hover(undefined));
    text.addEventListener('focus', () => hover(place));
    text.addEventListener('blur', () => hover(undefined));
    text.addEventListener('keydown', event => {
      if (event.key === 'ArrowDown') focusLine(place + 1);
      else if (event.key === 'ArrowUp') focusLine(place - 1);
      else if (event.key === 'Home') focusLine(0);
      else if (event.key === 'End') focusLine(lines.length);
      else return;
      event.preventDefault();
    });
    return { row, ...parts };
  }

  function fill(row: Row): void {
    const { allKeys } = context.store.model.choices;
    const heaviest = Math.abs(row.keys[0]?.weight ?? 1);
    while (lines.length < row.keys.length) {
      const line = makeLine(lines.length);
      lines.push(line);
      body.append(line.row);
    }
    lines.forEach((line, place) => {
      const key = row.keys[place];
      show(line.row, key !== undefined && (allKeys || place < FEW));
      if (key === undefined) return;
      const text = context.texts.of(key.index);
      setText(line.text, text === undefined ? '…' : tokenText(text.text, 20));
      const where = text === undefined ? '' : ` on line ${text.line}`;
      setAttribute(line.text, 'title', `Show token ${count(key.index)}${where} in the editor`);
      setText(line.position, count(key.index));
      setText(line.distance, count(row.token - key.index));
      setText(line.weight, weight(key.weight));
      line.bar.classList.toggle('negative', key.weight < 0);
      line.bar.style.transform = `scaleX(${Math.abs(key.weight) / heaviest})`;
    });
    show(more, row.keys.length > FEW);
    setText(more, allKeys ? 'Show fewer' : `Show all ${row.keys.length}`);
    if (!lines.some(line => !line.row.hidden && line.text.tabIndex === 0)) {
      lines.forEach((line, place) => setAttribute(line.text, 'tabindex', place === 0 ? 0 : -1));
    }
  }

  const refill = (): void => {
    if (current !== undefined) fill(current);
  };
  context.store.watch(model => model.choices.allKeys, refill);

  return {
    element,
    activate: place => {
      lines.forEach((line, at) => line.row.classList.toggle('active', at === place));
    },
    show: row => {
      current = row;
      fill(row);
    },
  };
}
