/**
 * What the panel may ask: every message from it is checked here before anything acts on it. A page is
 * never trusted with more than these calls and these argument shapes.
 */

import * as v from 'valibot';
import { RUN_MODES, STAT_NAMES } from '../protocol/inspection';
import { cellsOf, MAP_CELLS, MAP_ROWS } from '../protocol/map';
import { FILE_KINDS, FILE_LIMIT, type HostApi, type PanelCommand } from '../protocol/panel';
import { Problem } from '../protocol/problem';
import { SERIES_CELLS, SERIES_GREATEST } from '../protocol/series';

const index = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(2 ** 31 - 1));
const head = v.object({ layer: index, head: index });
const row = v.object({ layer: index, head: index, token: index });

// Messages travel as JSON, which writes a missing list entry as null and drops missing properties.
const selection = v.object({
  layer: index,
  head: index,
  token: v.pipe(
    v.nullish(index),
    v.transform(value => value ?? undefined),
  ),
  pinned: v.boolean(),
});

const PANEL_COMMANDS = [
  'inspectDocument',
  'inspectSelection',
  'inspectAgain',
  'chooseModel',
  'chooseVariant',
  'chooseSchedule',
  'cancel',
  'compareLayers',
  'compareVariants',
  'sweepVariant',
  'cancelComparison',
  'exportComparison',
  'clear',
  'restartEngine',
  'showLog',
  'openExample',
  'exportInspection',
  'exportReport',
] as const satisfies readonly PanelCommand[];

/** Parameters of a variant in one message, at most. */
const MANY_PARAMS = 100;

const word = v.pipe(v.string(), v.maxLength(100));
const variant = v.object({
  id: word,
  params: v.pipe(
    v.record(word, v.union([v.number(), v.boolean(), word])),
    v.check(params => Object.keys(params).length <= MANY_PARAMS, `at most ${MANY_PARAMS} parameters`),
  ),
});

/** Without the property where it is absent, as a request must be. */
const panelRow = v.pipe(
  v.object({ ...row.entries, variant: v.nullish(variant) }),
  v.transform(({ variant: laid, ...ref }) => (laid ? { ...ref, variant: laid } : ref)),
);

const layers = v.pipe(v.string(), v.maxLength(1000));
const schedule = v.object({
  mode: v.picklist(RUN_MODES),
  layers,
  others: v.pipe(v.array(v.object({ layers, variant })), v.maxLength(1000)),
});

const interval = v.pipe(
  v.object({ start: index, end: index }),
  v.check(({ start, end }) => start < end, 'the end comes after the start'),
);
const step = v.pipe(index, v.minValue(1));
const tile = v.pipe(
  v.object({
    ...head.entries,
    queries: interval,
    keys: interval,
    queryStep: step,
    keyStep: step,
    samples: v.pipe(step, v.maxValue(MAP_ROWS)),
    against: v.boolean(),
  }),
  v.check(
    ({ queries, keys, queryStep, keyStep }) =>
      cellsOf(queries, queryStep) <= MAP_CELLS && cellsOf(keys, keyStep) <= MAP_CELLS,
    `a tile has at most ${MAP_CELLS} lines and columns`,
  ),
);

const series = v.pipe(
  v.object({
    ...head.entries,
    stat: v.picklist(STAT_NAMES),
    tokens: interval,
    step,
    greatest: v.pipe(index, v.maxValue(SERIES_GREATEST)),
  }),
  v.check(
    ({ tokens, step: by }) => cellsOf(tokens, by) <= SERIES_CELLS,
    `a series has at most ${SERIES_CELLS} cells`,
  ),
);

const file = v.object({
  name: v.pipe(v.string(), v.minLength(1), v.maxLength(200)),
  kind: v.picklist(FILE_KINDS),
  content: v.pipe(v.string(), v.maxLength(FILE_LIMIT)),
});

/** Rows and texts asked in one call, at most. */
const MANY = 20_000;

/** Cells of the profiles of all rows asked in one call, at most: 16 MiB of answer. */
const MANY_CELLS = 2 ** 22;

const rows = v.pipe(
  v.strictTuple([
    v.pipe(v.array(panelRow), v.maxLength(MANY)),
    v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(16_384)),
  ]),
  v.check(
    ([list, profile]) => list.length * profile <= MANY_CELLS,
    `at most ${MANY_CELLS} cells of profiles a call`,
  ),
);

/** An argument that may be missing. */
const oneOrNone = v.pipe(
  v.array(v.unknown()),
  v.maxLength(1),
  v.transform(list => [list[0] ?? undefined]),
);

/** The argument lists of `HostApi`; a method without an entry here does not compile. */
const ARGUMENTS = {
  state: v.strictTuple([]),
  run: v.strictTuple([v.picklist(PANEL_COMMANDS)]),
  select: v.strictTuple([selection]),
  setVariant: v.strictTuple([variant, schedule]),
  reveal: v.strictTuple([index]),
  overview: v.strictTuple([]),
  stats: v.strictTuple([head, v.pipe(v.array(v.picklist(STAT_NAMES)), v.maxLength(STAT_NAMES.length))]),
  series: v.strictTuple([series]),
  dilution: v.strictTuple([head]),
  rows,
  structure: v.pipe(oneOrNone, v.strictTuple([v.optional(row)])),
  memory: v.strictTuple([row]),
  map: v.strictTuple([tile]),
  tokenDetail: v.strictTuple([index]),
  texts: v.strictTuple([v.pipe(v.array(index), v.maxLength(MANY))]),
  hurts: v.pipe(oneOrNone, v.strictTuple([v.optional(head)])),
  comparison: v.strictTuple([]),
  save: v.strictTuple([file]),
} as const satisfies Record<keyof HostApi, v.GenericSchema<unknown, readonly unknown[]>>;

const REQUEST = v.object({
  t: v.literal('q'),
  i: v.optional(v.string()),
  m: v.string(),
  a: v.array(v.unknown()),
});

/** A checked call of the panel, as `birpc` carries it. */
export interface PanelRequest {
  readonly t: 'q';
  readonly i?: string;
  readonly m: keyof HostApi;
  readonly a: readonly unknown[];
}

export type ReadMessage =
  | { readonly ok: true; readonly request: PanelRequest }
  | { readonly ok: false; readonly id: string | undefined; readonly problem: Problem };

function isMethod(name: string): name is keyof HostApi {
  return Object.hasOwn(ARGUMENTS, name);
}

/** Reads a message from the panel; a wrong one keeps its id, so that it can be answered. */
export function readMessage(message: unknown): ReadMessage {
  const envelope = v.safeParse(REQUEST, message);
  if (!envelope.success) {
    return {
      ok: false,
      id: undefined,
      problem: new Problem('The panel sent a message that is no call; reload the window.'),
    };
  }
  const { i, m, a } = envelope.output;
  if (!isMethod(m)) {
    return {
      ok: false,
      id: i,
      problem: new Problem(`The panel asked for "${m}", which the extension does not offer.`),
    };
  }
  const args = v.safeParse(ARGUMENTS[m], a);
  if (!args.success) {
    const issue = args.issues[0];
    const where = v.getDotPath(issue) ?? 'arguments';
    return {
      ok: false,
      id: i,
      problem: new Problem(`The panel called "${m}" wrongly at ${where}: ${issue.message}.`),
    };
  }
  return { ok: true, request: { t: 'q', m, a: args.output, ...(i === undefined ? {} : { i }) } };
}
