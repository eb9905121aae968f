/** Against dense attention: the tokens that the variant hurts most, as a list that leads to the text. */

import type { Hurt, Row } from '../../src/protocol/inspection';
import type { Context } from '../context';
import { h, setText, show } from '../dom';
import { exportMenu } from '../exports/menu';
import type { Table } from '../exports/table';
import { Latest } from '../latest';
import { section } from '../section';
import { isShown } from '../selected';
import { dataOf, type Model } from '../state';
import { button, dropdown } from '../ui';
import { WhenSeen } from '../whenSeen';
import { around, createHurtLine, type HurtLine, missedKeys } from './hurtLine';

/** Shown before the reader asks for all. */
const FEW = 8;

const SCOPES = [
  { value: 'head', text: 'This head', help: 'Tokens whose output of the selected head is furthest off' },
  {
    value: 'all',
    text: 'All heads',
    help: 'Tokens that are furthest off in the mean over the heads where the variant attends',
  },
] as const;

const isShadow = ({ state }: Model): boolean => state?.inspection?.schedule.mode === 'shadow';

export function createHurts(context: Context): HTMLElement {
  const { store, texts } = context;
  const view = section(
    'hurts',
    'Where the variant hurts most',
    'Tokens whose output is furthest from that of dense attention on the same queries, keys and values',
  );
  let hurts: readonly Hurt[] = [];
  let lines: readonly HurtLine[] = [];
  let all = false;
  /** Rows of the listed tokens, as they come. */
  let rows = new Map<Hurt, Row>();

  const scope = dropdown('Heads', 'Whether one head counts, or the mean over all', value =>
    store.choose({ allHeads: value === 'all' }),
  );
  const exporting = exportMenu(context, 'the tokens', () =>
    hurts.length === 0
      ? undefined
      : { title: 'Where the variant hurts most', drawing: undefined, tables: [hurtsTable()] },
  );
  view.tools.append(
    h('span', { class: 'muted small', 'aria-hidden': 'true' }, 'in'),
    scope.element,
    exporting,
  );
  const live = h(
    'div',
    { class: 'empty' },
    h(
      'p',
      { class: 'sentence' },
      'This run is live: the variant replaces attention, so there is no dense output to hold it against. In shadow mode the model runs dense and the variant is laid beside it.',
    ),
    h(
      'div',
      { class: 'actions' },
      button({
        text: 'Choose Mode',
        help: 'Choose shadow mode, and in which layers the variant attends',
        act: () => context.attempt(() => context.host.run('chooseSchedule')),
      }),
    ),
  );
  const errorHeading = h('th', { scope: 'col', class: 'number' });
  const body = h('tbody');
  const table = h(
    'table',
    { class: 'keys hurts' },
    h('caption', { class: 'unseen' }, 'Tokens with the greatest output error, greatest first'),
    h(
      'thead',
      {},
      h(
        'tr',
        {},
        h('th', { scope: 'col', title: 'The token in its text, and what its row lost' }, 'Token'),
        h(
          'th',
          {
            scope: 'col',
            class: 'number',
            title: 'Share of the dense row’s mass on keys that this row weighs',
          },
          'Recall',
        ),
        errorHeading,
      ),
    ),
    body,
  );
  const more = h('button', { type: 'button', class: 'link more' });
  more.addEventListener('click', () => {
    all = !all;
    fold();
  });
  view.body.append(live, table, more);

  function fold(): void {
    lines.forEach((line, place) => {
      show(line.element, all || place < FEW);
      line.text.tabIndex = place === 0 ? 0 : -1;
    });
    show(more, isShadow(store.model) && lines.length > FEW);
    setText(more, all ? 'Show fewer' : `Show all ${lines.length}`);
  }

  function hurtsTable(): Table {
    const row = (hurt: Hurt) => rows.get(hurt)?.against;
    return {
      name: 'tokens',
      columns: {
        token: hurts.map(({ token }) => token),
        line: hurts.map(({ token }) => texts.of(token)?.line),
        text: hurts.map(({ token }) => texts.of(token)?.text),
        error: hurts.map(({ error }) => error),
        layer: hurts.map(({ layer }) => layer),
        head: hurts.map(({ head }) => head),
        'error of that head': hurts.map(({ worst }) => worst),
        'recall of that head': hurts.map(hurt => row(hurt)?.recall),
        missed: hurts.map(hurt =>
          row(hurt)
            ?.missed.map(({ index }) => index)
            .join(' '),
        ),
      },
    };
  }

  /** One at a time, so that rows of the token under the cursor need not wait. */
  async function fetchRows(list: readonly Hurt[]): Promise<void> {
    for (const hurt of list) {
      const { layer, head, token } = hurt;
      const [row] = await context.host.rows([{ layer, head, token }], 0);
      if (hurts !== list) return;
      if (row === undefined) continue;
      rows.set(hurt, row);
      await texts.need(missedKeys(row));
      const line = lines.find(each => each.hurt === hurt);
      if (hurts === list) line?.write(row);
    }
    // Texts that another line had asked for have come by now.
    if (hurts === list) for (const line of lines) line.write(rows.get(line.hurt));
  }

  function empty(): string {
    if (store.model.state?.running !== undefined) return 'No error is known yet; the run goes on.';
    return store.model.choices.allHeads
      ? 'The variant’s outputs equal those of dense attention everywhere.'
      : 'In this head the variant’s outputs equal those of dense attention. Choose all heads to see where it differs.';
  }

  const latest = new Latest<readonly Hurt[]>(answer => {
    rows = new Map();
    hurts = answer.kind === 'value' ? answer.value : [];
    if (answer.kind === 'problem') view.message(answer.problem, context.tone);
    else view.message(hurts.length === 0 ? empty() : undefined);
    const most = hurts[0]?.error ?? 0;
    lines = hurts.map(hurt => createHurtLine(context, hurt, most));
    body.replaceChildren(...lines.map(line => line.element));
    fold();
    const write = (): void => {
      for (const line of lines) line.write(rows.get(line.hurt));
    };
    write();
    const list = hurts;
    void texts.need(list.flatMap(({ token }) => around(token, store.range.total))).then(came => {
      if (came && hurts === list) write();
    });
    fetchRows(list).catch(() => {
      // The row view says what is wrong with rows; the errors here stay true.
      if (hurts === list) for (const line of lines) line.write(rows.get(line.hurt), '–');
    });
  });

  body.addEventListener('keydown', event => {
    const at = lines.findIndex(line => line.text === document.activeElement);
    const last = (all ? lines.length : Math.min(FEW, lines.length)) - 1;
    const next = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: last }[event.key];
    if (at < 0 || next === undefined) return;
    const to = Math.max(0, Math.min(last, next));
    lines.forEach((line, place) => (line.text.tabIndex = place === to ? 0 : -1));
    lines[to]?.text.focus();
    event.preventDefault();
  });
  const seen = new WhenSeen(view.content);
  store.watch(
    model => {
      const data = dataOf(model.state);
      const { layer, head } = model.state?.selection ?? {};
      const where = model.choices.allHeads ? 'all' : `${layer}/${head}`;
      return data === undefined ? undefined : `${data} ${isShadow(model)} ${where}`;
    },
    (key, model) => {
      const shadow = isShadow(model);
      show(view.element, key !== undefined);
      show(live, !shadow);
      show(table, shadow);
      show(view.tools, shadow);
      hurts = [];
      lines = [];
      fold();
      if (key === undefined || !shadow) {
        seen.forget();
        latest.forget();
        view.message(undefined);
        return;
      }
      const { allHeads } = model.choices;
      const { layer = 0, head = 0 } = model.state?.selection ?? {};
      const scope = model.state?.inspection?.id ?? '';
      const isHead = isShown(context, { layer, head });
      const holds = (): boolean => store.model.choices.allHeads === allHeads && (allHeads || isHead());
      const ask = (): Promise<readonly Hurt[]> => context.host.hurts(allHeads ? undefined : { layer, head });
      seen.ask(() => latest.ask(scope, ask, holds));
    },
  );
  store.watch(
    model => model.choices.allHeads,
    all => {
      scope.show(SCOPES, all ? 'all' : 'head');
      setText(errorHeading, all ? 'Mean error' : 'Error');
      errorHeading.title = all
        ? '|y - y_dense| / |y_dense| of the heads’ outputs, in the mean over heads'
        : '|y - y_dense| / |y_dense| of the head’s output';
    },
  );
  return view.element;
}
