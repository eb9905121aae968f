/** What the selected token's row reads from, where the variant has a memory. */

import type { Memory } from '../../src/protocol/memory';
import type { Context } from '../context';
import { h, setText, show } from '../dom';
import { exportMenu } from '../exports/menu';
import { memoryTables } from '../exports/tables';
import { Latest } from '../latest';
import { section, tableToggle } from '../section';
import { isShown, rowKey, rowRef } from '../selected';
import { rangeOf } from '../state';
import { WhenSeen } from '../whenSeen';
import { createMatrixState } from './matrixState';
import { createSlots } from './slots';

/** A state takes the engine a while: it is asked for once the selection rests. */
const REST_MS = 150;

export function createMemory(context: Context): HTMLElement {
  const { store } = context;
  const view = section(
    'memory',
    'Memory',
    'What the variant remembers of the text, and how much of it the token reads',
  );
  const about = h('p', { class: 'about-memory' });
  const slots = createSlots(context);
  const state = createMatrixState(context);
  const toggle = tableToggle(store, 'memory', 'the state over time');
  let memory: Memory | undefined;
  const exporting = exportMenu(context, 'the memory', () => {
    if (memory === undefined) return undefined;
    const { layer, head, token, kind } = memory;
    return {
      title: `${memory.title}, layer ${layer}, head ${head}, token ${token}`,
      drawing: kind === 'slots' ? slots.drawing : state.drawing,
      tables: memoryTables(memory),
    };
  });
  view.tools.append(exporting, toggle);
  show(view.tools, false);
  view.body.append(about, slots.element, state.element);

  function empty(layer: number): string {
    const { state: now } = store.model;
    const id = now?.inspection?.layerVariants[layer]?.id;
    const title = now?.variants.find(variant => variant.id === id)?.title ?? 'This variant';
    return `${title} remembers nothing but the keys and values themselves. Variants such as SnapKV, Recurrent memory or Delta rule have a memory to show.`;
  }

  const latest = new Latest<Memory | undefined>(answer => {
    if (answer.kind === 'problem') {
      memory = undefined;
      show(view.tools, false);
      view.message(answer.problem, context.tone);
      return;
    }
    // Messages write a missing answer as null.
    memory = answer.value ?? undefined;
    show(view.tools, memory !== undefined);
    show(toggle, memory?.kind === 'state');
    show(slots.element, memory?.kind === 'slots');
    show(state.element, memory?.kind === 'state');
    view.message(memory === undefined ? empty(rowRef(store.model)?.layer ?? 0) : undefined);
    if (memory === undefined) return;
    setText(about, memory.about);
    if (memory.kind === 'slots') slots.show(memory);
    else state.show(memory);
  });
  const seen = new WhenSeen(view.content);
  let timer: ReturnType<typeof setTimeout> | undefined;
  store.watch(rowKey, (key, model) => {
    const ref = rowRef(model);
    show(view.element, key !== undefined);
    clearTimeout(timer);
    if (ref === undefined) {
      memory = undefined;
      seen.forget();
      latest.forget();
      return;
    }
    const scope = model.state?.inspection?.id ?? '';
    const ask = (): void => latest.ask(scope, () => context.host.memory(ref), isShown(context, ref));
    timer = setTimeout(() => seen.ask(ask), REST_MS);
  });
  store.watch(
    model => {
      const { range } = rangeOf(model);
      return `${range.start} ${range.end}`;
    },
    () => {
      slots.redraw();
      state.redraw();
    },
  );
  return view.element;
}
