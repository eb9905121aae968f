/** Runs the compiled suites inside VS Code's extension host, in the VS Code server's workbench: `[--only SUITE]`. */

import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { parseArgs } from 'node:util';

import { chromium } from 'playwright-core';

import { chromiumOptions } from './lib/chromium.mjs';
import { ensureCodeServer } from './lib/codeServer.mjs';
import { browserPackages, ensureSystemPackages } from './lib/packages.mjs';
import { out, root } from './lib/paths.mjs';
import { Failure, script } from './lib/run.mjs';
import { quietSettings, startServer, temporaryFolder, writeSettings } from './lib/server.mjs';

const { only = '' } = parseArgs({ options: { only: { type: 'string' } } }).values;
/** Several times what the suites take, which name what did not come long before. */
const limitMs = 1_200_000;
const suite = join(out, 'test', 'extension', 'index');
const lines = join(out, 'results', 'host.txt');

await script(async () => {
  if (!existsSync(`${suite}.js`)) throw new Failure('The suite is not built; run `npm run build` first.');
  rmSync(lines, { force: true });
  await ensureSystemPackages(browserPackages);
  const codeServer = await ensureCodeServer();
  const scratch = temporaryFolder('host');
  const dataDir = join(scratch.path, 'data');
  const folder = join(scratch.path, 'folder');
  mkdirSync(folder, { recursive: true });
  writeSettings(dataDir, quietSettings);

  const server = await startServer({
    codeServer,
    dataDir,
    extensionsDir: join(scratch.path, 'extensions'),
    automation: true,
    env: { LONGSIGHT_TEST_FOLDER: folder, LONGSIGHT_TEST_ONLY: only },
  });
  const browser = await chromium.launch(chromiumOptions());
  /** @type {NodeJS.Timeout | undefined} */
  let limit;
  try {
    const page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
    /** @type {Promise<number>} */
    const ended = new Promise((done, fail) => {
      limit = setTimeout(() => {
        fail(new Failure(`The suite did not end within ${limitMs / 1000} s.`));
      }, limitMs);
      server.child.once('exit', () => {
        fail(new Failure('The VS Code server ended before the suite.'));
      });
      page.once('crash', () => {
        fail(new Failure('The page of VS Code crashed.'));
      });
      void page.exposeFunction('codeAutomationExit', done);
    });
    // Who awaits it may fail before.
    ended.catch(() => {});
    /** @type {string[]} what the workbench logs; only of interest when the suite never ends */
    const log = [];
    await page.exposeFunction(
      'codeAutomationLog',
      (/** @type {string} */ type, /** @type {unknown[]} */ args) => {
        log.push(`${type}: ${args.map(String).join(' ')}`);
      },
    );
    /** @param {string} path @returns {string} */
    const remote = path => `vscode-remote://${server.authority}${path}`;
    const payload = /** @type {const} */ ([
      ['extensionDevelopmentPath', remote(root)],
      ['extensionTestsPath', remote(suite)],
    ]);
    try {
      await page.goto(server.address(folder, payload), { timeout: 180_000 });
      return await ended;
    } catch (error) {
      console.error(log.slice(-40).join('\n'));
      mkdirSync(join(out, 'screenshots'), { recursive: true });
      await page.screenshot({ path: join(out, 'screenshots', 'host-timeout.png') }).catch(() => {});
      throw error;
    } finally {
      if (existsSync(lines)) process.stdout.write(readFileSync(lines));
    }
  } finally {
    clearTimeout(limit);
    await browser.close();
    await server.stop();
    scratch.remove();
  }
});
