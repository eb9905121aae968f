/**
 * Runs mocha suites in this process. Readable lines go to the console and, since the console of an
 * extension host leads nowhere, to a file; how many passed and failed goes to another for `npm test`.
 */

import { appendFileSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

import Mocha from 'mocha';

interface Counts {
  passed: number;
  failed: number;
}

/**
 * Runs the files in order; writes `{passed, failed}` to `<results>.json` and the lines to `<results>.txt`.
 *
 * @returns how many failed; a suite without a single test counts as one
 */
export async function runMocha(files: readonly string[], results: string): Promise<number> {
  mkdirSync(dirname(results), { recursive: true });
  for (const suffix of ['.json', '.txt']) rmSync(results + suffix, { force: true });
  const say = (line: string): void => {
    console.log(line);
    appendFileSync(`${results}.txt`, `${line}\n`);
  };

  // What a test waits for has limits of its own, which say what did not come; this one only says where.
  const mocha = new Mocha({ ui: 'bdd', timeout: 180_000, color: false, reporter: Mocha.reporters.Base });
  for (const file of files) mocha.addFile(file);
  const counts: Counts = { passed: 0, failed: 0 };
  await new Promise<void>(done => {
    const runner = mocha.run(() => {
      done();
    });
    runner.on('pass', test => {
      counts.passed += 1;
      say(`  pass  ${test.fullTitle()} (${String(test.duration ?? 0)} ms)`);
    });
    runner.on('pending', test => {
      say(`  skip  ${test.fullTitle()}`);
    });
    runner.on('fail', (test, error: unknown) => {
      counts.failed += 1;
      say(`  FAIL  ${test.fullTitle()}\n${error instanceof Error ? String(error.stack) : String(error)}`);
    });
  });
  if (counts.passed + counts.failed === 0) {
    say('No test was found.');
    counts.failed = 1;
  }
  writeFileSync(`${results}.json`, JSON.stringify(counts));
  return counts.failed;
}
