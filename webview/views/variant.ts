/** The variant in use and its parameters, made from what the engine says of them. */

import type {
  ParamSpec,
  ParamValue,
  Schedule,
  VariantChoice,
  VariantInfo,
} from '../../src/protocol/inspection';
import type { PanelState } from '../../src/protocol/panel';
import type { Context } from '../context';
import { h, setText, show } from '../dom';
import { bounds, changed, readParameter } from '../parameters';
import type { Reading } from '../parameters';
import { button, checkbox, disable, dropdown, textField } from '../ui';
import { createSchedule, LAYERS_PROBLEM } from './schedule';

export interface Control {
  readonly name: string;
  read(): Reading;
  complain(problem: string | undefined): void;
}

export function parameterControl(
  name: string,
  spec: ParamSpec,
  value: ParamValue,
  change: () => void,
): { readonly control: Control; readonly element: HTMLElement } {
  const help =
    bounds(spec) === '' ? spec.help : `${spec.help} From ${bounds(spec)}; ${spec.default} by default.`;
  if (spec.type === 'boolean') {
    const box = checkbox(name, help, value === true, change);
    return {
      element: box,
      control: { name, read: () => ({ ok: true, value: box.checked }), complain: () => undefined },
    };
  }
  if (spec.type === 'choice') {
    let picked = String(value);
    const choice = dropdown(name, help, next => {
      picked = next;
      change();
    });
    choice.show(
      spec.choices.map(text => ({ value: text, text })),
      picked,
    );
    return {
      element: h('div', { class: 'labelled' }, h('span', { 'aria-hidden': 'true' }, name), choice.element),
      control: { name, read: () => readParameter(name, spec, picked), complain: () => undefined },
    };
  }
  const field = textField({ label: name, help, value: String(value), change });
  return {
    element: field.element,
    control: { name, read: () => readParameter(name, spec, field.element.value), complain: field.complain },
  };
}

export function createVariant(context: Context): HTMLElement {
  const { store } = context;
  let draft: VariantInfo | undefined;
  let controls: readonly Control[] = [];

  const picker = dropdown('Attention variant', 'The attention variant that the inspection runs with', id => {
    draft = store.model.state?.variants.find(variant => variant.id === id);
    build({ id, params: {} });
  });
  const summary = h('p', { class: 'muted' });
  const fields = h('div', { class: 'fields' });
  const problem = h('p', { class: 'sentence problem', role: 'alert', hidden: true });
  const apply = button({
    text: 'Apply',
    help: 'Inspect the document with this variant and these parameters',
    kind: 'primary',
    act: () => {
      const choice = drafted();
      const where = schedule.read();
      if (choice === undefined || where === undefined) return;
      context.attempt(() => context.host.setVariant(choice, where));
    },
  });
  const undo = button({
    text: 'Undo',
    help: 'Go back to the variant and parameters in use',
    act: () => {
      const { state } = store.model;
      if (state !== undefined) adopt(state);
    },
  });
  const schedule = createSchedule(() => review());
  const actions = h('div', { class: 'actions', hidden: true }, apply, undo);
  const label = h('span', { class: 'label', 'aria-hidden': 'true' }, 'Variant');
  const element = h(
    'div',
    { class: 'variant' },
    h('div', { class: 'pick' }, label, picker.element),
    summary,
    fields,
    schedule.element,
    problem,
    actions,
  );

  function drafted(): VariantChoice | undefined {
    if (draft === undefined) return undefined;
    const values: Record<string, ParamValue> = {};
    for (const control of controls) {
      const reading = control.read();
      if (!reading.ok) return undefined;
      values[control.name] = reading.value;
    }
    return { id: draft.id, params: changed(draft.params, values) };
  }

  function review(): void {
    let first: string | undefined;
    for (const control of controls) {
      const reading = control.read();
      control.complain(reading.ok ? undefined : reading.problem);
      if (!reading.ok) first ??= reading.problem;
    }
    const where = schedule.read();
    if (where === undefined) first ??= LAYERS_PROBLEM;
    setText(problem, first ?? '');
    show(problem, first !== undefined);
    const choice = drafted();
    const inUse = store.model.state;
    const same =
      choice !== undefined &&
      inUse !== undefined &&
      sameChoice(choice, inUse.variant) &&
      sameSchedule(where, inUse.schedule);
    show(actions, !same);
    disable(apply, choice === undefined || where === undefined);
  }

  function build(choice: VariantChoice): void {
    const params = Object.entries(draft?.params ?? {});
    const made = params.map(([name, spec]) =>
      parameterControl(name, spec, choice.params[name] ?? spec.default, review),
    );
    controls = made.map(each => each.control);
    fields.replaceChildren(...made.map(each => each.element));
    show(fields, made.length > 0);
    setText(summary, draft === undefined ? '' : draft.summary);
    summary.title = draft === undefined ? '' : `Cost ${draft.cost}. Source: ${draft.source}.`;
    review();
  }

  function adopt({ variant: choice, variants, schedule: where }: PanelState): void {
    schedule.show(where);
    draft = variants.find(variant => variant.id === choice.id);
    picker.show(
      variants.map(({ id, title, summary: help }) => ({ value: id, text: title, help })),
      choice.id,
    );
    build(choice);
  }

  store.watch(
    ({ state }) =>
      state === undefined ? '' : JSON.stringify([state.variant, state.variants, state.schedule]),
    (_, { state }) => {
      show(element, state !== undefined && state.variants.length > 0);
      if (state !== undefined) adopt(state);
    },
  );
  return element;
}

function sameChoice(one: VariantChoice, other: VariantChoice): boolean {
  const flat = ({ id, params }: VariantChoice): string =>
    JSON.stringify([id, Object.entries(params).sort(([a], [b]) => (a < b ? -1 : 1))]);
  return flat(one) === flat(other);
}

function sameSchedule(one: Schedule | undefined, other: Schedule): boolean {
  return one?.mode === other.mode && one.layers === other.layers.trim();
}
