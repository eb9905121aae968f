/** One hover box for all drawings. */

import { h, setText } from './dom';

export class Tip {
  readonly element = h('div', { class: 'tip', role: 'tooltip', hidden: true });

  /** Shows lines of text beside a point of the window; the first is set in bold. */
  show(x: number, y: number, lines: readonly string[]): void {
    const { element } = this;
    while (element.children.length > lines.length) element.lastElementChild?.remove();
    lines.forEach((text, index) => {
      const line = element.children[index] ?? element.appendChild(h('div'));
      setText(line, text);
    });
    element.hidden = false;
    const { width, height } = element.getBoundingClientRect();
    const left = Math.max(4, Math.min(window.innerWidth - width - 4, x - width / 2));
    const above = y - height - 12;
    element.style.left = `${left}px`;
    element.style.top = `${above >= 4 ? above : y + 16}px`;
  }

  hide(): void {
    this.element.hidden = true;
  }
}
