/**
 * A whole VS Code server for machines without a desktop VS Code, from the npm package `code-server`,
 * with the Node it needs. It lives in the user's cache folder: installing it takes minutes.
 */

import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import process from 'node:process';

import { buildPackages, ensureSystemPackages } from './packages.mjs';
import { cache } from './paths.mjs';
import { Failure, run } from './run.mjs';

const version = '4.139.1';
const nodeVersion = '24';
const home = join(cache, `code-server-${version}`);

/** @typedef {{ node: string, serverMain: string, env: NodeJS.ProcessEnv }} CodeServer */

/** @param {string} folder */
const bin = folder => join(folder, 'node_modules', '.bin');

/** @param {string} folder */
const vscode = folder => join(folder, 'node_modules', 'code-server', 'lib', 'vscode');

/**
 * What `npm run` tells its children of this project and of its own Node. The server's install would
 * take it for its own: it would see the wrong Node and run no install script.
 */
const ofThisProject =
  /^(NODE|INIT_CWD|npm_(execpath|node_execpath|command|lifecycle_.*|package_.*|config_(user_agent|npm_version|node_gyp|ignore_scripts|allow_scripts|omit|prefix|local_prefix|global_prefix)))$/i;

/**
 * Our environment with Node 24 first on PATH.
 *
 * @param {string} folder
 * @returns {NodeJS.ProcessEnv}
 */
function environment(folder) {
  const kept = Object.entries(process.env).filter(([name]) => !ofThisProject.test(name));
  return { ...Object.fromEntries(kept), PATH: `${bin(folder)}${delimiter}${process.env.PATH ?? ''}` };
}

/** Every step of the install left its mark: the last is the extensions' dependencies. @param {string} folder */
function looksComplete(folder) {
  return [
    join(bin(folder), 'node'),
    join(vscode(folder), 'out', 'server-main.js'),
    join(vscode(folder), 'node_modules', '@vscode', 'spdlog', 'build', 'Release', 'spdlog.node'),
    join(vscode(folder), 'extensions', 'node_modules', 'typescript', 'package.json'),
  ].every(path => existsSync(path));
}

/** @param {string} folder */
function stamped(folder) {
  const stamp = join(folder, 'complete');
  return existsSync(stamp) && readFileSync(stamp, 'utf8').trim() === version;
}

/** @param {string} folder */
function writeStamp(folder) {
  writeFileSync(join(folder, 'complete'), `${version}\n`);
}

/** Installs the server beside its final place and moves it there when it is whole. */
async function install() {
  await ensureSystemPackages(buildPackages);
  const partial = `${home}.partial-${process.pid}`;
  mkdirSync(partial, { recursive: true });
  // npm 12 runs no install script that is not allowed by name; nested installs see only the variable.
  const allowScripts = { node: true, 'code-server': true, argon2: true };
  writeFileSync(join(partial, 'package.json'), JSON.stringify({ private: true, allowScripts }));
  const env = { ...environment(partial), npm_config_dangerously_allow_all_scripts: 'true' };
  const quietly = ['--no-audit', '--no-fund', '--loglevel=error'];
  console.log(`Installing the VS Code server in ${home} (once; it compiles for some minutes).`);
  try {
    // Two steps: the server's install script refuses to run on another Node than its own.
    await run('npm', ['install', ...quietly, `node@${nodeVersion}`], { cwd: partial, env, quiet: true });
    await run('npm', ['install', ...quietly, `code-server@${version}`], { cwd: partial, env, quiet: true });
    if (!looksComplete(partial))
      throw new Failure('The VS Code server was installed without all of its parts.');
    writeStamp(partial);
    if (stamped(home)) return;
    rmSync(home, { recursive: true, force: true });
    renameSync(partial, home);
  } finally {
    rmSync(partial, { recursive: true, force: true });
  }
}

/** @returns {Promise<CodeServer>} */
export async function ensureCodeServer() {
  if (!stamped(home)) {
    if (looksComplete(home)) writeStamp(home);
    else await install();
  }
  return {
    node: join(bin(home), 'node'),
    serverMain: join(vscode(home), 'out', 'server-main.js'),
    env: environment(home),
  };
}
