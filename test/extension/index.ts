/** The suites inside VS Code's extension host: every compiled `*.test.js` beside this file. Run by scripts/host.mjs. */

import { readdirSync } from 'node:fs';
import { join } from 'node:path';

import { runMocha } from '../support/mocha';

/** Called by VS Code; a rejection is a failed suite. */
export async function run(): Promise<void> {
  const names = readdirSync(__dirname, { recursive: true, encoding: 'utf8' });
  const only = process.env['LONGSIGHT_TEST_ONLY'] ?? '';
  const suites = names.filter(name => name.endsWith('.test.js') && name.includes(only));
  const files = suites.map(name => join(__dirname, name));
  const failed = await runMocha(files.sort(), join(__dirname, '..', '..', 'results', 'host'));
  if (failed > 0) throw new Error(`${String(failed)} failed.`);
}
