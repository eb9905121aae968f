/** `longsight check`: case files, one after another. */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import process from 'node:process';
import { text } from 'node:stream/consumers';

import type { DeviceChoice } from '../../protocol/inspection';
import { Problem } from '../../protocol/problem';
import { checkCase } from '../check/check';
import { checkLine } from './report';
import { openDevice } from '../runtime/device';

export interface CheckOptions {
  readonly device: DeviceChoice;
  readonly json?: boolean;
  /** A file with the path of a case file on every line; `-` for standard input. */
  readonly from?: string;
}

/** Bytes: ONNX Runtime 1.30 reads its process's command line, and dies of one of about 28 kB. */
const LONGEST_COMMAND = 2 ** 14;

const print = (text: string) => process.stdout.write(`${text}\n`);

/** Prints a line a file, or one JSON array; a failure sets the exit code. @throws Problem without files. */
export async function check(named: readonly string[], options: CheckOptions): Promise<void> {
  if (Buffer.byteLength(process.argv.join(' ')) > LONGEST_COMMAND) return checkApart(named, options);
  const files = options.from === undefined ? named : [...named, ...(await listed(options.from))];
  if (files.length === 0) throw new Problem('Expected the paths of case files to check; found none.');
  const { executor, info } = await openDevice(options.device);
  if (info.fallback !== undefined) process.stderr.write(`warn: ${info.fallback}\n`);
  const results = [];
  for (const file of files) {
    const result = await checkCase(file, executor);
    results.push(result);
    if (!options.json) print(checkLine(result));
  }
  if (options.json) print(JSON.stringify(results, undefined, 2));
  if (results.some(({ status }) => status === 'FAIL')) process.exitCode = 1;
}

async function listed(from: string): Promise<readonly string[]> {
  const list = from === '-' ? await text(process.stdin) : await readFile(from, 'utf8');
  return list.split(/\r?\n/).filter(line => line !== '');
}

/** In a process with a short command line. */
async function checkApart(files: readonly string[], { device, json, from }: CheckOptions): Promise<void> {
  const all = from === undefined ? files : [...files, ...(await listed(from))];
  const args = ['check', '--device', device, '--from', '-', ...(json ? ['--json'] : [])];
  const child = spawn(process.execPath, [...process.execArgv, process.argv[1]!, ...args], {
    stdio: ['pipe', 'inherit', 'inherit'],
  });
  child.stdin.end(all.join('\n'));
  const [code] = (await once(child, 'close')) as [number | null];
  process.exitCode = code ?? 1;
}
