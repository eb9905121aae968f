/** Tells a screen reader what is selected, once the selection rests. */

import { h, setText } from './dom';

const REST_MS = 350;

export class Announcer {
  readonly element = h('div', { class: 'unseen', role: 'status', 'aria-live': 'polite' });
  private timer: number | undefined;

  say(text: string): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => setText(this.element, text), REST_MS);
  }
}
