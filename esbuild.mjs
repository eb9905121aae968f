/**
 * Builds everything that runs: `node esbuild.mjs [--production] [--watch]`.
 *
 * dist/  what ships: the extension, its engine process, the command line, the panel.
 * out/   the suites that run inside VS Code and against it, and the benchmarks.
 */

import { cpSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';

import { build, context } from 'esbuild';

const production = process.argv.includes('--production');
const watch = process.argv.includes('--watch');

/** @type {import('esbuild').BuildOptions} */
const common = {
  absWorkingDir: import.meta.dirname,
  bundle: true,
  sourcemap: production ? false : 'linked',
  minify: production,
  // Errors are told apart by class, and defects are logged by name.
  keepNames: true,
  legalComments: production ? 'linked' : 'none',
  logLevel: 'warning',
};

/** @type {import('esbuild').BuildOptions} */
const node = { ...common, platform: 'node', format: 'cjs', target: 'node20' };

/** @param {string} folder @param {string} suffix */
function files(folder, suffix) {
  const names = /** @type {string[]} */ (readdirSync(folder, { recursive: true }));
  return names.filter(name => name.endsWith(suffix)).map(name => join(folder, name));
}

/** Modules that are found at run time: VS Code's own, native ones, and the test runners. */
const native = ['onnxruntime-node'];

/** @type {readonly import('esbuild').BuildOptions[]} */
const bundles = [
  {
    ...node,
    entryPoints: ['src/extension/extension.ts'],
    outfile: 'dist/extension.js',
    external: ['vscode'],
  },
  { ...node, entryPoints: ['src/engine/main.ts'], outfile: 'dist/engine.js', external: native },
  { ...node, entryPoints: ['src/engine/exported/graphMain.ts'], outfile: 'dist/graph.js', external: native },
  {
    ...node,
    entryPoints: ['src/engine/cli.ts'],
    outfile: 'dist/cli.js',
    external: native,
    banner: { js: '#!/usr/bin/env node' },
  },
  {
    ...common,
    entryPoints: ['webview/main.ts'],
    outfile: 'dist/webview.js',
    platform: 'browser',
    format: 'iife',
    target: 'es2022',
    loader: { '.ttf': 'file' },
    assetNames: '[name]',
  },
  {
    ...node,
    entryPoints: ['test/extension/index.ts', ...files('test/extension', '.test.ts')],
    outdir: 'out/test/extension',
    outbase: 'test/extension',
    external: ['vscode', 'mocha', ...native],
    sourcemap: 'inline',
    minify: false,
  },
  {
    ...node,
    entryPoints: ['test/e2e/index.ts', ...files('test/e2e', '.e2e.ts')],
    outdir: 'out/test/e2e',
    outbase: 'test/e2e',
    external: ['mocha', 'playwright-core', 'axe-core'],
    sourcemap: 'inline',
    minify: false,
    // Functions of these suites run in pages, without the helper that keeps names.
    keepNames: false,
  },
  {
    ...node,
    entryPoints: ['bench/main.ts'],
    outfile: 'out/bench/bench.js',
    external: native,
    sourcemap: 'inline',
    minify: false,
  },
];

// Nothing stale ships, and no suite runs that is gone.
for (const folder of production ? ['dist', 'out/test'] : ['out/test'])
  rmSync(folder, { recursive: true, force: true });

try {
  if (watch) {
    for (const bundle of bundles) await (await context({ ...bundle, logLevel: 'info' })).watch();
  } else {
    await Promise.all(bundles.map(bundle => build(bundle)));
  }
  for (const file of ['codicon.css', 'codicon.ttf']) {
    cpSync(`node_modules/@vscode/codicons/dist/${file}`, `dist/${file}`);
  }
} catch {
  // esbuild has already said what is wrong.
  process.exitCode = 1;
}
