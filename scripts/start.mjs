/**
 * `npm start [-- FILE] [-- --headless]`: builds Longsight and shows it at work on FILE, in a desktop
 * VS Code where there is one, else in a VS Code server for the browser, else (`--headless`) in the
 * terminal.
 */

import { existsSync } from 'node:fs';
import { randomBytes } from 'node:crypto';
import { dirname, join, resolve } from 'node:path';
import process from 'node:process';
import { parseArgs } from 'node:util';

import { ensureCodeServer } from './lib/codeServer.mjs';
import { ensureDependencies } from './lib/packages.mjs';
import { cache, root } from './lib/paths.mjs';
import { Failure, node, script, start, which } from './lib/run.mjs';
import { quietSettings, startServer, temporaryFolder, writeSettings } from './lib/server.mjs';

const usage = 'Usage: npm start [-- FILE] [-- --headless]';

/** @returns {{ file: string, headless: boolean }} */
function parse() {
  try {
    const { values, positionals } = parseArgs({
      allowPositionals: true,
      options: { headless: { type: 'boolean', default: false } },
    });
    if (positionals.length > 1) throw new Error(`one file at most, not ${positionals.length}`);
    // npm runs scripts in the project's folder; relative paths are meant from where the user is.
    const file = resolve(
      process.env.INIT_CWD ?? '.',
      positionals[0] ?? join(root, 'examples', 'field-guide.md'),
    );
    return { file, headless: values.headless };
  } catch (error) {
    throw new Failure(`${error instanceof Error ? error.message : String(error)}\n${usage}`);
  }
}

/** @returns {string | undefined} an installed VS Code that can open a window here */
function desktopCode() {
  const display = process.platform !== 'linux' || process.env.DISPLAY || process.env.WAYLAND_DISPLAY;
  if (!display) return undefined;
  const chosen = process.env.LONGSIGHT_VSCODE;
  if (chosen && !existsSync(chosen))
    throw new Failure(`LONGSIGHT_VSCODE names ${chosen}, which does not exist.`);
  return chosen || which('code');
}

/** @param {string} code @param {string} file @param {Record<string, string>} env */
async function openDesktop(code, file, env) {
  // A profile of its own: a window of a running VS Code would not see this environment.
  const profile = join(cache, 'desktop');
  const window = ['--wait', '--new-window', '--disable-workspace-trust', '--skip-welcome'];
  const args = [...window, '--user-data-dir', profile, `--extensionDevelopmentPath=${root}`, file];
  console.log('VS Code opens with Longsight on the document. Ctrl-C here, or closing it, ends both.');
  const shell = process.platform === 'win32';
  const child = start(code, args, { env: { ...process.env, ...env }, stdio: 'inherit', shell });
  await new Promise((done, fail) => {
    child.on('error', fail);
    child.on('close', done);
  });
}

/** @param {string} file @param {Record<string, string>} env */
async function openBrowser(file, env) {
  const codeServer = await ensureCodeServer();
  const scratch = temporaryFolder('start');
  process.on('exit', scratch.remove);
  const dataDir = join(cache, 'server');
  writeSettings(dataDir, quietSettings);
  const server = await startServer({
    codeServer,
    dataDir,
    extensionsDir: join(scratch.path, 'extensions'),
    token: randomBytes(16).toString('hex'),
    automation: true,
    env,
  });
  const development = /** @type {const} */ ([
    'extensionDevelopmentPath',
    `vscode-remote://${server.authority}${root}`,
  ]);
  console.log('Open this address in a browser; Ctrl-C here ends it:\n');
  console.log(server.address(dirname(file), [development]));
  await new Promise(done => server.child.on('close', done));
  throw new Failure(`The VS Code server ended.\n${server.log()}`);
}

await script(async () => {
  const { file, headless } = parse();
  if (!existsSync(file)) throw new Failure(`There is no file ${file}; name one that exists.\n${usage}`);
  await ensureDependencies();
  await node(['esbuild.mjs']);
  if (headless) {
    await node(['dist/cli.js', 'inspect', file]);
    return;
  }
  const env = { LONGSIGHT_INSPECT_ON_OPEN: file };
  const code = desktopCode();
  await (code === undefined ? openBrowser(file, env) : openDesktop(code, file, env));
});
