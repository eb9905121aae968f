/** What the panel knows: the extension's last word, and the reader's own choices in this page. */

import type { StatName, VariantChoice } from '../src/protocol/inspection';
import { STAT_NAMES } from '../src/protocol/inspection';
import type { PanelState, Selection } from '../src/protocol/panel';
import { type CompareChoices, FIRST_COMPARE, readCompare, readVariant } from './compareChoices';
import type { Range } from './draw/axis';
import { MAP_SHOWS, type MapShows } from './draw/mapCells';
import { type MapView, wholeMap } from './draw/mapView';

/** The views that can show a table in place of their drawing. */
export const TABLES = [
  'overview',
  'row',
  'ribbon',
  'map',
  'segments',
  'memory',
  'compare',
  'dilution',
] as const;
export type TableName = (typeof TABLES)[number];

/** The views that fold away; the header stays. */
export const FOLDING = [
  'overview',
  'row',
  'ribbon',
  'map',
  'segments',
  'memory',
  'hurts',
  'compare',
  'heads',
  'dilution',
] as const;
export type FoldingName = (typeof FOLDING)[number];

/** Choices that survive a reload. */
export interface Choices {
  readonly stat: StatName;
  readonly tables: readonly TableName[];
  readonly folded: readonly FoldingName[];
  /** The part of the document in view; undefined for all of it. */
  readonly zoom: Range | undefined;
  /** Which text `zoom` belongs to, by `textNameOf`. */
  readonly zoomOf: string | undefined;
  readonly allKeys: boolean;
  /** Whether what the variant hurts most is in the mean over all heads. */
  readonly allHeads: boolean;
  /** The part of the attention map in view; undefined for all of it. */
  readonly map: MapView | undefined;
  /** Which text `map` belongs to, by `textNameOf`. */
  readonly mapOf: string | undefined;
  readonly mapShows: MapShows;
  /** The variant whose row stands below that of the run; undefined for none. */
  readonly second: VariantChoice | undefined;
  readonly compare: CompareChoices;
}

export interface Model {
  readonly state: PanelState | undefined;
  readonly choices: Choices;
  /** A sentence about a call of this page that failed; undefined when none did. */
  readonly failure: string | undefined;
}

export const FIRST_CHOICES: Choices = {
  stat: 'span',
  tables: [],
  folded: [],
  zoom: undefined,
  zoomOf: undefined,
  allKeys: false,
  allHeads: false,
  map: undefined,
  mapOf: undefined,
  mapShows: 'variant',
  second: undefined,
  compare: FIRST_COMPARE,
};

/** Reads saved choices; whatever has another shape falls back to the first ones. */
export function readChoices(saved: unknown): Choices {
  if (typeof saved !== 'object' || saved === null) return FIRST_CHOICES;
  const fields = saved as Readonly<Record<string, unknown>>;
  const stat = STAT_NAMES.find(name => name === fields['stat']) ?? FIRST_CHOICES.stat;
  const listed = fields['tables'];
  const tables = Array.isArray(listed) ? TABLES.filter(name => listed.includes(name)) : [];
  const closed = fields['folded'];
  const folded = Array.isArray(closed) ? FOLDING.filter(name => closed.includes(name)) : [];
  const zoom = readRange(fields['zoom']);
  const mapOf = typeof fields['mapOf'] === 'string' ? fields['mapOf'] : undefined;
  const mapShows = MAP_SHOWS.find(name => name === fields['mapShows']) ?? FIRST_CHOICES.mapShows;
  const zoomOf = typeof fields['zoomOf'] === 'string' ? fields['zoomOf'] : undefined;
  return {
    stat,
    tables,
    folded,
    zoom,
    zoomOf,
    allKeys: fields['allKeys'] === true,
    allHeads: fields['allHeads'] === true,
    map: readMap(fields['map']),
    mapOf,
    mapShows,
    second: readVariant(fields['second']),
    compare: readCompare(fields['compare']),
  };
}

function readRange(value: unknown): Range | undefined {
  if (typeof value !== 'object' || value === null || !('start' in value) || !('end' in value))
    return undefined;
  const { start, end } = value;
  if (typeof start !== 'number' || typeof end !== 'number') return undefined;
  return start >= 0 && end > start ? { start, end } : undefined;
}

function readMap(value: unknown): MapView | undefined {
  if (typeof value !== 'object' || value === null || !('queries' in value) || !('keys' in value))
    return undefined;
  const queries = readRange(value.queries);
  const keys = readRange(value.keys);
  return queries === undefined || keys === undefined ? undefined : { queries, keys };
}

/** Names the data an inspection holds now: changes when what was fetched of it may be out of date. */
export function dataOf(state: PanelState | undefined): string | undefined {
  const inspection = state?.inspection;
  if (inspection === undefined) return undefined;
  const { id, tokens, loss, seconds, variant, model, device } = inspection;
  const done = state?.running === undefined ? 'done' : Math.floor(state.running.fraction * 8);
  const when = state?.running === undefined ? seconds : 0;
  return JSON.stringify([id, tokens, loss ?? null, when, variant, model.directory, device.name, done]);
}

/** Names the tokens an inspection covers, whose texts stay the same while its run goes on. */
export function textsOf(state: PanelState | undefined): string | undefined {
  const inspection = state?.inspection;
  if (inspection === undefined) return undefined;
  const { id, tokens, seconds, model } = inspection;
  return JSON.stringify([id, tokens, model.directory, state?.running === undefined ? seconds : 0]);
}

/**
 * Names the text that is inspected, whatever it was inspected with: a zoom into it holds from one variant to
 * the next, and after a reload. An edit that changes how many tokens there are ends it.
 */
export function textNameOf(state: PanelState | undefined): string | undefined {
  const { inspection, documentName } = state ?? {};
  return inspection === undefined ? undefined : JSON.stringify([documentName ?? '', inspection.tokens]);
}

type Listener = (model: Model) => void;

export class Store {
  private current: Model;
  private readonly listeners = new Set<Listener>();

  constructor(choices: Choices) {
    this.current = { state: undefined, choices, failure: undefined };
  }

  get model(): Model {
    return this.current;
  }

  get selection(): Selection | undefined {
    return this.current.state?.selection;
  }

  /** The part of the document in view, and how many tokens the document has. */
  get range(): { readonly range: Range; readonly total: number } {
    return rangeOf(this.current);
  }

  update(change: Partial<Model>): void {
    this.current = { ...this.current, ...change };
    for (const listener of this.listeners) listener(this.current);
  }

  choose(change: Partial<Choices>): void {
    this.update({ choices: { ...this.current.choices, ...change } });
  }

  zoomTo(range: Range | undefined): void {
    this.choose({ zoom: range, zoomOf: textNameOf(this.current.state) });
  }

  /** The part of the attention map in view, and how many tokens the document has. */
  get map(): { readonly view: MapView; readonly total: number } {
    return mapOf(this.current);
  }

  mapTo(view: MapView | undefined): void {
    this.choose({ map: view, mapOf: textNameOf(this.current.state) });
  }

  chooseCompare(change: Partial<CompareChoices>): void {
    this.choose({ compare: { ...this.current.choices.compare, ...change } });
  }

  isTable(name: TableName): boolean {
    return this.current.choices.tables.includes(name);
  }

  toggleTable(name: TableName): void {
    const { tables } = this.current.choices;
    this.choose({
      tables: tables.includes(name) ? tables.filter(table => table !== name) : [...tables, name],
    });
  }

  toggleFold(name: FoldingName): void {
    const { folded } = this.current.choices;
    this.choose({ folded: folded.includes(name) ? folded.filter(view => view !== name) : [...folded, name] });
  }

  /** Calls `act` now and whenever what `select` reads has changed. */
  watch<T>(select: (model: Model) => T, act: (value: T, model: Model) => void): void {
    let before = select(this.current);
    this.listeners.add(model => {
      const now = select(model);
      if (Object.is(now, before)) return;
      before = now;
      act(now, model);
    });
    act(before, this.current);
  }
}

export function rangeOf(model: Model): { readonly range: Range; readonly total: number } {
  const total = model.state?.inspection?.tokens ?? 0;
  const { zoom, zoomOf } = model.choices;
  if (zoom === undefined || zoomOf !== textNameOf(model.state) || zoom.end > total) {
    return { range: { start: 0, end: total }, total };
  }
  return { range: zoom, total };
}

export function mapOf({ state, choices }: Model): { readonly view: MapView; readonly total: number } {
  const total = state?.inspection?.tokens ?? 0;
  const { map, mapOf: of } = choices;
  const isKnown = map !== undefined && of === textNameOf(state);
  const fits = isKnown && map.queries.end <= total && map.keys.end <= total;
  return { view: fits ? map : wholeMap(total), total };
}
