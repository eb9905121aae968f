/** The frame of a view: heading, tools, a sentence when there is nothing to draw, and a body. */

import { freshId, h, setText, show } from './dom';
import { icon } from './icons';
import type { Store, TableName } from './state';
import { iconButton, press } from './ui';

export interface Section {
  readonly element: HTMLElement;
  readonly tools: HTMLElement;
  readonly body: HTMLElement;
  /** All that folds away below the heading. */
  readonly content: HTMLElement;
  title(text: string): void;
  /** Shows a sentence in place of the body; undefined shows the body. */
  message(text: string | undefined, kind?: 'plain' | 'problem'): void;
}

export function section(view: string, title: string, help: string): Section {
  const id = freshId('heading');
  const contentId = freshId('content');
  const name = h('span', { id }, title);
  const fold = h(
    'button',
    { type: 'button', class: 'fold', title: help, 'aria-expanded': 'true', 'aria-controls': contentId },
    icon('next'),
    name,
  );
  const tools = h('div', { class: 'tools' });
  const sentence = h('p', { class: 'sentence', hidden: true });
  const body = h('div', { class: 'body' });
  const content = h('div', { id: contentId }, sentence, body);
  const element = h(
    'section',
    { 'data-view': view, 'aria-labelledby': id, class: 'view' },
    h('header', { class: 'bar' }, h('h2', {}, fold), tools),
    content,
  );
  return {
    element,
    tools,
    body,
    content,
    title: text => setText(name, text),
    message: (text, kind = 'plain') => {
      show(sentence, text !== undefined);
      show(body, text === undefined);
      setText(sentence, text ?? '');
      sentence.classList.toggle('problem', kind === 'problem');
    },
  };
}

/** A button that swaps a view's drawing for a table and back. */
export function tableToggle(store: Store, name: TableName, what: string): HTMLElement {
  const toggle = iconButton({
    icon: icon('table'),
    label: `Show ${what} as a table`,
    help: `Show ${what} as a table in place of the drawing`,
    pressed: store.isTable(name),
    act: () => store.toggleTable(name),
  });
  store.watch(
    model => model.choices.tables.includes(name),
    on => press(toggle, on),
  );
  return toggle;
}
