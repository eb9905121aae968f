/** A second variant's row of the selected token, below that of the run and on the same axis. */

import { describeChoice } from '../../src/protocol/choiceText';
import type { Row } from '../../src/protocol/inspection';
import type { Context } from '../context';
import { h, setText, show } from '../dom';
import { secondRowTables } from '../exports/secondRow';
import type { Table } from '../exports/table';
import { plural, share } from '../format';
import { Latest } from '../latest';
import { isShown, rowKey, rowRef } from '../selected';
import type { Drawing } from '../surface';
import { createRowPlot } from './rowPlot';
import { createSecondRowPicker, secondVariant } from './secondRowPicker';
import { createSecondRowTable } from './secondRowTable';

/** Cells of the row's profile, as of the run's. */
const FINE = 2048;

export interface SecondRow {
  /** The drawing, below that of the run. */
  readonly plot: HTMLElement;
  /** Which variant it is, and both rows in figures. */
  readonly element: HTMLElement;
  /** What there is to save of it now. */
  readonly drawings: readonly Drawing[];
  readonly tables: readonly Table[];
  /** Told the run's row whenever it is another one. */
  run(row: Row | undefined): void;
}

export function createSecondRow(context: Context): SecondRow {
  const { store, texts } = context;
  let run: Row | undefined;
  let second: Row | undefined;
  let active: number | undefined;

  const title = h('h3');
  const sentence = h('p', { class: 'sentence', hidden: true });
  const plot = createRowPlot(context, place => {
    if (place === active) return;
    active = place;
    plot.activate(place);
  });
  const table = createSecondRowTable(context);
  const drawn = h('div', { class: 'second-plot', hidden: true }, title, plot.elements[0]);
  const shown = h('div', { hidden: true }, ...table.elements);
  const element = h('div', { class: 'second' }, createSecondRowPicker(context), sentence, shown);

  const names = (): { readonly runName: string; readonly secondName: string } => {
    const { state } = store.model;
    const choice = secondVariant(store.model);
    const variant = state?.inspection?.layerVariants[state.selection.layer];
    return {
      runName: variant === undefined ? 'the run' : describeChoice(variant),
      secondName: choice === undefined ? 'the second variant' : describeChoice(choice),
    };
  };

  /** Only rows of one head and token stand together. */
  const isPair = (one: Row | undefined, other: Row | undefined): boolean =>
    one !== undefined && one.token === other?.token && one.layer === other.layer && one.head === other.head;

  function write(): void {
    const together = isPair(run, second);
    show(shown, together);
    show(drawn, together);
    if (run === undefined || second === undefined || !together) return;
    const { runName, secondName } = names();
    setText(title, `Second: ${secondName}`);
    table.show({ run, second, runName, secondName });
    plot.describe(spoken(second, secondName));
  }

  function tell(text: string | undefined, isProblem: boolean): void {
    setText(sentence, text ?? '');
    sentence.classList.toggle('problem', isProblem);
    show(sentence, text !== undefined);
  }

  const latest = new Latest<readonly Row[]>(answer => {
    second = answer.kind === 'value' ? answer.value[0] : undefined;
    active = undefined;
    plot.show(second);
    if (answer.kind === 'problem') tell(answer.problem, context.tone === 'problem');
    else tell(undefined, false);
    write();
    const row = second;
    if (row === undefined) return;
    context.announcer.say(spoken(row, names().secondName));
    void texts.need(row.keys.map(({ index }) => index)).then(came => {
      if (came && second === row) plot.describe(spoken(row, names().secondName));
    });
  });

  store.watch(
    model => {
      const choice = secondVariant(model);
      const key = rowKey(model);
      return choice === undefined || key === undefined ? undefined : `${key} ${JSON.stringify(choice)}`;
    },
    (key, model) => {
      const variant = secondVariant(model);
      const ref = rowRef(model);
      if (key === undefined || variant === undefined || ref === undefined) {
        latest.forget();
        second = undefined;
        tell(undefined, false);
        write();
        return;
      }
      const { id = '', tokens = 1 } = model.state?.inspection ?? {};
      const cells = Math.max(1, Math.min(FINE, tokens));
      const ask = (): Promise<readonly Row[]> => context.host.rows([{ ...ref, variant }], cells);
      // Another variant makes an answer that is on the way worthless, as another inspection does.
      latest.ask(`${id} ${JSON.stringify(variant)}`, ask, isShown(context, ref));
    },
  );
  return {
    plot: drawn,
    element,
    get drawings() {
      return isPair(run, second) ? [plot.drawing] : [];
    },
    get tables() {
      if (second === undefined || !isPair(run, second)) return [];
      return secondRowTables(second, { name: names().secondName, total: store.range.total, texts });
    },
    run: row => {
      run = row;
      write();
    },
  };
}

function spoken({ span, against, beside }: Row, name: string): string {
  const recall = against ? `, recall ${share(against.recall)} of dense` : '';
  const kept = beside ? `, keeps ${share(beside.kept)} of the run’s mass` : '';
  return `Second variant ${name}: span ${plural(span, 'token')}${recall}${kept}`;
}
