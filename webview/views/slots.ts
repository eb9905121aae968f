/** A memory of slots: where they lie in the document, and what each holds, most read first. */

import type { MemorySlot, SlotMemory } from '../../src/protocol/memory';
import type { Context } from '../context';
import { h, refill, setAttribute, setText, show } from '../dom';
import type { SlotsData } from '../draw/slots';
import { drawSlots, slotAt, SLOTS_HEIGHT } from '../draw/slots';
import { count, figure, plural, runningText, share } from '../format';
import { namedTokens, slotDetail } from '../slotText';
import { type Drawing, Surface } from '../surface';
import { dragPan, wheelZoom, zoomKey } from '../zoom';
import { createFacts } from './facts';

/** Shown before the reader asks for all. */
const FEW = 8;
/** Characters of a slot's text. */
const SHOWN = 48;

export interface MemoryPart<M> {
  readonly element: HTMLElement;
  readonly drawing: Drawing;
  show(memory: M): void;
  /** Draws again, after zooming. */
  redraw(): void;
}

export function createSlots(context: Context): MemoryPart<SlotMemory> {
  const { store, theme, texts, tip } = context;
  let memory: SlotMemory | undefined;
  let active: number | undefined;
  let all = false;

  const data = (of: SlotMemory): SlotsData => ({ memory: of, ...store.range, active });
  const surface = new Surface(theme, (pen, size, palette) => {
    if (memory !== undefined && store.range.total > 0) drawSlots(pen, size, data(memory), palette);
  });
  surface.canvas.style.height = `${SLOTS_HEIGHT}px`;
  const plot = h('div', { class: 'plot', role: 'group', tabindex: 0 }, surface.canvas);
  const key = h(
    'p',
    { class: 'key' },
    h('span', { class: 'kept' }, 'can be read, coloured by how much'),
    h('span', { class: 'evicted' }, 'evicted'),
    h('span', { class: 'open' }, 'still written'),
  );
  const facts = createFacts();
  const strengthHeading = h('th', { scope: 'col', class: 'number extra' });
  const body = h('tbody');
  const heading = (text: string, help: string) =>
    h('th', { scope: 'col', class: 'number', title: help }, text);
  const table = h(
    'table',
    { class: 'keys slots' },
    h('caption', { class: 'unseen' }, 'Slots of the memory, most read first'),
    h(
      'thead',
      {},
      h(
        'tr',
        {},
        h(
          'th',
          { scope: 'col', title: 'The text that the slot was made from, and what became of it' },
          'Slot',
        ),
        heading('Age', 'Tokens since the last one that the slot was made from'),
        strengthHeading,
        heading('Read', 'Share of the row’s mass on the slot'),
      ),
    ),
    body,
  );
  const more = h('button', { type: 'button', class: 'link more' });
  const cut = h('p', { class: 'muted', hidden: true });
  const element = h(
    'div',
    { class: 'parts', hidden: true },
    facts.element,
    h('div', {}, plot, key),
    table,
    more,
    cut,
  );
  more.addEventListener('click', () => {
    all = !all;
    if (memory !== undefined) fill(memory);
  });

  function textOf(slot: MemorySlot): string {
    if (slot.ranges.length === 0) {
      const [from = 0] = slot.given;
      const to = slot.given.at(-1) ?? 0;
      return to === 0 ? '(nothing)' : `positions ${count(from)} to ${count(to - 1)} before the text`;
    }
    const tokens = namedTokens(slot);
    const text = tokens.map(token => (token < 0 ? ' … ' : runningText(texts.of(token)?.text ?? ''))).join('');
    return text.trim() === '' ? (texts.label(tokens[0]!) ?? '…') : text.slice(0, SHOWN);
  }

  function line(of: SlotMemory, slot: MemorySlot, place: number, most: number): HTMLElement {
    const [first] = slot.ranges;
    const button = h(
      'button',
      {
        type: 'button',
        class: 'link token',
        title: first === undefined ? slot.label : `Show token ${count(first)} in the editor`,
      },
      textOf(slot),
    );
    const bar = h('div', { class: 'meter' });
    bar.style.transform = `scaleX(${most > 0 ? Math.min(1, slot.read / most) : 0})`;
    const gone = slot.status === 'evicted' && (slot.since ?? 0) <= of.token;
    const row = h(
      'tr',
      { class: gone ? 'gone' : undefined },
      h('th', { scope: 'row' }, button, h('span', { class: 'detail' }, slotDetail(slot, of.token))),
      h('td', { class: 'number' }, slot.age === undefined ? '–' : count(slot.age)),
      h(
        'td',
        { class: 'number extra', hidden: of.strength === undefined },
        figure(slot.strength ?? Number.NaN),
      ),
      h('td', { class: 'number weighed' }, bar, h('span', {}, share(slot.read))),
    );
    row.addEventListener('click', () => {
      if (first !== undefined) context.reveal(first);
    });
    const hover = (on: boolean): void => {
      active = on ? place : undefined;
      surface.invalidate();
    };
    row.addEventListener('pointerenter', () => hover(true));
    row.addEventListener('pointerleave', () => hover(false));
    button.addEventListener('focus', () => hover(true));
    button.addEventListener('blur', () => hover(false));
    return row;
  }

  function fill(of: SlotMemory): void {
    const shown = all ? of.slots : of.slots.slice(0, FEW);
    const most = of.slots[0]?.read ?? 0;
    refill(body, ...shown.map((slot, place) => line(of, slot, place, most)));
    show(more, of.slots.length > FEW);
    setText(more, all ? 'Show fewer' : `Show all ${of.slots.length}`);
  }

  wheelZoom(store, plot);
  const under = (x: number): number | undefined =>
    memory === undefined ? undefined : slotAt(data(memory), plot.clientWidth, x);
  dragPan(store, plot, x => {
    plot.focus();
    const slot = under(x);
    const first = slot === undefined ? undefined : memory?.slots[slot]?.ranges[0];
    if (first !== undefined) context.reveal(first);
  });
  plot.addEventListener('pointermove', event => {
    if (event.buttons !== 0) return;
    active = under(event.offsetX);
    surface.invalidate();
    const slot = active === undefined ? undefined : memory?.slots[active];
    if (slot === undefined || memory === undefined) tip.hide();
    else {
      const lines = [textOf(slot), slotDetail(slot, memory.token), `Read ${share(slot.read)}`];
      tip.show(event.clientX, event.clientY, lines);
    }
  });
  plot.addEventListener('pointerleave', () => {
    active = undefined;
    tip.hide();
    surface.invalidate();
  });
  plot.addEventListener('keydown', event => {
    if (zoomKey(store, event)) event.preventDefault();
  });

  return {
    element,
    get drawing() {
      return surface.drawing;
    },
    redraw: () => surface.invalidate(),
    show: of => {
      memory = of;
      active = undefined;
      facts.show([
        {
          label: 'Read from it',
          value: share(of.read),
          help: 'Share of the token’s mass on slots of the memory, those that are still written aside',
        },
        { label: 'Held', value: count(of.held), detail: 'tokens', help: 'Tokens in slots that can be read' },
        {
          label: 'Evicted',
          value: count(of.evicted),
          detail: 'tokens',
          help: 'Tokens in slots that can no longer be read',
        },
      ]);
      show(strengthHeading, of.strength !== undefined);
      setText(strengthHeading, of.strength?.title ?? '');
      setAttribute(strengthHeading, 'title', of.strength?.help);
      setAttribute(
        plot,
        'aria-label',
        `${plural(of.total, 'slot')} of the memory over the document; the token reads ${share(of.read)} from it. The table below has them all.`,
      );
      show(cut, of.total > of.slots.length);
      setText(cut, `${count(of.slots.length)} of ${plural(of.total, 'slot')}: those that are read most.`);
      fill(of);
      surface.invalidate();
      void texts.need(of.slots.flatMap(namedTokens).filter(token => token >= 0)).then(came => {
        if (came && memory === of) fill(of);
      });
    },
  };
}
