/** A row of labelled figures, updated in place. */

import { h, setAttribute, setText } from '../dom';

export interface Fact {
  readonly label: string;
  readonly value: string;
  /** A second figure in small type. */
  readonly detail?: string;
  readonly help: string;
}

export interface Facts {
  readonly element: HTMLElement;
  show(facts: readonly Fact[]): void;
}

export function createFacts(): Facts {
  const element = h('dl', { class: 'facts' });
  const cells: { readonly cell: HTMLElement; readonly parts: readonly HTMLElement[] }[] = [];
  return {
    element,
    show: facts => {
      while (cells.length > facts.length) cells.pop()?.cell.remove();
      facts.forEach((fact, index) => {
        let entry = cells[index];
        if (entry === undefined) {
          const value = h('span', { class: 'value' });
          const detail = h('span', { class: 'detail' });
          const label = h('dt');
          const cell = h('div', {}, label, h('dd', {}, value, detail));
          entry = { cell, parts: [label, value, detail] };
          cells.push(entry);
          element.append(cell);
        }
        const [label, value, detail] = entry.parts;
        setText(label!, fact.label);
        setText(value!, fact.value);
        setText(detail!, fact.detail ?? '');
        setAttribute(entry.cell, 'title', fact.help);
      });
    },
  };
}
