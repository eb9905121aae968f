/** What has to be on the machine: npm packages of the project, and Debian's packages. */

import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';

import { root } from './paths.mjs';
import { Failure, run, succeeds, which } from './run.mjs';

/** Runs `npm ci` unless what is installed is as new as the lock file. */
export async function ensureDependencies() {
  const lock = join(root, 'package-lock.json');
  const installed = join(root, 'node_modules', '.package-lock.json');
  if (existsSync(installed) && statSync(installed).mtimeMs >= statSync(lock).mtimeMs) return;
  console.log('Installing npm packages.');
  await run('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error']);
}

/**
 * @typedef {{ command: string } | { file: string } | { library: string }} Evidence
 * @typedef {{ name: string, evidence: Evidence }} SystemPackage
 */

/** A browser, its software GPU, and a font so that screenshots have letters. */
export const browserPackages = /** @type {SystemPackage[]} */ ([
  { name: 'chromium', evidence: { command: 'chromium' } },
  { name: 'libvulkan1', evidence: { library: 'libvulkan1' } },
  { name: 'fonts-dejavu-core', evidence: { file: '/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf' } },
]);

/** What compiles the native modules of the VS Code server. */
export const buildPackages = /** @type {SystemPackage[]} */ ([
  { name: 'python3', evidence: { command: 'python3' } },
  { name: 'make', evidence: { command: 'make' } },
  { name: 'g++', evidence: { command: 'g++' } },
  { name: 'pkg-config', evidence: { command: 'pkg-config' } },
  { name: 'libkrb5-dev', evidence: { library: 'libkrb5-dev' } },
  { name: 'libsecret-1-dev', evidence: { library: 'libsecret-1-dev' } },
  { name: 'libx11-dev', evidence: { library: 'libx11-dev' } },
  { name: 'libxkbfile-dev', evidence: { library: 'libxkbfile-dev' } },
]);

/** @param {Evidence} evidence */
function present(evidence) {
  if ('command' in evidence) return which(evidence.command) !== undefined;
  if ('file' in evidence) return existsSync(evidence.file);
  if (which('dpkg') === undefined) return true;
  return succeeds('dpkg', ['-s', evidence.library]);
}

/**
 * Installs what is missing with apt-get, as root or through sudo when it asks for no password.
 *
 * @param {readonly SystemPackage[]} packages
 */
export async function ensureSystemPackages(packages) {
  const missing = packages.filter(({ evidence }) => !present(evidence)).map(({ name }) => name);
  if (missing.length === 0) return;

  const list = missing.join(' ');
  const unable = new Failure(`These system packages are needed and cannot be installed from here: ${list}.`);
  if (which('apt-get') === undefined) throw unable;
  const asRoot = process.getuid?.() === 0 ? [] : ['sudo', '-n'];
  if (asRoot.length > 0) {
    const allowed = which('sudo') !== undefined && succeeds('sudo', ['-n', 'true']);
    if (!allowed) throw new Failure(`Install these packages, then try again: sudo apt-get install ${list}`);
  }

  console.log(`Installing system packages: ${list}.`);
  /** @param {string[]} args */
  const apt = (...args) => {
    const [command, ...rest] = [...asRoot, 'env', 'DEBIAN_FRONTEND=noninteractive', 'apt-get', ...args];
    return run(/** @type {string} */ (command), rest, { quiet: true });
  };
  const install = () => apt('install', '-y', '--no-install-recommends', ...missing);
  await apt('update').catch(() => undefined);
  await install();
}
