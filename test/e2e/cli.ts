/** The engine's own answers, from the command line beside the editor. */

import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import process from 'node:process';

/** What is read of `longsight inspect --json`. */
export interface CliReport {
  readonly tokens: number;
  readonly loss: number;
  readonly row: {
    readonly entropy: number;
    readonly span: number;
    readonly mass: number;
    readonly against: { readonly recall: number; readonly error: number; readonly span: number };
    readonly keys: readonly { readonly index: number; readonly weight: number; readonly text: string }[];
  };
}

/** @param options as on the command line, besides the file and `--json` */
export function inspectByCli(file: string, options: readonly string[]): CliReport {
  const args = [join('dist', 'cli.js'), 'inspect', file, ...options, '--device', 'cpu', '--json'];
  return JSON.parse(execFileSync(process.execPath, args, { encoding: 'utf8' })) as CliReport;
}
