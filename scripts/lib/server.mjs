/** Runs the VS Code server and says where it listens. */

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';

import { root } from './paths.mjs';
import { Failure, run, start, stop } from './run.mjs';

/**
 * @typedef {import('./codeServer.mjs').CodeServer} CodeServer
 * @typedef {object} ServerOptions
 * @property {CodeServer} codeServer
 * @property {string} dataDir settings, state and logs; see `temporaryFolder`
 * @property {string} extensionsDir
 * @property {string} [token] what the address has to carry; anyone on this machine may connect without one
 * @property {boolean} [automation] obey the page's payload and report a suite's end to the page
 * @property {Record<string, string>} [env]
 */

/** A folder of our own under the system's temporary folder. @param {string} name */
export function temporaryFolder(name) {
  const path = mkdtempSync(join(tmpdir(), `longsight-${name}-`));
  return {
    path,
    remove: () => {
      try {
        rmSync(path, { recursive: true, force: true, maxRetries: 10 });
      } catch (error) {
        // A process that is on its way out still writes there; what the run found stands all the same.
        console.warn(`${path} was left behind: ${error instanceof Error ? error.message : String(error)}`);
      }
    },
  };
}

/** Settings that keep what is not Longsight out of the way. */
export const quietSettings = {
  'workbench.startupEditor': 'none',
  'workbench.secondarySideBar.defaultVisibility': 'hidden',
  'chat.disableAIFeatures': true,
  'extensions.ignoreRecommendations': true,
};

/** Settings of the user, as VS Code keeps them. @param {string} dataDir @param {Record<string, unknown>} settings */
export function writeSettings(dataDir, settings) {
  const folder = join(dataDir, 'data', 'User');
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'settings.json'), JSON.stringify(settings, undefined, 2));
}

class EndedEarly extends Failure {}

/** @returns {Promise<number>} a free port of the loopback interface */
function freePort() {
  return new Promise((done, fail) => {
    const probe = createServer();
    probe.on('error', fail);
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address();
      probe.close(() => {
        if (typeof address === 'object' && address !== null) done(address.port);
        else fail(new Failure('No free port was found on 127.0.0.1.'));
      });
    });
  });
}

/** @param {string} url @param {() => boolean} alive */
async function waitUntilItAnswers(url, alive, limitMs = 180_000) {
  const deadline = Date.now() + limitMs;
  while (Date.now() < deadline && alive()) {
    try {
      await fetch(url, { signal: AbortSignal.timeout(2000) });
      return;
    } catch {
      await new Promise(done => setTimeout(done, 100));
    }
  }
  if (alive()) throw new Failure(`The VS Code server did not answer at ${url}.`);
  throw new EndedEarly('The VS Code server ended early.');
}

/** Starts the server on a free port; on another one where a program was faster to take it. @param {ServerOptions} options */
export async function startServer(options) {
  for (let attempt = 1; ; attempt++) {
    try {
      return await startOn(await freePort(), options);
    } catch (error) {
      if (!(error instanceof EndedEarly) || attempt === 3) throw error;
    }
  }
}

/** @param {number} port @param {ServerOptions} options */
async function startOn(port, { codeServer, dataDir, extensionsDir, token, automation = false, env = {} }) {
  const access = token === undefined ? ['--without-connection-token'] : ['--connection-token', token];
  const args = [
    ...['--accept-server-license-terms', ...access, '--host', '127.0.0.1', '--port', String(port)],
    ...['--server-data-dir', dataDir, '--extensions-dir', extensionsDir],
    ...['--disable-telemetry', '--disable-workspace-trust'],
    ...(automation ? ['--enable-smoke-test-driver'] : []),
  ];
  const child = start(codeServer.node, [codeServer.serverMain, ...args], {
    env: { ...codeServer.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let log = '';
  child.stdout?.on('data', chunk => (log += String(chunk)));
  child.stderr?.on('data', chunk => (log += String(chunk)));
  const authority = `127.0.0.1:${port}`;
  try {
    await waitUntilItAnswers(
      `http://${authority}/`,
      () => child.exitCode === null && child.signalCode === null,
    );
  } catch (error) {
    process.stderr.write(log);
    await stop(child);
    throw error;
  }
  return {
    child,
    authority,
    /** What the server wrote so far. */
    log: () => log,
    /**
     * The page's address, opened on a folder.
     *
     * @param {string} folder @param {readonly (readonly [string, string])[]} [payload]
     */
    address: (folder, payload) => {
      const query = new URLSearchParams({ folder });
      if (token !== undefined) query.set('tkn', token);
      if (payload !== undefined) query.set('payload', JSON.stringify(payload));
      return `http://${authority}/?${query.toString().replaceAll('+', '%20')}`;
    },
    stop: () => stop(child),
  };
}

/** Installs a packaged extension into a folder of extensions. @param {CodeServer} codeServer @param {string} vsix @param {string} extensionsDir @param {string} dataDir */
export async function installVsix(codeServer, vsix, extensionsDir, dataDir) {
  const where = ['--extensions-dir', extensionsDir, '--server-data-dir', dataDir];
  const args = [
    codeServer.serverMain,
    '--accept-server-license-terms',
    ...where,
    '--install-extension',
    vsix,
  ];
  await run(codeServer.node, args, { cwd: root, env: codeServer.env, quiet: true });
}
