/**
 * Packages the extension, installs it into a VS Code server, and runs the end-to-end suites:
 * `e2e.mjs [VSIX] [--only SUITE]`.
 */

import { mkdirSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import process from 'node:process';
import { parseArgs } from 'node:util';

import { chromiumOptions } from './lib/chromium.mjs';
import { ensureCodeServer } from './lib/codeServer.mjs';
import { browserPackages, ensureSystemPackages } from './lib/packages.mjs';
import { out } from './lib/paths.mjs';
import { script } from './lib/run.mjs';
import { installVsix, quietSettings, startServer, temporaryFolder, writeSettings } from './lib/server.mjs';
import { packageVsix } from './lib/vsix.mjs';

const { values, positionals } = parseArgs({ allowPositionals: true, options: { only: { type: 'string' } } });

await script(async () => {
  await ensureSystemPackages(browserPackages);
  const codeServer = await ensureCodeServer();
  const vsix = positionals[0] ?? (await packageVsix());
  const scratch = temporaryFolder('e2e');
  const dataDir = join(scratch.path, 'data');
  const extensionsDir = join(scratch.path, 'extensions');
  const folder = join(scratch.path, 'folder');
  const screenshots = join(out, 'screenshots');
  mkdirSync(folder, { recursive: true });
  rmSync(screenshots, { recursive: true, force: true });
  mkdirSync(screenshots, { recursive: true });
  writeSettings(dataDir, { ...quietSettings, 'workbench.colorTheme': 'Light Modern' });
  await installVsix(codeServer, vsix, extensionsDir, dataDir);

  const server = await startServer({ codeServer, dataDir, extensionsDir });
  try {
    // The suites' side of this is test/e2e/workbench.ts.
    process.env.LONGSIGHT_E2E = JSON.stringify({
      address: server.address(folder),
      folder,
      screenshots,
      serverPid: server.child.pid,
      chromium: chromiumOptions(),
    });
    /** @type {{ run(only?: string): Promise<number> }} */
    const suites = createRequire(import.meta.url)(join(out, 'test', 'e2e', 'index.js'));
    return (await suites.run(values.only)) === 0 ? 0 : 1;
  } finally {
    await server.stop();
    scratch.remove();
  }
});
