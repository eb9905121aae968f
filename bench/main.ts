/** `npm run bench -- NAME...`: measures, and writes what it found into bench/results. */

import { resolve } from 'node:path';
import process from 'node:process';

import { Command, InvalidArgumentError } from 'commander';

import type { Task } from './child';
import { inspectOnce } from './inspectTask';
import { inspection } from './inspection';
import { compareInspection } from './inspectionTask';
import { lengths } from './lengths';
import { materialise } from './materialisedTask';
import { results } from './paths';
import { panel } from './panel';
import { peers } from './peers';
import { type Options, type Report, writeReport } from './report';
import { rows } from './rows';
import { rowTimes } from './rowsTask';
import { slopes } from './slopes';
import { slopePoint } from './slopeTask';

const BENCHMARKS: Readonly<Record<string, (options: Options) => Promise<Report>>> = {
  slopes,
  inspection,
  peers,
  rows,
  lengths,
  panel,
};

/** What a child process runs. */
const TASKS: Readonly<Record<string, (input: never) => Promise<unknown>>> = {
  slope: slopePoint,
  inspect: inspectOnce,
  inspection: compareInspection,
  materialise,
  rows: rowTimes,
};

interface Flags {
  readonly sizes?: readonly number[];
  readonly only?: readonly string[];
  readonly heads?: number;
  readonly out: string;
}

async function bench(names: readonly string[], { out, ...flags }: Flags): Promise<void> {
  const chosen = names.length === 0 ? Object.keys(BENCHMARKS) : names;
  const unknown = chosen.find(name => !Object.hasOwn(BENCHMARKS, name));
  if (unknown !== undefined) {
    throw new Error(`There is no benchmark '${unknown}'; there are ${Object.keys(BENCHMARKS).join(', ')}.`);
  }
  for (const name of chosen) {
    const start = performance.now();
    const report = await BENCHMARKS[name]!({ ...flags, say: line => console.log(line) });
    writeReport(resolve(out), report, ['npm run bench --', ...process.argv.slice(2)].join(' '));
    console.log(
      `${name}: ${((performance.now() - start) / 60_000).toFixed(1)} min, written to ${resolve(out)}`,
    );
  }
}

const words = (text: string) => text.split(',').filter(Boolean);

function numbers(text: string): number[] {
  const found = words(text).map(Number);
  if (found.length > 0 && found.every(value => Number.isInteger(value) && value > 0)) return found;
  throw new InvalidArgumentError('It takes whole numbers, as in 4096,8192.');
}

async function main(): Promise<void> {
  const [kind, text] = process.argv.slice(2);
  if (kind === 'task' && text !== undefined) {
    const task = JSON.parse(text) as Task;
    process.stdout.write(JSON.stringify(await TASKS[task.kind]!(task.input as never)));
    return;
  }
  await new Command('bench')
    .description('Measures what Longsight costs, and writes tables and plots.')
    .argument('[names...]', `of ${Object.keys(BENCHMARKS).join(', ')}; all unless given`)
    .option('--sizes <tokens>', 'lengths, as in 4096,8192', numbers)
    .option('--only <lines>', 'lines of the table, as in lsh,local', words)
    .option('--heads <count>', 'heads of a layer of random numbers', text => numbers(text)[0])
    .option('--out <folder>', 'where the tables go', results)
    .action(bench)
    .parseAsync();
}

main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
});
