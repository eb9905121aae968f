/** What each statistic of a row is called, how it is written, and what it means. */

import type { InspectionSummary, StatName } from '../src/protocol/inspection';
import { SINK_TOKENS, SPAN_MASS, STAT_NAMES } from '../src/protocol/inspection';
import { extent } from './draw/pool';
import { compact, count, nats, share, weight } from './format';
import type { Model } from './state';

export interface Statistic {
  readonly title: string;
  /** Follows the number in a sentence; empty when the number carries it. */
  readonly unit: string;
  readonly help: string;
  /** Spans cover several orders of magnitude and read on a logarithmic scale. */
  readonly logarithmic: boolean;
  readonly exact: (value: number) => string;
  /** As short as a cell or an axis allows. */
  readonly short: (value: number) => string;
}

export const STATISTICS: Readonly<Record<StatName, Statistic>> = {
  entropy: {
    title: 'Entropy',
    unit: 'nats',
    help: 'Entropy of the attention row in nats: 0 when one key takes all the weight, ln(n) when n keys share it evenly.',
    logarithmic: false,
    exact: nats,
    short: value => (Number.isFinite(value) ? value.toFixed(1) : '–'),
  },
  span: {
    title: 'Span',
    unit: 'tokens',
    help: `Span in tokens: the smallest window back from the token that holds ${SPAN_MASS * 100} % of its attention mass.`,
    logarithmic: true,
    exact: value => (Number.isInteger(value) ? count(value) : value < 100 ? value.toFixed(1) : count(value)),
    short: value => (value < 9.95 && !Number.isInteger(value) ? value.toFixed(1) : compact(value)),
  },
  sink: {
    title: 'Sink mass',
    unit: '',
    help: `Share of the attention mass on the first ${SINK_TOKENS} tokens of the document, the attention sink.`,
    logarithmic: false,
    exact: share,
    short: value => (Number.isFinite(value) ? `${Math.round(value * 100)}%` : '–'),
  },
  peak: {
    title: 'Strongest weight',
    unit: '',
    help: 'The largest attention weight of the row: near 1 the token looks at a single key.',
    logarithmic: false,
    exact: weight,
    short: value => (Number.isFinite(value) ? value.toFixed(2) : '–'),
  },
  recall: {
    title: 'Recall',
    unit: '',
    help: "Share of the dense row's attention mass, on the same q and k, that lies on keys the variant weighs.",
    logarithmic: false,
    exact: share,
    short: value => (Number.isFinite(value) ? `${Math.round(value * 100)}%` : '–'),
  },
  error: {
    title: 'Output error',
    unit: '',
    help: "How far the head's output is from that of dense attention on the same q, k and v, as a share of its length.",
    logarithmic: false,
    exact: share,
    short: value => (Number.isFinite(value) ? `${Math.round(value * 100)}%` : '–'),
  },
};

/** The statistics that a run has: recall and error need dense attention beside the variant. */
export function statisticsOf(inspection: InspectionSummary | undefined): readonly StatName[] {
  const isShadow = inspection?.schedule.mode === 'shadow';
  return STAT_NAMES.filter(name => isShadow || (name !== 'error' && name !== 'recall'));
}

/** The chosen statistic, or the span where the run does not have it. */
export function shownStatistic({ choices, state }: Model): StatName {
  return statisticsOf(state?.inspection).includes(choices.stat) ? choices.stat : 'span';
}

/** `2.10 nats`, `31.2 %`. */
export function withUnit(stat: StatName, value: number): string {
  const { exact, unit } = STATISTICS[stat];
  return unit === '' ? exact(value) : `${exact(value)} ${unit}`;
}

/** The colour scale of a statistic over the heads' means. */
export function scaleOf(
  values: Float32Array,
  stat: StatName,
): { readonly low: number; readonly high: number; readonly place: (value: number) => number } {
  const [least, most] = extent(values) ?? [0, 1];
  if (STATISTICS[stat].logarithmic) {
    const low = Math.max(1, least);
    const high = Math.max(low * 2, most);
    return { low, high, place: value => Math.log(Math.max(1, value) / low) / Math.log(high / low) };
  }
  const high = most > 0 ? most : 1;
  return { low: 0, high, place: value => value / high };
}
