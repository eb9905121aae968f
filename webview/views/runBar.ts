/** How far a run is, with a button that ends it. */

import type { Progress } from '../../src/protocol/inspection';
import { h, setAttribute, setText, show } from '../dom';
import { button } from '../ui';

export interface RunBar {
  readonly element: HTMLElement;
  /** Hides it where nothing runs. */
  show(run: Progress | undefined): void;
}

/**
 * @param label names what runs.
 * @param cancel ends it.
 */
export function createRunBar(label: string, cancel: () => void): RunBar {
  const phase = h('span', { class: 'phase' });
  const fill = h('div', { class: 'fill' });
  const range = { 'aria-valuemin': 0, 'aria-valuemax': 100 };
  const bar = h('div', { class: 'progress', role: 'progressbar', 'aria-label': label, ...range }, fill);
  const stop = button({ text: 'Cancel', help: `Stop the ${label.toLowerCase()}`, act: cancel });
  const track = h('div', { class: 'track' }, phase, bar);
  const element = h('div', { class: 'running', hidden: true }, track, stop);
  return {
    element,
    show: run => {
      show(element, run !== undefined);
      if (run === undefined) return;
      const fraction = Math.min(1, Math.max(0, run.fraction));
      // Not rounded up: 100 % would be told before the end.
      const percent = Math.floor(100 * fraction);
      setText(phase, `${run.phase} · ${percent} %`);
      setAttribute(bar, 'aria-valuenow', percent);
      setAttribute(bar, 'aria-valuetext', `${run.phase}, ${percent} percent`);
      fill.style.transform = `scaleX(${fraction})`;
    },
  };
}
