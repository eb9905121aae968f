/** The words around the selected token, with the keys it attends to shaded. */

import type { Row } from '../../src/protocol/inspection';
import type { Context } from '../context';
import { h } from '../dom';
import { emphasis } from '../draw/arcs';
import { runningText } from '../format';

const BEFORE = 28;
const AFTER = 14;

export interface Snippet {
  readonly element: HTMLElement;
  show(row: Row): void;
}

export function createSnippet(context: Context): Snippet {
  const line = h('div', { class: 'line' });
  const element = h(
    'div',
    { class: 'snippet', title: 'The text around the token; keys it attends to are shaded by weight' },
    line,
  );
  let shown: Row | undefined;

  function range(row: Row): readonly number[] {
    const total = context.store.range.total;
    const from = Math.max(0, row.token - BEFORE);
    const to = Math.min(total, row.token + 1 + AFTER);
    return Array.from({ length: to - from }, (_, index) => from + index);
  }

  function fill(row: Row): void {
    const weights = new Map(row.keys.map(key => [key.index, key.weight]));
    const heaviest = Math.abs(row.keys[0]?.weight ?? 1);
    const { palette } = context.theme;
    let chosen: HTMLElement | undefined;
    const words = range(row).map(token => {
      const text = runningText(context.texts.of(token)?.text ?? '');
      if (token === row.token) {
        chosen = h('strong', {}, text === '' ? '(start)' : text);
        return chosen;
      }
      const weight = weights.get(token);
      if (weight === undefined) return document.createTextNode(text);
      const part = emphasis(weight / heaviest);
      const word = h('span', {}, text);
      word.style.backgroundColor = palette.ramp.fill(part);
      word.style.color = palette.ramp.ink(part);
      return word;
    });
    line.replaceChildren(...words);
    // The chosen token stays in the middle, whatever the width.
    if (chosen !== undefined) {
      element.scrollLeft = chosen.offsetLeft + chosen.offsetWidth / 2 - element.clientWidth / 2;
    }
  }

  const refill = (): void => {
    if (shown !== undefined) fill(shown);
  };
  new ResizeObserver(refill).observe(element);
  context.theme.onChange(refill);

  return {
    element,
    show: row => {
      shown = row;
      fill(row);
      void context.texts.need(range(row)).then(came => {
        if (came && shown === row) fill(row);
      });
    },
  };
}
