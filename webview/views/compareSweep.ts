/** What a sweep found: the smallest budget of every head, what heads do, and the schedule that follows. */

import type { SweepResult } from '../../src/protocol/comparison';
import { SWEEP_SHOWS } from '../compareChoices';
import type { Context } from '../context';
import { h, setText } from '../dom';
import { share } from '../format';
import type { Drawing } from '../surface';
import { kindsHelp, sweepSummary, sweepValues } from '../sweepText';
import { button, disable, dropdown } from '../ui';
import { createCompareGrid } from './compareGrid';

export interface CompareSweep {
  readonly element: HTMLElement;
  readonly drawing: Drawing;
  /** @param heads of a layer. */
  show(sweep: SweepResult, heads: number): void;
}

export function createCompareSweep(context: Context): CompareSweep {
  const { store, host } = context;
  let shown: { readonly sweep: SweepResult; readonly heads: number } | undefined;

  const title = h('h3');
  const sentence = h('p', { class: 'says' });
  const shows = dropdown('The sweep by', 'What the grid of heads shows', value => {
    const sweep = SWEEP_SHOWS.find(name => name === value);
    if (sweep !== undefined) store.chooseCompare({ sweep });
  });
  const grid = createCompareGrid(context, 'What the sweep found');
  const use = button({
    text: 'Use the Schedule',
    help: 'Inspect the document with each layer’s smallest budget that is enough for all of its heads',
    act: () => {
      if (shown === undefined) return;
      const { schedule } = shown.sweep;
      context.attempt(() => host.setVariant({ id: 'native', params: {} }, schedule));
    },
  });
  const save = button({
    text: 'Save the Schedule…',
    help: 'Save the schedule as JSON, for longsight inspect --schedule',
    act: () => {
      if (shown === undefined) return;
      const { schedule, id, param } = shown.sweep;
      const content = `${JSON.stringify(schedule, undefined, 2)}\n`;
      context.attempt(async () => {
        if (await host.save({ name: `schedule ${id} ${param}`, kind: 'json', content }))
          context.announcer.say('Saved the schedule.');
      });
    },
  });
  const element = h(
    'div',
    { class: 'block sweep' },
    title,
    sentence,
    h('div', { class: 'tools axes' }, shows.element, h('span', { class: 'muted small' }, 'of every head')),
    grid.element,
    h('div', { class: 'actions' }, use, save),
  );

  function write(): void {
    const { sweep: by } = store.model.choices.compare;
    shows.show(
      [
        { value: 'budget', text: 'Smallest budget', help: 'The smallest value that keeps the recall' },
        { value: 'kind', text: 'Kind of head', help: kindsHelp() },
      ],
      by,
    );
    if (shown !== undefined) grid.show(sweepValues(shown.sweep, shown.heads, by));
  }

  store.watch(
    ({ choices }) => choices.compare.sweep,
    () => write(),
  );
  return {
    element,
    get drawing() {
      return grid.drawing;
    },
    show: (sweep, heads) => {
      shown = { sweep, heads };
      const { id, param, target, schedule } = sweep;
      setText(title, `Smallest ${param} of ${id} that keeps ${share(target)} of a head’s mass`);
      setText(sentence, sweepSummary(sweep));
      disable(use, schedule.others.length === 0);
      write();
    },
  };
}
