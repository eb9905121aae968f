/**
 * Runs the compiled suite inside a desktop VS Code: the one LONGSIGHT_VSCODE names, else a download.
 */

import { join } from 'node:path';
import process from 'node:process';

import { runTests } from '@vscode/test-electron';

import { out, root } from './lib/paths.mjs';
import { node, script } from './lib/run.mjs';
import { temporaryFolder } from './lib/server.mjs';

await script(async () => {
  await node(['esbuild.mjs']);
  const scratch = temporaryFolder('desktop');
  const chosen = process.env.LONGSIGHT_VSCODE;
  try {
    return await runTests({
      ...(chosen ? { vscodeExecutablePath: chosen } : {}),
      extensionDevelopmentPath: root,
      extensionTestsPath: join(out, 'test', 'extension', 'index'),
      launchArgs: [scratch.path, '--disable-workspace-trust', '--user-data-dir', join(scratch.path, '.user')],
      extensionTestsEnv: { LONGSIGHT_TEST_FOLDER: scratch.path },
    });
  } finally {
    scratch.remove();
  }
});
