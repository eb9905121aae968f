/** What the status bar says. */

import type { InspectionSummary, Progress } from '../protocol/inspection';
import type { Selection } from '../protocol/panel';
import { count, countOf, figure, plain } from './markdown';
import { describeChoice, describeSchedule } from '../protocol/choiceText';
import { STEPS } from './strength';

export interface StatusContent {
  readonly summary: InspectionSummary | undefined;
  readonly running: Progress | undefined;
  readonly staleFrom: number | undefined;
  readonly problem: string | undefined;
  readonly selection: Selection | undefined;
}

/** One line; undefined when there is nothing to say and the item hides. */
export function statusLine({ summary, running, staleFrom, problem }: StatusContent): string | undefined {
  if (running !== undefined) return `$(loading~spin) Longsight ${Math.floor(100 * running.fraction)} %`;
  if (summary === undefined) return problem === undefined ? undefined : '$(warning) Longsight';
  const parts = [
    summary.model.name,
    summary.schedule.mode === 'shadow' ? `${summary.variant.id} in shadow` : summary.variant.id,
    summary.device.name,
    ...(summary.device.precision === 'float16' ? ['float16'] : []),
    ...(summary.weights === 'int8' ? ['8-bit'] : []),
    countOf(summary.tokens, 'token'),
    staleFrom === undefined ? seconds(summary.seconds) : 'stale',
  ];
  return `$(telescope) ${parts.join(' · ')}`;
}

/** Details and legend, as Markdown. */
export function statusTooltip({ summary, running, staleFrom, problem, selection }: StatusContent): string {
  const blocks: string[] = ['**Longsight**'];
  if (running !== undefined)
    blocks.push(`${plain(running.phase)}, ${Math.floor(100 * running.fraction)} % of the work done.`);
  if (problem !== undefined) blocks.push(plain(problem));
  if (summary !== undefined) blocks.push(table(summary, selection));
  if (summary?.device.fallback !== undefined) blocks.push(plain(summary.device.fallback));
  for (const note of summary?.notes ?? []) blocks.push(plain(note));
  if (staleFrom !== undefined)
    blocks.push(`Edited since: tokens from ${count(staleFrom)} on are stale. Inspect again to refresh them.`);
  if (summary !== undefined) blocks.push(legend());
  blocks.push('Click for actions.');
  return blocks.join('\n\n');
}

/** What the colours in the text mean. */
export function legend(): string {
  return `Colours in the text: the outlined token is the query; its strongest keys are shaded in ${STEPS} strengths, scaled to the strongest key outside the sink; the bar at the left of the text marks its span, the tokens back that hold 90 % of its attention mass.`;
}

function table(summary: InspectionSummary, selection: Selection | undefined): string {
  const { model } = summary;
  const rows: (readonly [string, string])[] = [
    [
      'Model',
      `${plain(model.name)} (${plain(model.architecture)}, ${model.layers} layers of ${model.heads} heads)`,
    ],
    ['Variant', plain(describeChoice(summary.variant) + describeSchedule(summary.schedule))],
    ['Device', plain(summary.device.name)],
    ...(summary.device.precision === 'float16' ? [['Precision', 'float16 in attention'] as const] : []),
    ...(summary.weights === 'int8' ? [['Weights', '8-bit in the layers'] as const] : []),
    ['Tokens', count(summary.tokens)],
    ['Mean loss', summary.loss === undefined ? '–' : `${figure(summary.loss, 3)} nats a token`],
    ['Time', seconds(summary.seconds)],
  ];
  if (selection !== undefined) {
    const pinned = selection.pinned ? ', pinned' : '';
    const token = selection.token === undefined ? '' : `, token ${count(selection.token)}${pinned}`;
    rows.push(['Showing', `layer ${selection.layer}, head ${selection.head}${token}`]);
  }
  return ['| | |', '|:--|:--|', ...rows.map(([name, value]) => `| ${name} | ${value} |`)].join('\n');
}

function seconds(value: number): string {
  return `${value.toFixed(value < 10 ? 1 : 0)} s`;
}
