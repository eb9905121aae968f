/** What a run says of itself: in full where it is one sentence, else folded behind how many there are. */

import { h, setText, show } from '../dom';
import { plural } from '../format';

export interface Notes {
  readonly element: HTMLElement;
  show(sentences: readonly string[]): void;
}

export function createNotes(): Notes {
  const only = h('p');
  const summary = h('summary', { title: 'What stands in for learned tensors, and what else to know' });
  const list = h('ul');
  const several = h('details', {}, summary, list);
  const element = h('div', { class: 'notes', hidden: true }, only, several);
  let shown = '';
  return {
    element,
    show: sentences => {
      show(element, sentences.length > 0);
      show(only, sentences.length === 1);
      show(several, sentences.length > 1);
      setText(only, sentences[0] ?? '');
      setText(summary, `${plural(sentences.length, 'note')} about this run`);
      const now = sentences.join('\n');
      if (now === shown) return;
      shown = now;
      list.replaceChildren(...sentences.map(sentence => h('li', {}, sentence)));
    },
  };
}
