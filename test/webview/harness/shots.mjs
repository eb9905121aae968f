/**
 * Shows the panel without VS Code: `node test/webview/harness/shots.mjs [--only TEXT] [--axe]`.
 * Writes pictures of it in three themes and widths to out/panel-shots/, runs axe-core, and fails on
 * violations, on script errors, and on anything that the page's policy had to refuse.
 */

import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { build } from 'esbuild';
import { chromium } from 'playwright-core';

const root = join(import.meta.dirname, '../../..');
const out = join(root, 'out/panel-shots');
mkdirSync(out, { recursive: true });

const bundled = await build({
  absWorkingDir: root,
  bundle: true,
  entryPoints: { webview: 'webview/main.ts', page: 'test/webview/harness/page.ts' },
  outdir: 'out/panel-harness',
  platform: 'browser',
  format: 'iife',
  target: 'es2022',
  sourcemap: 'inline',
  keepNames: true,
  write: true,
});
if (bundled.errors.length > 0) process.exit(1);

const html = `<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'self' 'nonce-harness'; script-src 'self'"><meta property="csp-nonce" content="harness">
<link rel="stylesheet" href="webview.css"><title>Longsight</title></head>
<body><div id="app"></div><script src="page.js"></script><script src="webview.js"></script></body></html>`;

const only = process.argv.includes('--only') ? process.argv[process.argv.indexOf('--only') + 1] : '';
const axe = readFileSync(join(root, 'node_modules/axe-core/axe.min.js'), 'utf8');

const shots = [];
for (const width of [300, 480, 1100]) {
  shots.push({ width, theme: 'dark', n: 131072, scene: 'segmented' });
  shots.push({ width, theme: 'light', n: 200, scene: 'segmented' });
}
shots.push({ width: 480, theme: 'contrast', n: 200, scene: 'segmented' });
shots.push({ width: 1100, theme: 'contrast', n: 131072, scene: 'segmented' });
for (const scene of ['empty', 'running', 'stale', 'problem', 'broken', 'dense', 'lsh']) {
  shots.push({ width: 300, theme: 'dark', n: 200, scene });
}
shots.push({ width: 480, theme: 'light', n: 131072, scene: 'zoomed' });
shots.push({ width: 480, theme: 'dark', n: 200, scene: 'tables' });

const browser = await chromium.launch({
  executablePath: process.env['CHROMIUM'] ?? '/usr/bin/chromium',
  args: [
    '--no-sandbox',
    '--disable-gpu',
    '--disable-quic',
    '--no-first-run',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
  ],
});
let wrong = 0;
const complain = text => {
  wrong += 1;
  console.log(`  ${text}`);
};

for (const shot of shots) {
  const name = `${shot.scene}-${shot.n}-${shot.theme}-${shot.width}`;
  if (!name.includes(only)) continue;
  console.log(name);
  const page = await browser.newPage({
    viewport: { width: shot.width, height: 900 },
    deviceScaleFactor: 2,
    bypassCSP: false,
  });
  page.on('pageerror', error => complain(`script error: ${error.stack}`));
  page.on('console', message => {
    if (message.type() === 'error') complain(`console: ${message.text()}`);
  });
  await page.route('http://panel.test/**', route => {
    const file = new URL(route.request().url()).pathname.slice(1);
    if (file === '') return route.fulfill({ contentType: 'text/html', body: html });
    if (!/^[a-z]+\.(js|css)$/.test(file)) return route.fulfill({ status: 404 });
    return route.fulfill({ path: join(root, 'out/panel-harness', file) });
  });
  await page.goto(`http://panel.test/?n=${shot.n}&theme=${shot.theme}&scene=${shot.scene}`);
  await page.waitForTimeout(shot.n > 1000 ? 1800 : 700);
  if (shot.scene === 'zoomed') {
    await page.locator('[data-view="row"] .plot').focus();
    for (let press = 0; press < 19; press++) await page.keyboard.press('+');
    await page.waitForTimeout(300);
  }
  if (shot.scene === 'tables') {
    for (const toggle of await page.locator('vscode-button[aria-label*="as a table"]').all())
      await toggle.click();
    await page.waitForTimeout(300);
  }
  await page.screenshot({ path: join(out, `${name}.png`), fullPage: true });
  const overflow = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
  if (overflow > 0) complain(`the page is ${overflow} px wider than its window`);
  // The page's policy lets no script in; axe comes through the debugger.
  await page.evaluate(axe);
  const results = await page.evaluate(() =>
    globalThis.axe.run(document, { resultTypes: ['violations'] }).then(({ violations }) =>
      violations.map(({ id, impact, nodes }) => ({
        id,
        impact,
        nodes: nodes
          .slice(0, 4)
          .map(({ html, failureSummary }) => `${html.slice(0, 160)} | ${failureSummary}`),
      })),
    ),
  );
  for (const { id, impact, nodes } of results) {
    complain(`axe ${impact} ${id}`);
    for (const node of nodes) console.log(`      ${node.replaceAll('\n', ' ')}`);
  }
  await page.close();
}
await browser.close();
console.log(wrong === 0 ? 'Nothing to complain about.' : `${wrong} complaints.`);
process.exit(wrong === 0 ? 0 : 1);
