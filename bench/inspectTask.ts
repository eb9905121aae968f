/** A whole inspection through the engine, in the process that calls this. */

import { readFileSync } from 'node:fs';
import process from 'node:process';
import { serialize } from 'node:v8';

import { createEngine } from '../src/engine/engine';
import type { VariantChoice } from '../src/protocol/inspection';
import { model } from './paths';
import { percentile } from './percentile';
import { seeded } from '../src/engine/variants/primitives/seeded';

export interface InspectInput {
  /** The document. */
  readonly file: string;
  readonly variant: VariantChoice;
  /** How many rows to ask for afterwards, one at a time. */
  readonly rows: number;
}

export interface Inspected {
  readonly tokens: number;
  readonly seconds: number;
  readonly processorSeconds: number;
  /** Peak resident memory of the whole process, text and tokeniser included. */
  readonly megabytes: number;
  readonly loss: number | undefined;
  /** Of everything that the first view of a head shows. */
  readonly viewBytes: number;
  readonly viewMs: number;
  /** Of a row by itself, described. */
  readonly rowMs: { readonly p50: number; readonly p95: number };
}

const ID = 'bench';
const CELLS = 256;

export async function inspectOnce({ file, variant, rows }: InspectInput): Promise<Inspected> {
  const text = readFileSync(file, 'utf8');
  const engine = createEngine({ started: () => undefined, progress: () => undefined, log: () => undefined });
  const began = process.cpuUsage();
  const start = performance.now();
  const summary = await engine.inspect({
    id: ID,
    text,
    model,
    variant,
    schedule: { mode: 'live', layers: 'all', others: [] },
    device: 'cpu',
    maxTokens: 2 ** 24,
  });
  const seconds = (performance.now() - start) / 1000;
  const { user, system } = process.cpuUsage(began);
  const megabytes = process.resourceUsage().maxRSS / 1024;

  const { below } = seeded(1);
  const request = (token: number) => ({
    id: ID,
    layer: below(summary.layers),
    head: below(summary.heads),
    token,
    top: 16,
    profile: CELLS,
  });
  const viewStart = performance.now();
  const last = request(summary.tokens - 1);
  const view = [
    await engine.overview(ID),
    await engine.series({
      id: ID,
      layer: last.layer,
      head: last.head,
      stat: 'span',
      tokens: { start: 0, end: summary.tokens },
      step: Math.ceil(summary.tokens / CELLS),
      greatest: 16,
    }),
    await engine.dilution(ID, last),
    await engine.rows([last]),
    await engine.structure({ id: ID, row: last, limit: CELLS }),
  ];
  const viewMs = performance.now() - viewStart;
  const times: number[] = [];
  for (let at = 0; at < rows; at++) {
    const asked = request(below(summary.tokens));
    const rowStart = performance.now();
    await engine.rows([asked]);
    times.push(performance.now() - rowStart);
  }
  return {
    tokens: summary.tokens,
    seconds,
    processorSeconds: (user + system) / 1e6,
    megabytes,
    loss: summary.loss,
    viewBytes: serialize(view).byteLength,
    viewMs,
    rowMs: { p50: percentile(times, 0.5), p95: percentile(times, 0.95) },
  };
}
