/** What a benchmark finds, and where it is written. */

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { machine, machineLine } from './machine';
import { type Plot, svgPlot } from './plot';

export interface Options {
  /** Lengths in tokens, in place of the benchmark's own. */
  readonly sizes?: readonly number[];
  /** Names of lines, in place of all. */
  readonly only?: readonly string[];
  readonly heads?: number;
  /** Tells a person what is done so far. */
  say(line: string): void;
}

export interface Report {
  /** Of its files. */
  readonly name: string;
  readonly title: string;
  /** Markdown: what was measured and how, and the table. */
  readonly text: string;
  readonly data: unknown;
  readonly plot: Plot;
}

/** Writes NAME.md, NAME.json and NAME.svg into a folder. */
export function writeReport(folder: string, report: Report, command: string): void {
  const { name, title, text, data, plot } = report;
  const on = machine();
  mkdirSync(folder, { recursive: true });
  const document = [`# ${title}`, text, `![${title}](${name}.svg)`, `\`${command}\` on ${machineLine(on)}`];
  writeFileSync(join(folder, `${name}.md`), `${document.join('\n\n')}\n`);
  writeFileSync(
    join(folder, `${name}.json`),
    `${JSON.stringify({ machine: on, command, data }, undefined, 2)}\n`,
  );
  writeFileSync(join(folder, `${name}.svg`), svgPlot(title, plot));
}
