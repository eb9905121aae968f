/** What a sweep found, in words and as values of heads. */

import type { HeadBudget, HeadKind, SweepResult } from '../src/protocol/comparison';
import { HEAD_KINDS } from '../src/protocol/comparison';
import { SINK_TOKENS } from '../src/protocol/inspection';
import type { SweepShows } from './compareChoices';
import { compact, count, plural, share } from './format';
import type { HeadColumn, HeadValues } from './headValues';

const KINDS: Readonly<Record<HeadKind, { readonly letter: string; readonly help: string }>> = {
  local: { letter: 'L', help: 'local: a mean span of at most an eighth of the mean context' },
  retrieving: { letter: 'R', help: 'retrieving: reads further back than that' },
  sink: { letter: 'S', help: `sink: at least half of the mass on the first ${SINK_TOKENS} tokens` },
};

export function kindsHelp(): string {
  return HEAD_KINDS.map(kind => KINDS[kind].help).join('; ');
}

/** What the sweep found, in a sentence or two. */
export function sweepSummary({ budgets, schedule, values }: SweepResult): string {
  const kinds = HEAD_KINDS.map(kind => ({
    kind,
    heads: budgets.filter(budget => budget.kind === kind).length,
  }))
    .filter(({ heads }) => heads > 0)
    .map(({ kind, heads }) => `${count(heads)} ${kind}`);
  const without = budgets.filter(({ value }) => typeof value !== 'number').length;
  const most = values.at(-1);
  const rest =
    without === 0
      ? 'Every head can do with one of the budgets.'
      : `For ${plural(without, 'head')} even ${String(most)} is not enough.`;
  const layers = schedule.others.length;
  const covered =
    layers === 0
      ? ' No layer can leave the model’s own attention.'
      : ` The schedule covers ${plural(layers, 'layer')}.`;
  return `Heads: ${kinds.join(', ')}. ${rest}${covered}`;
}

/** What the grid of heads shows of a sweep. */
export function sweepValues(
  { budgets, values, param, target }: SweepResult,
  heads: number,
  by: SweepShows,
): HeadValues {
  const steps = values.map(Number);
  // What no value is enough for stands one step above the greatest.
  const stepOf = ({ value }: HeadBudget): number =>
    typeof value === 'number' ? steps.indexOf(value) : steps.length;
  const largest = budget(steps.at(-1) ?? 0);
  const budgetText = (step: number): string => (step < steps.length ? budget(steps[step]!) : `>${largest}`);
  const columns: readonly HeadColumn[] = [
    {
      title: `Smallest ${param}`,
      help: `That keeps ${share(target)} of the mass`,
      cell: at => budgetText(stepOf(budgets[at]!)),
    },
    { title: 'Recall', help: 'At that value, or at the largest', cell: at => share(budgets[at]!.recall) },
    {
      title: 'Kind',
      help: kindsHelp(),
      cell: at => budgets[at]!.kind,
    },
  ];
  const shared = { layers: budgets.length / heads, heads, columns };
  if (by === 'kind') {
    return {
      ...shared,
      values: Float32Array.from(budgets, ({ kind }) => HEAD_KINDS.indexOf(kind)),
      place: kind => 0.1 + (kind / (HEAD_KINDS.length - 1)) * 0.8,
      text: kind => KINDS[HEAD_KINDS[kind] ?? 'local'].letter,
      legend: { low: 'L local', high: 'S sink', help: kindsHelp() },
    };
  }
  return {
    ...shared,
    values: Float32Array.from(budgets, stepOf),
    place: step => step / Math.max(1, steps.length),
    text: budgetText,
    legend: {
      low: budget(steps[0] ?? 0),
      high: `>${largest}`,
      help: `The smallest ${param} that keeps ${share(target)} of the head’s mass; >${largest}: none that was tried is enough`,
    },
  };
}

/** As short as a cell allows; most fit as they are. */
function budget(value: number): string {
  return Math.abs(value) < 10_000 ? String(value) : compact(value);
}
