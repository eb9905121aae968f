/** Packages the extension. */

import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';

import { out, root } from './paths.mjs';
import { Failure, node } from './run.mjs';

/** VS Code's name of a platform, and the folder of ONNX Runtime's binary for it. */
const targets = /** @type {const} */ ({
  'linux-x64': 'linux/x64',
  'linux-arm64': 'linux/arm64',
  'win32-x64': 'win32/x64',
  'win32-arm64': 'win32/arm64',
  'darwin-arm64': 'darwin/arm64',
});

/** @param {string} name @returns {name is keyof typeof targets} */
const isTarget = name => Object.hasOwn(targets, name);

/**
 * Builds for release and packages for one platform: `.vscodeignore` says what goes in, and of ONNX
 * Runtime's binaries only that platform's does.
 *
 * @param {string} [target]
 * @returns {Promise<string>} the path of the VSIX
 */
export async function packageVsix(target = `${process.platform}-${process.arch}`) {
  if (!isTarget(target)) {
    throw new Failure(
      `There is no ONNX Runtime for ${target}; choose one of ${Object.keys(targets).join(', ')}.`,
    );
  }
  await node(['esbuild.mjs', '--production']);
  mkdirSync(out, { recursive: true });
  const ignore = join(out, 'vscodeignore');
  const binary = `!node_modules/onnxruntime-node/bin/napi-v6/${targets[target]}/**\n`;
  writeFileSync(ignore, readFileSync(join(root, '.vscodeignore'), 'utf8') + binary);
  const vsix = join(out, `longsight-${target}.vsix`);
  const options = ['--target', target, '--out', vsix, '--ignoreFile', ignore];
  const plain = ['--allow-missing-repository', '--no-rewrite-relative-links'];
  await node(['node_modules/@vscode/vsce/vsce', 'package', ...options, ...plain], { quiet: true });
  console.log(`${vsix}  ${(statSync(vsix).size / 1e6).toFixed(1)} MB`);
  return vsix;
}
