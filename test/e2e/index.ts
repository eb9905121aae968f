/** The end-to-end suites: every compiled `*.e2e.js` beside this file. Run by scripts/e2e.mjs. */

import { readdirSync } from 'node:fs';
import { join } from 'node:path';

import { runMocha } from '../support/mocha';

/**
 * @param only runs the suites whose file names hold it; all by default
 * @returns how many tests failed
 */
export function run(only = ''): Promise<number> {
  const files = readdirSync(__dirname).filter(name => name.endsWith('.e2e.js') && name.includes(only));
  return runMocha(
    files.sort().map(name => join(__dirname, name)),
    join(__dirname, '..', '..', 'results', 'e2e'),
  );
}
