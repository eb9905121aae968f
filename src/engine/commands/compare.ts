/** `longsight compare`: variants against the model's own attention on one document. */

import { resolve } from 'node:path';

import { describeBytes } from '../../protocol/bytesText';
import type { CandidateResult, Comparison } from '../../protocol/comparison';
import { type DeviceChoice, EVERYWHERE, type VariantChoice } from '../../protocol/inspection';
import { Problem } from '../../protocol/problem';
import {
  infoOf,
  MOST_TOKENS,
  parseSettings,
  print,
  showProgress,
  terminalEngine,
  variantChoice,
} from './options';
import { isDump } from '../dump';
import { writePieces } from '../inspectionFile';
import { showChoice } from './report';
import { NATIVE } from '../schedule';
import { readDocument } from '../text/document';

export interface CompareOptions {
  readonly model: string;
  readonly variant: readonly string[];
  readonly sweep?: string;
  readonly recall: number;
  readonly schedule?: string;
  readonly live: boolean;
  readonly device: DeviceChoice;
  readonly json?: boolean;
}

const ID = 'cli';
/** What a person compares first. */
const USUAL = ['local', 'strided', 'longformer', 'block-topk', 'moba', 'topk', 'adaptive-mass:gamma=0.95'];

/** Prints a table or one JSON object. @throws Problem without a document. */
export async function compare(file: string | undefined, options: CompareOptions): Promise<void> {
  const model = resolve(options.model);
  if ((file === undefined) !== isDump(model)) {
    throw new Problem('Expected a file to compare on, or a tensor dump as the --model.');
  }
  const sweep = options.sweep === undefined ? undefined : readSweep(options.sweep);
  if (options.schedule !== undefined && sweep === undefined) {
    throw new Problem('--schedule writes what a --sweep finds; give one, such as local:window=64,256,1024.');
  }
  const named = options.variant.map(variantChoice);
  const candidates = [
    ...(named.length === 0 && sweep === undefined ? USUAL.map(variantChoice) : named),
    ...(sweep?.candidates ?? []),
  ];
  const engine = terminalEngine();
  await engine.inspect({
    id: ID,
    text: file === undefined ? await engine.dumpText(model) : await readDocument(resolve(file)),
    model,
    variant: { id: NATIVE.id, params: {} },
    schedule: EVERYWHERE,
    device: options.device,
    maxTokens: MOST_TOKENS,
  });
  const comparison = await engine.compare({
    id: 'compare',
    of: ID,
    candidates,
    live: options.live,
    ...(sweep && {
      sweep: { count: sweep.candidates.length, param: sweep.param, target: options.recall },
    }),
  });
  showProgress(undefined, '');
  const { sweep: swept, ...rest } = comparison;
  if (options.schedule !== undefined && swept !== undefined) {
    await writePieces([JSON.stringify(swept.schedule, undefined, 2), '\n'], resolve(options.schedule));
  }
  if (options.json) {
    print(JSON.stringify({ ...rest, budgets: swept?.budgets }, plain, 2));
    return;
  }
  print(comparisonTable(comparison));
  if (swept === undefined) return;
  const { id, param, target, budgets } = swept;
  print(`\nSmallest ${param} of ${id} with which a head keeps ${target} of the mass:`);
  for (const { layer, head, value, recall, kind } of budgets) {
    const smallest = value === undefined ? `none (${recall.toFixed(3)} at most)` : String(value);
    print(`layer ${layer} head ${head}: ${smallest}, ${kind}`);
  }
}

interface Swept {
  readonly param: string;
  readonly candidates: readonly VariantChoice[];
}

/** Reads `local:window=64,256,1024`. */
function readSweep(words: string): Swept {
  const [, id, param, values] = /^([^:=]+):([^:=]+)=([^=]+)$/.exec(words) ?? [];
  if (id === undefined || param === undefined || values === undefined) {
    throw new Problem(
      `--sweep takes variant:parameter=values, such as local:window=64,256; found '${words}'.`,
    );
  }
  const { params } = infoOf(id);
  const candidates = values
    .split(',')
    .map(value => ({ id, params: parseSettings([`${param}=${value}`], params) }));
  const word = candidates.map(({ params }) => params[param]).find(value => typeof value !== 'number');
  if (word !== undefined) {
    throw new Problem(`--sweep looks for the smallest of numbers; '${String(word)}' of ${param} is none.`);
  }
  return { param, candidates };
}

/** Typed arrays as lists, and what is not known as null. */
function plain(_: string, value: unknown): unknown {
  return value instanceof Float32Array ? Array.from(value) : value;
}

function comparisonTable({ tokens, loss, memory, candidates }: Comparison): string {
  const rows = candidates.map(candidate => [showChoice(candidate.variant), ...cells(candidate, loss)]);
  const columns = ['variant', 'recall', 'error', 'keys', 'memory', 'loss change', 'seconds'];
  const widths = columns.map((title, at) => Math.max(title.length, ...rows.map(row => row[at]?.length ?? 0)));
  const line = (row: readonly string[]) =>
    row.map((cell, at) => (at === 0 ? cell.padEnd(widths[at]!) : cell.padStart(widths[at]!))).join('  ');
  const own = loss === undefined ? '' : `loss ${loss.toFixed(3)} nats a token, `;
  const head = `${tokens} tokens; the model's own attention: ${own}memory ${describeBytes(memory)}`;
  const note = 'memory: what decoding keeps at the end of the document, over all layers, as float32';
  return [head, line(columns), ...rows.map(line), note].join('\n');
}

function cells(
  { problem, recall, error, keys, memory, live, seconds }: CandidateResult,
  loss: number | undefined,
): string[] {
  if (problem !== undefined) return ['-', '-', '-', '-', '-', problem];
  const change = live?.loss === undefined || loss === undefined ? '-' : signed(live.loss - loss);
  return [
    mean(recall).toFixed(3),
    mean(error).toFixed(3),
    keys.toFixed(1),
    describeBytes(memory),
    change,
    seconds.toFixed(1),
  ];
}

function signed(value: number): string {
  return `${value >= 0 ? '+' : ''}${value.toFixed(3)}`;
}

function mean(values: Float32Array): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
