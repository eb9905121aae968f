/** Runs in the harness page before the panel: plays VS Code and the extension. */

import { createBirpc } from 'birpc';
import type {
  Hurt,
  HeadRef,
  Overview,
  Row,
  RowRef,
  Schedule,
  StatName,
  TokenStats,
  VariantChoice,
  VariantInfo,
} from '../../../src/protocol/inspection';
import { EVERYWHERE, STAT_NAMES } from '../../../src/protocol/inspection';
import { dilutionBins } from '../../../src/engine/analysis/dilution';
import { seriesOf } from '../../../src/engine/analysis/series';
import type { TileRef } from '../../../src/protocol/map';
import type { HostApi, PanelApi, PanelState } from '../../../src/protocol/panel';
import { decodeMessage, encodeMessage, Problem } from '../../../src/protocol/problem';
import { fakeComparison } from './fakeComparison';
import { fakeRow, fakeStructure, HEADS, LAYERS, lineAt, noise, wordAt } from './fakeDocument';
import { fakeMap } from './fakeMap';
import { fakeSlots, fakeState } from './fakeMemory';
import { THEMES } from './themes';

const query = new URLSearchParams(location.search);
const total = Number(query.get('n') ?? '200');
const scene = query.get('scene') ?? 'segmented';
const theme = THEMES[query.get('theme') ?? 'dark'] ?? THEMES['dark']!;

for (const [name, value] of Object.entries(theme.variables)) {
  document.documentElement.style.setProperty(`--vscode-${name}`, value);
}
document.body.classList.add(theme.kind);
document.body.dataset['vscodeThemeKind'] = theme.kind;
document.body.style.background = theme.variables['sideBar-background'] ?? '';

const VARIANTS: readonly VariantInfo[] = [
  {
    id: 'dense',
    title: 'Dense',
    summary: 'Every query sees every key up to its own position.',
    source: 'Vaswani et al. 2017',
    trainingClass: 'TF',
    cost: 'N²',
    plan: [],
    params: {},
    tensors: {},
  },
  {
    id: 'local',
    title: 'Local window',
    summary: 'A query sees the keys of a window behind it, and the first few.',
    source: 'Beltagy et al. 2020',
    trainingClass: 'TF',
    cost: 'N·w',
    plan: ['window'],
    params: {
      window: {
        type: 'integer',
        default: 256,
        min: 1,
        max: 65_536,
        help: 'Keys a query sees, its own included.',
      },
      sinks: { type: 'integer', default: 0, min: 0, max: 1024, help: 'First tokens that every query sees.' },
    },
    tensors: {},
  },
  {
    id: 'segmented',
    title: 'Segmented',
    summary: 'A query sees its own segment, and earlier segments through one summary each.',
    source: 'Block-recurrent and summary-token models',
    trainingClass: 'TF',
    cost: 'N·b + (N/b)²',
    plan: ['segments'],
    params: {
      segment: {
        type: 'choice',
        default: 'paragraph',
        choices: ['128', '256', 'sentence', 'paragraph'],
        help: 'What a segment is: a count of tokens, or a unit of the text.',
      },
      gate: {
        type: 'number',
        default: 0.5,
        min: 0,
        max: 1,
        help: 'Share of the output that comes from other segments.',
      },
      mean: { type: 'boolean', default: true, help: 'Pool a segment by its mean, not by attention.' },
    },
    tensors: {},
  },
];

const variantId = scene === 'dense' || scene === 'lsh' ? 'dense' : 'segmented';
/** One scene shows what only a shadow run has. */
const schedule: Schedule = scene === 'segmented' ? { mode: 'shadow', layers: '1-3', others: [] } : EVERYWHERE;
let state: PanelState = {
  inspection: {
    id: `fake-${total}`,
    model: {
      name: 'lab-base',
      directory: '/models/lab-base',
      architecture: 'LlamaForCausalLM',
      layers: LAYERS,
      heads: HEADS,
      keyValueHeads: 3,
      headWidth: 32,
      vocabulary: 4096,
      parameters: 2_557_632,
      context: 131_072,
    },
    variant: { id: variantId, params: {} },
    schedule,
    layerVariants: Array.from({ length: LAYERS }, () => ({ id: variantId, params: {} })),
    device: { name: 'cpu', precision: 'float32', fallback: undefined },
    weights: 'float',
    tokens: total,
    kept: 0,
    layers: LAYERS,
    heads: HEADS,
    loss: 2.514,
    seconds: total > 1000 ? 84.2 : 0.38,
    notes: scene === 'segmented' ? ['Positions beyond 131,072 were not seen in training.'] : [],
  },
  documentName: total > 1000 ? 'the-long-book.txt' : 'attention.py',
  running: undefined,
  staleFrom: undefined,
  problem: undefined,
  variants: VARIANTS,
  variant: { id: variantId, params: {} },
  schedule,
  selection: { layer: 2, head: 3, token: Math.floor(total * 0.59), pinned: false },
  topKeys: 16,
  comparison: { key: undefined, running: undefined, problem: undefined },
};

if (scene === 'empty') state = { ...state, inspection: undefined };
if (scene === 'running') {
  const { inspection } = state;
  state = {
    ...state,
    running: { id: `fake-${total}`, fraction: 0.42, phase: 'Layer 2 of 4' },
    inspection: inspection === undefined ? undefined : { ...inspection, loss: undefined },
  };
}
if (['segmented', 'sweep', 'tables'].includes(scene)) {
  state = { ...state, comparison: { key: 'fake compare 1', running: undefined, problem: undefined } };
}
if (scene === 'comparing') {
  const running = { id: 'fake compare 1', fraction: 0.3, phase: 'Comparing layer 2 of 4' };
  const problem = 'The comparison before it was cut short.';
  state = { ...state, comparison: { key: undefined, running, problem } };
}
if (scene === 'stale') state = { ...state, staleFrom: Math.floor(total * 0.7) };
if (scene === 'problem') {
  state = {
    ...state,
    problem:
      'The engine stopped (signal SIGKILL) while it was inspecting; it has been started again. Inspect the document again.',
  };
}

const PARTS: Readonly<Record<StatName, (layer: number, head: number) => (token: number) => number>> = {
  entropy: (layer, head) => token =>
    Math.log(1 + Math.min(token, reachOf(layer, head))) * wave(token) * (0.7 + 0.3 * noise(token, head)),
  span: (layer, head) => token => {
    const reach = reachOf(layer, head) * 2.3 * wave(token) * (0.3 + noise(token, layer));
    return Math.max(1, Math.round(Math.min(token + 1, reach)));
  },
  sink: (layer, head) => token =>
    Math.min(1, (0.15 * ((layer + head) % 4) + 0.3 * noise(token)) * wave(token)),
  peak: (layer, head) => token => Math.min(1, 0.1 + 0.8 * noise(token, head, layer) ** 3),
  recall: (layer, head) => token =>
    schedule.mode === 'shadow' ? 1 - 0.5 * noise(token, head, layer) : Number.NaN,
  error: (layer, head) => token =>
    schedule.mode === 'shadow' ? 0.4 * noise(token, layer, head) ** 2 : Number.NaN,
};

const reachOf = (layer: number, head: number): number =>
  4 * 6 ** (((head + layer) % 4) + noise(layer, head, 1));
const wave = (token: number): number => 0.6 + 0.4 * Math.sin(token / (total / 17)) * Math.sin(token / 31);

/** A few of the last made, so that a page of a long document is not kept waiting by its own host. */
const made = new Map<string, Float32Array>();

function statOf({ layer, head }: HeadRef, name: StatName): Float32Array {
  const key = `${layer}/${head}/${name}`;
  const known = made.get(key);
  if (known !== undefined) return known;
  const make = PARTS[name](layer, head);
  const values = Float32Array.from({ length: total }, (_, token) => make(token));
  made.set(key, values);
  if (made.size > 4) made.delete(made.keys().next().value!);
  return values;
}

function tokenStats(layer: number, head: number): TokenStats {
  const stats = STAT_NAMES.map(name => [name, statOf({ layer, head }, name)] as const);
  return Object.fromEntries(stats) as TokenStats;
}

let summary: Overview | undefined;

function overview(): Overview {
  summary ??= overviewOf();
  return summary;
}

/** Means over an even part of the tokens: all of a long document would keep the page waiting. */
function overviewOf(): Overview {
  const step = Math.ceil(total / 2 ** 14);
  const mean = (at: (token: number) => number): number => {
    let sum = 0;
    for (let token = 0; token < total; token += step) sum += at(token);
    return sum / Math.ceil(total / step);
  };
  const means = (name: StatName): Float32Array =>
    Float32Array.from({ length: LAYERS * HEADS }, (_, at) => {
      const isKnown = scene !== 'running' || at < 2 * HEADS;
      return isKnown ? mean(PARTS[name](Math.floor(at / HEADS), at % HEADS)) : Number.NaN;
    });
  const stats = Object.fromEntries(STAT_NAMES.map(name => [name, means(name)])) as Overview['stats'];
  return { layers: LAYERS, heads: HEADS, stats };
}

/** What the panel asked for, for the checks that drive this page. */
const calls: (readonly [string, unknown])[] = [];
const plain = (stats: Readonly<Record<StatName, Float32Array>>): Record<string, number[]> =>
  Object.fromEntries(STAT_NAMES.map(name => [name, Array.from(stats[name])]));
Object.assign(window, {
  calls,
  selection: () => state.selection,
  answers: {
    stats: ({ layer, head }: HeadRef) => plain(tokenStats(layer, head)),
    overview: () => plain(overview().stats),
  },
});

/** Tiles of the map that it asked for. */
const maps: TileRef[] = [];
Object.assign(window, { maps });

/** Which calls it made, the bytes of the messages to it, and how many calls are not answered yet. */
const traffic = { asked: [] as string[], bytes: 0, open: 0 };
Object.assign(window, { traffic });

const host: HostApi = {
  state: () => Promise.resolve(state),
  run: command => {
    calls.push(['run', command]);
    return Promise.resolve();
  },
  select: selection => {
    calls.push(['select', selection]);
    state = { ...state, selection };
    void panel.stateChanged(state);
    return Promise.resolve();
  },
  setVariant: (choice, where) => {
    calls.push(['setVariant', [choice, where]]);
    return Promise.resolve();
  },
  reveal: token => {
    calls.push(['reveal', token]);
    return Promise.resolve();
  },
  overview: () => Promise.resolve(overview()),
  stats: ({ layer, head }, names) => {
    const stats = tokenStats(layer, head);
    return Promise.resolve(Object.fromEntries(names.map(name => [name, stats[name]])));
  },
  series: ref => Promise.resolve(seriesOf(statOf(ref, ref.stat), ref)),
  dilution: of => {
    const [entropy, peak, sink] = [statOf(of, 'entropy'), statOf(of, 'peak'), statOf(of, 'sink')];
    return Promise.resolve(dilutionBins({ entropy, peak, sink }));
  },
  rows: (refs, cells) => {
    if (scene === 'broken')
      return Promise.reject(new Problem('The engine is closed; inspect the document again.'));
    return Promise.resolve(
      refs.map(({ variant, ...ref }) =>
        variant === undefined
          ? fakeRow(ref, total, cells, state.topKeys, scene === 'lsh')
          : fakeSecond(ref, variant, cells),
      ),
    );
  },
  // A missing argument crosses as null.
  structure: given => {
    const ref = given ?? undefined;
    const row = ref === undefined ? undefined : fakeRow(ref, total, 2048, 1);
    return Promise.resolve(fakeStructure(scene === 'lsh' ? 'lsh' : variantId, total, row));
  },
  memory: ref => {
    if (variantId === 'dense') return Promise.resolve(undefined);
    return Promise.resolve(scene.startsWith('state') ? fakeState(ref, total) : fakeSlots(ref, total));
  },
  map: tile => {
    if (scene === 'broken')
      return Promise.reject(new Problem('The engine is closed; inspect the document again.'));
    maps.push(tile);
    return fakeMap(tile, total, scene);
  },
  tokenDetail: token =>
    Promise.resolve({
      token,
      id: 100 + (token % 900),
      text: wordAt(token),
      piece: wordAt(token).replace(' ', 'Ġ'),
      loss: token === 0 ? undefined : 1 + 3 * noise(token),
      predictions: [
        { id: 5, text: ' the', logProbability: -1.2 },
        { id: 6, text: '\n', logProbability: -1.9 },
      ],
      path: [],
    }),
  texts: tokens =>
    Promise.resolve(tokens.map(token => ({ token, text: wordAt(token), line: lineAt(token) }))),
  comparison: () => Promise.resolve(fakeComparison(total, scene === 'sweep')),
  hurts: of => Promise.resolve(fakeHurts(of ?? undefined)),
  save: file => {
    calls.push(['save', file]);
    return Promise.resolve(true);
  },
};

/** A variant's row laid over the run: of another head, so that they differ, with what each lacks. */
function fakeSecond(ref: RowRef, variant: VariantChoice, cells: number): Row {
  if (variant.id === 'dense' && scene === 'lsh')
    throw new Problem('Dense attention cannot open on this layer; choose another variant.');
  const run = fakeRow(ref, total, cells, state.topKeys);
  const other = fakeRow({ ...ref, head: (ref.head + 1) % HEADS }, total, cells, state.topKeys);
  const [lacks, adds] = [run.keys.slice(2, 7), other.keys.slice(3, 5)];
  return { ...other, head: ref.head, admitted: 300, beside: { kept: 0.74, shared: 0.91, lacks, adds } };
}

/** Tokens that a shadow run hurts: far apart, and one in each head where all heads count. */
function fakeHurts(of: HeadRef | undefined): readonly Hurt[] {
  return Array.from({ length: Math.min(16, total) }, (_, place) => {
    const token = Math.floor(noise(place, of?.layer ?? 9, of?.head ?? 9) * total);
    const error = 0.9 / (1 + place * 0.3);
    const { layer, head } = of ?? { layer: 1 + (place % 3), head: place % HEADS };
    return { layer, head, token, error, worst: of === undefined ? error * 1.6 : error };
  });
}

/** As messages cross to a VS Code page: JSON, except that typed arrays stay as they are. */
function carried(value: unknown): unknown {
  if (ArrayBuffer.isView(value)) return value;
  if (Array.isArray(value)) return value.map(entry => (entry === undefined ? null : carried(entry)));
  if (typeof value === 'number') return Number.isFinite(value) ? value : null;
  if (typeof value !== 'object' || value === null) return value;
  const kept = Object.entries(value).filter(([, entry]) => entry !== undefined);
  return Object.fromEntries(kept.map(([name, entry]) => [name, carried(entry)]));
}

function isAnswer(message: unknown): boolean {
  return typeof message === 'object' && message !== null && 't' in message && message.t === 's';
}

/** Arrays as they are, the rest as JSON. */
function bytesOf(message: unknown): number {
  let bytes = 0;
  const rest = JSON.stringify(message, (_, value: unknown) => {
    if (!ArrayBuffer.isView(value)) return value;
    bytes += value.byteLength;
    return null;
  });
  return bytes + rest.length;
}

const inbox = new Set<(message: unknown) => void>();
const panel = createBirpc<PanelApi, HostApi>(host, {
  post: message => {
    const crossing = carried(message);
    traffic.bytes += bytesOf(crossing);
    if (isAnswer(message)) traffic.open -= 1;
    setTimeout(() => window.postMessage(crossing, '*'), 5);
  },
  on: receive => {
    inbox.add(receive);
  },
  serialize: encodeMessage,
  deserialize: (message: object) => {
    if ('m' in message) traffic.asked.push(String(message.m));
    if ('m' in message) traffic.open += 1;
    return decodeMessage(message);
  },
  timeout: -1,
});

let saved: unknown;
Object.assign(window, { saved: () => saved });
Object.assign(window, {
  acquireVsCodeApi: () => ({
    postMessage: (message: unknown) => {
      setTimeout(() => {
        for (const receive of inbox) receive(carried(message));
      }, 5);
    },
    getState: () => saved,
    setState: (next: unknown) => {
      saved = next;
    },
  }),
});
