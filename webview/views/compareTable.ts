/** The candidates as a table that sorts by any of its columns. */

import type { CandidateSummary, ComparisonSummary } from '../../src/protocol/comparison';
import { chosenOf, MEASURES, nameOf, sorted, valueOf } from '../candidates';
import type { CompareColumn } from '../compareChoices';
import type { Context } from '../context';
import { h, refill, setAttribute, show } from '../dom';

const COLUMNS = ['recall', 'error', 'loss', 'keys', 'memory', 'seconds'] as const;

/** Columns that narrow panels leave out; the chosen candidate shows all figures. */
const EXTRA: readonly CompareColumn[] = ['error', 'memory', 'seconds'];

export interface CompareTable {
  readonly element: HTMLElement;
  show(comparison: ComparisonSummary): void;
}

/** @param choose told the name of a candidate. */
export function createCompareTable(context: Context, choose: (name: string) => void): CompareTable {
  const { store } = context;
  let comparison: ComparisonSummary | undefined;
  const body = h('tbody');
  const headings = (['variant', ...COLUMNS] as const).map(column => ({ column, cell: heading(column) }));
  const element = h(
    'table',
    { class: 'candidates' },
    h('caption', { class: 'unseen' }, 'Variants held against the model’s own attention'),
    h('thead', {}, h('tr', {}, ...headings.map(({ cell }) => cell))),
    body,
  );

  function heading(column: CompareColumn): HTMLElement {
    const [title, help] =
      column === 'variant'
        ? ['Variant', 'The variant and the parameters that differ from their defaults']
        : [MEASURES[column].title, MEASURES[column].help];
    const button = h(
      'button',
      { type: 'button', class: 'link sort', title: `${help}. Press to sort.` },
      title,
    );
    button.addEventListener('click', () => {
      const { sort, falling } = store.model.choices.compare;
      const best = column !== 'variant' && MEASURES[column].greaterIsBetter;
      store.chooseCompare({ sort: column, falling: sort === column ? !falling : best });
    });
    return h('th', { scope: 'col', class: classOf(column) }, button);
  }

  function line(candidate: CandidateSummary, of: ComparisonSummary): HTMLElement {
    const name = nameOf(candidate);
    const pick = h('button', { type: 'button', class: 'link', title: `Look into ${name}` }, name);
    pick.addEventListener('click', () => choose(name));
    const columns = COLUMNS.filter(column => isKnown(column, of));
    const cells =
      candidate.problem === undefined
        ? columns.map(column =>
            h('td', { class: classOf(column) }, MEASURES[column].exact(valueOf(candidate, column, of))),
          )
        : [h('td', { class: 'wrong', colspan: columns.length }, candidate.problem)];
    const chosen = chosenOf(of, store.model.choices.compare.candidate);
    const current = candidate === chosen ? 'true' : undefined;
    return h('tr', { 'aria-current': current }, h('th', { scope: 'row' }, pick), ...cells);
  }

  function fill(): void {
    const { sort, falling } = store.model.choices.compare;
    for (const { column, cell } of headings) {
      show(cell, comparison === undefined || isKnown(column, comparison));
      setAttribute(cell, 'aria-sort', column === sort ? (falling ? 'descending' : 'ascending') : undefined);
    }
    const of = comparison;
    if (of !== undefined) refill(body, ...sorted(of, sort, falling).map(candidate => line(candidate, of)));
  }

  store.watch(
    ({ choices }) => choices.compare,
    () => fill(),
  );
  return {
    element,
    show: next => {
      comparison = next;
      fill();
    },
  };
}

/** A comparison that ran nothing live has no change in loss. */
function isKnown(column: CompareColumn, { candidates }: ComparisonSummary): boolean {
  return column !== 'loss' || candidates.some(({ live }) => typeof live?.loss === 'number');
}

function classOf(column: CompareColumn): string | undefined {
  if (column === 'variant') return undefined;
  return EXTRA.includes(column) ? 'number extra' : 'number';
}
