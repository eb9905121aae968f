/** Child processes that never outlive us. */

import { spawn, spawnSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import process from 'node:process';

import { root } from './paths.mjs';

/** An error whose message is all the user needs. */
export class Failure extends Error {
  /** @param {string} message @param {number} [code] the exit status to leave with */
  constructor(message, code = 1) {
    super(message);
    this.code = code;
  }
}

/**
 * @typedef {import('node:child_process').ChildProcess} ChildProcess
 * @typedef {{ cwd?: string, env?: NodeJS.ProcessEnv, quiet?: boolean }} RunOptions
 */

/** @type {Set<ChildProcess>} */
const groups = new Set();

const windows = process.platform === 'win32';

/**
 * Starts a program at the head of its own process group, so that `stop` reaches everything it starts.
 *
 * @param {string} command
 * @param {readonly string[]} args
 * @param {import('node:child_process').SpawnOptions} options
 */
export function start(command, args, options) {
  const child = spawn(command, [...args], { cwd: root, detached: !windows, ...options });
  groups.add(child);
  return child;
}

/** @param {ChildProcess} child @param {NodeJS.Signals} signal */
function signalGroup(child, signal) {
  if (child.pid === undefined) return false;
  try {
    return windows ? child.kill(signal) : process.kill(-child.pid, signal);
  } catch {
    return false;
  }
}

/**
 * Ends a program and everything it started: asks first, insists after `graceMs`.
 *
 * @param {ChildProcess} child
 */
export async function stop(child, graceMs = 5000) {
  const deadline = Date.now() + graceMs;
  signalGroup(child, 'SIGTERM');
  while (groupAlive(child) && Date.now() < deadline) await new Promise(done => setTimeout(done, 50));
  signalGroup(child, 'SIGKILL');
  groups.delete(child);
}

/** @param {ChildProcess} child */
function groupAlive(child) {
  if (windows) return child.exitCode === null && child.signalCode === null;
  if (child.pid === undefined) return false;
  try {
    return process.kill(-child.pid, 0);
  } catch {
    return false;
  }
}

export function stopAll() {
  return Promise.all([...groups].map(child => stop(child)));
}

/**
 * Runs a program to its end and gives its output when `quiet`, else lets it write to the terminal.
 *
 * @param {string} command
 * @param {readonly string[]} args
 * @param {RunOptions} [options]
 * @returns {Promise<string>} stdout and stderr when quiet, else ''
 */
export function run(command, args, { cwd = root, env = process.env, quiet = false } = {}) {
  return new Promise((done, fail) => {
    const stdio = quiet ? 'pipe' : 'inherit';
    const child = spawn(command, [...args], { cwd, env, stdio, shell: windows && command === 'npm' });
    let output = '';
    child.stdout?.on('data', chunk => (output += String(chunk)));
    child.stderr?.on('data', chunk => (output += String(chunk)));
    child.on('error', error => {
      fail(new Failure(`${command} did not start: ${error.message}`));
    });
    child.on('close', (code, signal) => {
      if (code === 0) done(output);
      else {
        if (quiet) process.stderr.write(output);
        fail(new Failure(`${[command, ...args].join(' ')} ended with ${signal ?? code}.`, code ?? 1));
      }
    });
  });
}

/** Runs a Node script of ours, or a package's, with this Node. @param {readonly string[]} args @param {RunOptions} [options] */
export function node(args, options) {
  return run(process.execPath, args, options);
}

/** Whether a quick program ends well; its output is dropped. @param {string} command @param {readonly string[]} args */
export function succeeds(command, args) {
  return spawnSync(command, args, { stdio: 'ignore' }).status === 0;
}

/** The full path of a program on PATH, or undefined. @param {string} name */
export function which(name) {
  const suffixes = windows ? ['.exe', '.cmd', ''] : [''];
  for (const folder of (process.env.PATH ?? '').split(delimiter)) {
    for (const suffix of suffixes) {
      const path = join(folder, name + suffix);
      try {
        accessSync(path, constants.X_OK);
        return path;
      } catch {
        // Not in this folder.
      }
    }
  }
  return undefined;
}

/**
 * The face of every script: runs `main`, prints a `Failure` as its sentence alone, and leaves
 * nothing running, whatever way it ends.
 *
 * @param {() => Promise<number | void>} main its exit status; 0 when it gives none
 */
export async function script(main) {
  for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP'])) {
    process.once(signal, () => {
      void stopAll().then(() => process.exit(signal === 'SIGINT' ? 130 : 143));
    });
  }
  try {
    process.exitCode = (await main()) ?? 0;
  } catch (error) {
    console.error(error instanceof Failure ? error.message : error);
    process.exitCode = error instanceof Failure ? error.code : 1;
  }
  await stopAll();
}
