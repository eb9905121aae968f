/** What a figure was measured on. */

import { arch, cpus, release, totalmem, type } from 'node:os';
import process from 'node:process';

import { runtimeVersion } from '../src/engine/runtime/executor';

export interface Machine {
  readonly processor: string;
  readonly cores: number;
  readonly memoryGiB: number;
  readonly system: string;
  readonly node: string;
  readonly runtime: string;
  readonly date: string;
}

export function machine(): Machine {
  const [first] = cpus();
  return {
    processor: first?.model.trim() ?? 'unknown processor',
    cores: cpus().length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    system: `${type()} ${release().split('.').slice(0, 2).join('.')} ${arch()}`,
    node: process.version,
    runtime: runtimeVersion(),
    date: new Date().toISOString().slice(0, 10),
  };
}

/** One line for below a table. */
export function machineLine({ processor, cores, memoryGiB, system, node, runtime, date }: Machine): string {
  return `${processor}, ${cores} cores, ${memoryGiB} GiB; ${system}; Node ${node}; ${runtime}; ${date}.`;
}
