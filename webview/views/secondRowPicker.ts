/** Which second variant stands beside the run, and its parameters. */

import type { ParamValue, VariantChoice, VariantInfo } from '../../src/protocol/inspection';
import type { Context } from '../context';
import { h, setText, show } from '../dom';
import { changed } from '../parameters';
import type { Model } from '../state';
import { dropdown } from '../ui';
import { type Control, parameterControl } from './variant';

/** Typing rests so long before the row is asked for. */
const REST_MS = 350;

/** Variants with more parameters keep them folded at first. */
const FEW = 4;

const NONE = 'none';

/** The second variant; undefined for none, and for one that the engine does not offer. */
export function secondVariant({ choices, state }: Model): VariantChoice | undefined {
  const { second } = choices;
  return state?.variants.some(({ id }) => id === second?.id) ? second : undefined;
}

export function createSecondRowPicker(context: Context): HTMLElement {
  const { store } = context;
  let info: VariantInfo | undefined;
  let controls: readonly Control[] = [];
  /** What the fields were made from, or say by now. */
  let written: string | undefined;
  let timer: number | undefined;

  const picker = dropdown(
    'Compare with',
    'A second variant, whose row stands below that of the run, on the same queries, keys and values',
    id => store.choose({ second: id === NONE ? undefined : { id, params: {} } }),
  );
  const label = h('span', { class: 'label', 'aria-hidden': 'true' }, 'Compare with');
  const fields = h('div', { class: 'fields' });
  const summary = h('summary');
  const parameters = h('details', {}, summary, fields);
  const wrong = h('p', { class: 'sentence problem', role: 'alert', hidden: true });

  function read(): void {
    clearTimeout(timer);
    const variant = info;
    if (variant === undefined) return;
    const values: Record<string, ParamValue> = {};
    let first: string | undefined;
    for (const control of controls) {
      const reading = control.read();
      control.complain(reading.ok ? undefined : reading.problem);
      if (reading.ok) values[control.name] = reading.value;
      else first ??= reading.problem;
    }
    setText(wrong, first ?? '');
    show(wrong, first !== undefined);
    if (first !== undefined) return;
    const second = { id: variant.id, params: changed(variant.params, values) };
    written = JSON.stringify(second);
    timer = setTimeout(() => store.choose({ second }), REST_MS);
  }

  function build(choice: VariantChoice | undefined, variants: readonly VariantInfo[]): void {
    clearTimeout(timer);
    written = choice && JSON.stringify(choice);
    info = variants.find(({ id }) => id === choice?.id);
    const params = Object.entries(info?.params ?? {});
    const made = params.map(([name, spec]) =>
      parameterControl(name, spec, choice?.params[name] ?? spec.default, read),
    );
    controls = made.map(({ control }) => control);
    fields.replaceChildren(...made.map(({ element }) => element));
    setText(summary, `Parameters of ${info?.title ?? ''}`);
    parameters.open = params.length <= FEW;
    show(parameters, params.length > 0);
    show(wrong, false);
  }

  store.watch(
    model => JSON.stringify([secondVariant(model), model.state?.variants]),
    (_, model) => {
      const { variants = [] } = model.state ?? {};
      const choice = secondVariant(model);
      picker.show(
        [
          { value: NONE, text: 'None', help: 'Only the row of the run' },
          ...variants.map(({ id, title, summary: help }) => ({ value: id, text: title, help })),
        ],
        choice?.id ?? NONE,
      );
      // The fields that say it already keep the focus.
      if (choice === undefined || JSON.stringify(choice) !== written) build(choice, variants);
    },
  );
  return h(
    'div',
    { class: 'second-variant' },
    h('div', { class: 'pick' }, label, picker.element),
    parameters,
    wrong,
  );
}
