/**
 * An engine without a model, for tests of those who talk to one: same protocol, words as tokens,
 * attention that falls with distance. The text's first word can ask for trouble:
 * `@crash` ends the process, `@kill` as by the system, `@hang` blocks it for good, `@slow` takes its
 * time between blocks, `@linger` is not gone for a second after its end, `@problem` and `@defect` fail.
 */

import { spawn } from 'node:child_process';
import process from 'node:process';
import { createBirpc } from 'birpc';
import { dilutionBins } from '../../src/engine/analysis/dilution';
import { poolTile } from '../../src/engine/analysis/map';
import { seriesOf } from '../../src/engine/analysis/series';
import type { EngineApi, EngineEvents, RowRequest } from '../../src/protocol/engine';
import type {
  InspectionSummary,
  ModelInfo,
  Row,
  RowRef,
  TokenStats,
  TokenTable,
  VariantInfo,
} from '../../src/protocol/inspection';
import type { Memory } from '../../src/protocol/memory';
import { Cancelled, decodeMessage, encodeMessage, Problem } from '../../src/protocol/problem';

const LAYERS = 2;
const HEADS = 3;

interface Held {
  readonly text: string;
  readonly table: TokenTable;
  summary: InspectionSummary;
}

const held = new Map<string, Held>();
const cancelled = new Set<string>();

const variants: readonly VariantInfo[] = [
  {
    id: 'dense',
    title: 'Dense',
    summary: 'Every query sees every key before it.',
    source: 'test',
    trainingClass: 'TF',
    cost: 'n²',
    plan: [],
    params: {},
    tensors: {},
  },
  {
    id: 'local',
    title: 'Local',
    summary: 'Every query sees the keys of a window.',
    source: 'test',
    trainingClass: 'TF',
    cost: 'n·w',
    plan: [],
    params: { window: { type: 'integer', default: 4, min: 1, max: 64, help: 'Tokens in the window.' } },
    tensors: {},
  },
];

function modelAt(directory: string): ModelInfo {
  if (directory.includes('missing')) {
    throw new Problem(`A model folder was expected at ${directory}; it does not exist. Choose another.`);
  }
  return {
    name: 'fake',
    directory,
    architecture: 'llama',
    layers: LAYERS,
    heads: HEADS,
    keyValueHeads: HEADS,
    headWidth: 4,
    vocabulary: 1000,
    parameters: 1,
    context: 64,
  };
}

function tokenise(text: string): TokenTable {
  const words = [...text.matchAll(/\s*\S+|\s+$/g)];
  return {
    ids: Int32Array.from(words, word => word[0].length),
    starts: Int32Array.from(words, word => word.index),
    ends: Int32Array.from(words, word => word.index + word[0].length),
  };
}

function of(id: string): Held {
  const inspection = held.get(id);
  if (inspection === undefined)
    throw new Problem(`No inspection is called ${id}; inspect the document again.`);
  return inspection;
}

/** Weights `2^-(distance + head + 1)`, the rest on the token itself. */
function rowOf({ id, layer, head, token, top, profile }: RowRequest): Row {
  const { table } = of(id);
  if (token >= table.ids.length) throw new Problem(`There is no token ${token}.`);
  const weights = Array.from({ length: token + 1 }, (_, index) => 2 ** -(token - index + head + 1));
  weights[token]! += 1 - weights.reduce((sum, weight) => sum + weight, 0);
  const keys = weights.map((weight, index) => ({ index, weight })).sort((a, b) => b.weight - a.weight);
  return {
    layer,
    head,
    token,
    entropy: -weights.reduce((sum, weight) => sum + weight * Math.log(weight), 0),
    span: Math.min(token + 1, 3),
    sink: weights.slice(0, 4).reduce((sum, weight) => sum + weight, 0),
    peak: keys[0]!.weight,
    mass: keys.slice(0, top).reduce((sum, key) => sum + key.weight, 0),
    keys: keys.slice(0, top),
    admitted: token + 1,
    distribution: true,
    histogram: { edges: Int32Array.of(0, 1, 2, 4), mass: Float32Array.of(0.5, 0.3, 0.2) },
    profile: new Float32Array(profile),
    against: undefined,
  };
}

const pause = (milliseconds: number): Promise<void> =>
  new Promise(resolve => setTimeout(resolve, milliseconds));

async function trouble(word: string | undefined, id: string): Promise<void> {
  switch (word) {
    case '@crash':
      process.stderr.write('the fake ran out of luck\n');
      process.exit(3);
    case '@kill':
      process.kill(process.pid, 'SIGKILL');
      await pause(10_000);
      break;
    case '@hang':
      for (;;) Math.random();
    case '@linger':
      // Who else writes to a stream keeps it open.
      spawn(process.execPath, ['-e', 'setTimeout(() => {}, 1500)'], {
        detached: true,
        stdio: ['ignore', 'inherit', 'inherit'],
      }).unref();
      break;
    case '@problem':
      throw new Problem('A better text was expected; this one asks for a problem. Try another.');
    case '@defect':
      throw new TypeError('undefined is not a fake');
    case '@slow':
      for (let block = 0; block < 100; block++) {
        await pause(20);
        if (cancelled.delete(id)) throw new Cancelled();
        void rpc.$callEvent('progress', { id, fraction: block / 100, phase: `Block ${block}` });
      }
      break;
    case undefined:
    default:
  }
}

const api: EngineApi = {
  info: async () => Promise.resolve({ pid: process.pid, runtime: 'fake', variants }),
  describeModel: async directory =>
    pause(directory.includes('slow') ? 1000 : 0).then(() => modelAt(directory)),
  compare: async () =>
    Promise.resolve({
      tokens: 0,
      layers: 0,
      heads: 0,
      loss: undefined,
      seconds: 0,
      keys: 0,
      memory: 0,
      layerMemory: [],
      candidates: [],
      sweep: undefined,
    }),
  dumpText: async () => Promise.resolve('a dump'),
  openDevice: async () => Promise.resolve({ name: 'cpu', precision: 'float32', fallback: undefined }),
  inspect: async request => {
    const model = modelAt(request.model);
    const table = tokenise(request.text);
    const summary: InspectionSummary = {
      id: request.id,
      model,
      variant: request.variant,
      schedule: request.schedule,
      layerVariants: Array.from({ length: LAYERS }, () => request.variant),
      device: { name: 'cpu', precision: 'float32', fallback: undefined },
      weights: 'float',
      tokens: table.ids.length,
      kept: 0,
      layers: LAYERS,
      heads: HEADS,
      loss: undefined,
      seconds: 0,
      notes: [],
    };
    held.set(request.id, { text: request.text, table, summary });
    await rpc.$callEvent('started', summary);
    await pause(1);
    await trouble(request.text.split(/\s/)[0], request.id);
    const done = { ...summary, loss: 2.5, seconds: 0.1 };
    of(request.id).summary = done;
    return done;
  },
  cancel: async id => {
    cancelled.add(id);
    return Promise.resolve(true);
  },
  close: async id => {
    held.delete(id);
    return Promise.resolve();
  },
  tokens: async id => Promise.resolve().then(() => of(id).table),
  losses: async id => Promise.resolve().then(() => new Float32Array(of(id).table.ids.length).fill(2.5)),
  overview: async () =>
    Promise.resolve().then(() => ({ layers: LAYERS, heads: HEADS, stats: stats(LAYERS * HEADS) })),
  stats: async id => Promise.resolve().then(() => stats(of(id).table.ids.length)),
  series: async ({ id, ...ref }) =>
    Promise.resolve().then(() => seriesOf(stats(of(id).table.ids.length)[ref.stat], ref)),
  dilution: async id => Promise.resolve().then(() => dilutionBins(stats(of(id).table.ids.length))),
  rows: async requests => Promise.resolve().then(() => requests.map(rowOf)),
  tokenDetail: async (id, token) =>
    Promise.resolve().then(() => {
      const { table, text } = of(id);
      const shown = text.slice(table.starts[token], table.ends[token]);
      return {
        token,
        id: table.ids[token]!,
        text: shown,
        piece: shown,
        loss: 2.5,
        predictions: [],
        path: [],
      };
    }),
  structure: async () => Promise.resolve({ title: 'none', nodes: [], total: 0 }),
  memory: async ({ id, row }) => Promise.resolve().then(() => memoryOf(id, row)),
  map: async ({ id, ...tile }) =>
    poolTile(tile, {
      memory: 0,
      read: async query => {
        const row = rowOf({
          id,
          layer: tile.layer,
          head: tile.head,
          token: query,
          top: query + 1,
          profile: 0,
        });
        const keys = row.keys.toSorted((a, b) => a.index - b.index);
        const entries = {
          keys: Int32Array.from(keys, key => key.index),
          weights: Float32Array.from(keys, key => key.weight),
        };
        return Promise.resolve({ row: entries, own: undefined });
      },
      pause: () => pause(0),
    }),
  hurts: async () => Promise.resolve([]),
  export: async ({ file }) => Promise.reject(new Problem(`${file} is nothing that a fake can write.`)),
};

/** The local variant remembers the token before; the dense one nothing of its own. */
function memoryOf(id: string, row: RowRef): Memory | undefined {
  const { summary } = of(id);
  if (summary.variant.id === 'dense' || row.token === 0) return undefined;
  const slot = { status: 'kept', since: undefined, segments: undefined, strength: undefined } as const;
  const ranges = Int32Array.of(row.token - 1, row.token);
  return {
    kind: 'slots',
    ...row,
    title: 'Memory of Local',
    about: 'The token before.',
    strength: undefined,
    slots: [{ ...slot, label: 'before', ranges, given: new Int32Array(0), tokens: 1, age: 1, read: 0.5 }],
    total: 1,
    held: 1,
    evicted: 0,
    read: 0.5,
  };
}

function stats(length: number): TokenStats {
  const ramp = Float32Array.from({ length }, (_, index) => index / length);
  return {
    entropy: ramp,
    span: ramp,
    sink: new Float32Array(length),
    peak: ramp,
    recall: new Float32Array(length).fill(NaN),
    error: new Float32Array(length).fill(NaN),
  };
}

const rpc = createBirpc<EngineEvents, EngineApi, false>(api, {
  proxify: false,
  timeout: -1,
  post: message => process.send?.(message),
  on: receive => void process.on('message', receive),
  serialize: encodeMessage,
  deserialize: decodeMessage,
});

process.on('disconnect', () => process.exit(0));
