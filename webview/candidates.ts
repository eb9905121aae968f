/** Candidates of a comparison: their figures, what those mean, and their order. */

import { describeBytes } from '../src/protocol/bytesText';
import { describeChoice } from '../src/protocol/choiceText';
import type { CandidateSummary, ComparisonSummary } from '../src/protocol/comparison';
import type { CompareColumn, Cost, Quality } from './compareChoices';
import { compact, count, duration, figure, share } from './format';

export interface Measure {
  readonly title: string;
  readonly help: string;
  /** Whether a greater value is the better one. */
  readonly greaterIsBetter: boolean;
  readonly exact: (value: number) => string;
  /** On an axis. */
  readonly short: (value: number) => string;
}

export const MEASURES: Readonly<Record<Quality | Cost, Measure>> = {
  recall: {
    title: 'Recall',
    help: 'Share of the model’s own attention mass, on the same q and k, on keys that the variant weighs: the mean over tokens, heads and layers',
    greaterIsBetter: true,
    exact: share,
    short: value => `${trimmed(value * 100)} %`,
  },
  error: {
    title: 'Output error',
    help: '|y - y_own| / |y_own| of the heads’ outputs on the same q, k and v: the mean over tokens, heads and layers',
    greaterIsBetter: false,
    exact: share,
    short: value => `${trimmed(value * 100)} %`,
  },
  loss: {
    title: 'Loss change',
    help: 'Nats a token that the next-token loss rises when the variant attends in every layer, live',
    greaterIsBetter: false,
    exact: signed,
    short: value => trimmed(value),
  },
  keys: {
    title: 'Keys',
    help: 'Keys that a query is computed with, in the mean over tokens and layers; what a block computes and masks counts. Unlike seconds the same on every machine',
    greaterIsBetter: false,
    exact: value => (value < 10 ? figure(value) : count(value)),
    short: compact,
  },
  memory: {
    title: 'Memory',
    help: 'What decoding keeps at the end of the document, over all layers, at four bytes a number: the keys and values that its last token or a later one may still read, what finds them, and states. Weights do not count',
    greaterIsBetter: false,
    exact: describeBytes,
    short: describeBytes,
  },
  seconds: {
    title: 'Time',
    help: 'Wall time of the variant’s plans and attention in all layers, on the model’s own queries, keys and values',
    greaterIsBetter: false,
    exact: value => (value < 10 ? `${figure(value)} s` : duration(value)),
    short: value => `${figure(value)} s`,
  },
};

function trimmed(value: number): string {
  return String(Number(value.toPrecision(3))).replace('-', '−');
}

/** Nats with their sign, such as `+0.125`. */
export function signed(value: number): string {
  if (!Number.isFinite(value)) return '–';
  return `${value < 0 ? '−' : '+'}${Math.abs(value).toFixed(3)}`;
}

export function nameOf({ variant }: Pick<CandidateSummary, 'variant'>): string {
  return describeChoice(variant);
}

/** NaN where it is not known. */
export function valueOf(
  candidate: CandidateSummary,
  measure: Quality | Cost,
  { loss }: Pick<ComparisonSummary, 'loss'>,
): number {
  if (candidate.problem !== undefined) return Number.NaN;
  switch (measure) {
    case 'recall':
      return mean(candidate.recall);
    case 'error':
      return mean(candidate.error);
    case 'loss':
      return (candidate.live?.loss ?? Number.NaN) - (loss ?? Number.NaN);
    case 'keys':
      return candidate.keys;
    case 'memory':
      return candidate.memory;
    case 'seconds':
      return candidate.seconds;
  }
}

/** The model's own attention by the same measures. */
export function ownValue(measure: Quality | Cost, comparison: ComparisonSummary): number {
  switch (measure) {
    case 'recall':
      return 1;
    case 'error':
      return 0;
    case 'loss':
      return comparison.loss === undefined ? Number.NaN : 0;
    case 'keys':
      return comparison.keys;
    case 'memory':
      return comparison.memory;
    case 'seconds':
      return comparison.seconds;
  }
}

/** What is not known comes last, whichever way the others are sorted. */
export function sorted(
  comparison: ComparisonSummary,
  column: CompareColumn,
  falling: boolean,
): readonly CandidateSummary[] {
  const way = falling ? -1 : 1;
  return comparison.candidates.toSorted((a, b) => {
    if (column === 'variant') return way * nameOf(a).localeCompare(nameOf(b), 'en', { numeric: true });
    const [one, other] = [valueOf(a, column, comparison), valueOf(b, column, comparison)];
    if (Number.isNaN(one) || Number.isNaN(other))
      return Number(Number.isNaN(one)) - Number(Number.isNaN(other));
    return way * (one - other);
  });
}

/** The candidate that is looked into: the one of that name, or else the one with the best recall. */
export function chosenOf(
  comparison: ComparisonSummary,
  name: string | undefined,
): CandidateSummary | undefined {
  const known = comparison.candidates.filter(({ problem }) => problem === undefined);
  const named = known.find(candidate => nameOf(candidate) === name);
  return named ?? sorted({ ...comparison, candidates: known }, 'recall', true)[0];
}

export function mean(values: Float32Array): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
