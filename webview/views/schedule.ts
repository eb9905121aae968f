/** How the variant runs and in which layers. */

import { isLayerList } from '../../src/protocol/choiceText';
import { RUN_MODES, type RunMode, type Schedule } from '../../src/protocol/inspection';
import { h } from '../dom';
import { dropdown, textField } from '../ui';

export interface ScheduleControl {
  readonly element: HTMLElement;
  show(schedule: Schedule): void;
  /** What the controls say; undefined while the layers cannot be read. */
  read(): Schedule | undefined;
}

const HELP: Readonly<Record<RunMode, string>> = {
  live: 'The variant replaces attention; the layers above feel it, and so does the loss',
  shadow: 'The model runs dense; the variant is laid beside it on the same q, k and v',
};
const TITLES: Readonly<Record<RunMode, string>> = { live: 'Live', shadow: 'Shadow' };

/** What is wrong with the layers, in a sentence. */
export const LAYERS_PROBLEM = 'layers is all, or numbers and ranges from 0 such as 0, 2-3.';

export function createSchedule(change: () => void): ScheduleControl {
  let shown: Schedule | undefined;
  let picked: RunMode = 'live';
  const mode = dropdown('Mode', 'How the variant runs', value => {
    picked = RUN_MODES.find(known => known === value) ?? 'live';
    change();
  });
  const layers = textField({
    label: 'Layers',
    help: 'The layers the variant attends in: all, or numbers and ranges from 0 such as 0, 2-3. The others are dense.',
    value: 'all',
    change,
  });
  return {
    element: h(
      'div',
      { class: 'fields' },
      h('div', { class: 'labelled' }, h('span', { 'aria-hidden': 'true' }, 'Mode'), mode.element),
      layers.element,
    ),
    show(schedule) {
      shown = schedule;
      picked = schedule.mode;
      mode.show(
        RUN_MODES.map(value => ({ value, text: TITLES[value], help: HELP[value] })),
        picked,
      );
      layers.element.value = schedule.layers;
    },
    read() {
      const words = layers.element.value;
      const right = isLayerList(words);
      layers.complain(right ? undefined : LAYERS_PROBLEM);
      return right ? { mode: picked, layers: words.trim(), others: shown?.others ?? [] } : undefined;
    },
  };
}
