/** Views that fold away below their headings, and stay so. */

import { setAttribute, show } from './dom';
import { FOLDING, type Store } from './state';

/** Lets the headings of all views in `page` fold them. */
export function keepFolds(store: Store, page: HTMLElement): void {
  for (const name of FOLDING) {
    const view = page.querySelector<HTMLElement>(`section[data-view='${name}']`);
    const button = view?.querySelector<HTMLElement>('.fold');
    const content = document.getElementById(button?.getAttribute('aria-controls') ?? '');
    if (view === null || !button || content === null) throw new Error(`The view ${name} cannot be folded.`);
    button.addEventListener('click', () => store.toggleFold(name));
    store.watch(
      ({ choices }) => choices.folded.includes(name),
      folded => {
        view.classList.toggle('folded', folded);
        setAttribute(button, 'aria-expanded', String(!folded));
        show(content, !folded);
      },
    );
  }
}
