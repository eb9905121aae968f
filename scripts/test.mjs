/**
 * `npm test`: everything that must hold, from a clean clone. Stops at the first step that fails and
 * ends with one line, `N passed, N failed`, over all tests that ran.
 */

import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';

import { browserPackages, ensureDependencies, ensureSystemPackages } from './lib/packages.mjs';
import { ensureCodeServer } from './lib/codeServer.mjs';
import { out } from './lib/paths.mjs';
import { Failure, node, script } from './lib/run.mjs';

const results = join(out, 'results');
const tsc = 'node_modules/typescript/bin/tsc';
const vitestReport = join(results, 'unit.json');

/** A step; `counts` reads how many tests it ran from the report the step wrote. @typedef {{ title: string, run: () => Promise<unknown>, counts?: () => Counts }} Step */
/** @typedef {{ passed: number, failed: number }} Counts */

/** @param {string} path @returns {Record<string, unknown> | undefined} */
function report(path) {
  if (!existsSync(path)) return undefined;
  return /** @type {Record<string, unknown>} */ (JSON.parse(readFileSync(path, 'utf8')));
}

/** @param {string} name @returns {Counts} of a suite that ran under mocha */
function mochaCounts(name) {
  const { passed, failed } = report(join(results, name)) ?? {};
  return { passed: Number(passed ?? 0), failed: Number(failed ?? 0) };
}

/** @returns {Counts} */
function vitestCounts() {
  const { numPassedTests, numFailedTests } = report(vitestReport) ?? {};
  return { passed: Number(numPassedTests ?? 0), failed: Number(numFailedTests ?? 0) };
}

/** @type {readonly Step[]} */
const steps = [
  {
    title: 'Set-up',
    run: async () => {
      await ensureDependencies();
      await ensureSystemPackages(browserPackages);
      await ensureCodeServer();
    },
  },
  {
    title: 'Types',
    run: async () => {
      for (const project of ['.', 'webview', 'test/e2e', 'scripts']) await node([tsc, '--project', project]);
    },
  },
  { title: 'Lint', run: () => node(['node_modules/eslint/bin/eslint.js', '--max-warnings=0', '.']) },
  {
    title: 'Format',
    run: () => node(['node_modules/prettier/bin/prettier.cjs', '--check', '--log-level=warn', '.']),
  },
  { title: 'Build', run: () => node(['esbuild.mjs']) },
  {
    title: 'Unit tests, on the CPU and on WebGPU',
    run: () =>
      node([
        ...['node_modules/vitest/vitest.mjs', 'run', '--reporter=default'],
        ...['--reporter=json', `--outputFile.json=${vitestReport}`],
      ]),
    counts: vitestCounts,
  },
  {
    title: "Suite inside VS Code's extension host",
    run: () => node(['scripts/host.mjs']),
    counts: () => mochaCounts('host.json'),
  },
  { title: 'Package', run: () => node(['scripts/package.mjs']) },
  {
    title: 'End to end, in a browser',
    run: () => node(['scripts/e2e.mjs']),
    counts: () => mochaCounts('e2e.json'),
  },
];

await script(async () => {
  rmSync(results, { recursive: true, force: true });
  const began = performance.now();
  let passed = 0;
  let failed = 0;
  for (const { title, run, counts } of steps) {
    console.log(`\n${title}`);
    const start = performance.now();
    /** @type {unknown} */
    let problem;
    try {
      await run();
    } catch (error) {
      problem = error;
    }
    const ran = counts?.();
    passed += ran?.passed ?? 0;
    failed += ran?.failed ?? 0;
    console.log(`${title}: ${problem === undefined ? 'ok' : 'failed'}, ${seconds(start)}`);
    if (problem !== undefined) {
      // A step that broke before it could count is one failure, so that the last line never looks well.
      if ((ran?.failed ?? 0) === 0) failed += 1;
      console.error(problem instanceof Failure ? problem.message : problem);
      break;
    }
  }
  console.log(`\n${seconds(began)} in all`);
  console.log(`${passed} passed, ${failed} failed`);
  return failed === 0 ? 0 : 1;
});

/** @param {number} since */
function seconds(since) {
  return `${((performance.now() - since) / 1000).toFixed(1)} s`;
}
