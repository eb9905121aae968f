/** What a reader chose to see of a comparison, and beside the selected token. */

import type { ParamValue, VariantChoice } from '../src/protocol/inspection';

/** What candidates are judged by. */
export const QUALITIES = ['recall', 'error', 'loss'] as const;
export type Quality = (typeof QUALITIES)[number];

/** What they cost. */
export const COSTS = ['keys', 'memory', 'seconds'] as const;
export type Cost = (typeof COSTS)[number];

export type CompareColumn = 'variant' | Quality | Cost;
const COLUMNS: readonly CompareColumn[] = ['variant', ...QUALITIES, ...COSTS];

/** What the grid of a candidate's heads shows. */
export const HEAD_QUALITIES = ['recall', 'error'] as const;
export type HeadQuality = (typeof HEAD_QUALITIES)[number];

/** What the grid of a sweep shows. */
export const SWEEP_SHOWS = ['budget', 'kind'] as const;
export type SweepShows = (typeof SWEEP_SHOWS)[number];

export interface CompareChoices {
  readonly sort: CompareColumn;
  /** Greatest first. */
  readonly falling: boolean;
  readonly quality: Quality;
  readonly cost: Cost;
  /** The candidate that is looked into, by `describeChoice`. */
  readonly candidate: string | undefined;
  readonly heads: HeadQuality;
  readonly sweep: SweepShows;
}

export const FIRST_COMPARE: CompareChoices = {
  sort: 'recall',
  falling: true,
  quality: 'recall',
  cost: 'keys',
  candidate: undefined,
  heads: 'recall',
  sweep: 'budget',
};

/** Reads saved choices; whatever has another shape falls back to the first ones. */
export function readCompare(saved: unknown): CompareChoices {
  if (typeof saved !== 'object' || saved === null) return FIRST_COMPARE;
  const fields = saved as Readonly<Record<string, unknown>>;
  const one = <T>(known: readonly T[], name: string, first: T): T =>
    known.find(value => value === fields[name]) ?? first;
  const { candidate } = fields;
  return {
    sort: one(COLUMNS, 'sort', FIRST_COMPARE.sort),
    falling: one([true, false], 'falling', FIRST_COMPARE.falling),
    quality: one(QUALITIES, 'quality', FIRST_COMPARE.quality),
    cost: one(COSTS, 'cost', FIRST_COMPARE.cost),
    candidate: typeof candidate === 'string' ? candidate : undefined,
    heads: one(HEAD_QUALITIES, 'heads', FIRST_COMPARE.heads),
    sweep: one(SWEEP_SHOWS, 'sweep', FIRST_COMPARE.sweep),
  };
}

/** Reads a saved variant; undefined for anything of another shape. */
export function readVariant(saved: unknown): VariantChoice | undefined {
  if (typeof saved !== 'object' || saved === null || !('id' in saved) || !('params' in saved))
    return undefined;
  const { id, params } = saved;
  if (typeof id !== 'string' || typeof params !== 'object' || params === null) return undefined;
  const entries: readonly (readonly [string, unknown])[] = Object.entries(params);
  const isValue = (entry: readonly [string, unknown]): entry is readonly [string, ParamValue] =>
    ['number', 'boolean', 'string'].includes(typeof entry[1]);
  return { id, params: Object.fromEntries(entries.filter(isValue)) };
}
