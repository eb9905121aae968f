/** Bundles the panel with a made-up host and opens it in a headless browser, without VS Code. */

import { join } from 'node:path';
import process from 'node:process';
import { build } from 'esbuild';
import { chromium } from 'playwright-core';

export const root = join(import.meta.dirname, '../../..');

/** A busy machine takes its time to start a browser. */
const PATIENCE_MS = 120_000;

const html = `<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'self' 'nonce-harness'; script-src 'self'">
<meta property="csp-nonce" content="harness">
<link rel="stylesheet" href="webview.css"><title>Longsight</title></head>
<body><div id="app"></div><script src="page.js"></script><script src="webview.js"></script></body></html>`;

/**
 * @typedef {{width: number, height?: number, theme: string, n: number, scene: string, scale?: number}} Scene
 * @param {(complaint: string) => void} complain told of script errors and of what the policy refused
 */
export async function openStage(complain) {
  await build({
    absWorkingDir: root,
    bundle: true,
    entryPoints: { webview: 'webview/main.ts', page: 'test/webview/harness/page.ts' },
    outdir: 'out/panel-harness',
    platform: 'browser',
    format: 'iife',
    target: 'es2022',
    sourcemap: 'inline',
    keepNames: true,
  });
  const browser = await chromium.launch({
    executablePath: process.env['CHROMIUM'] ?? '/usr/bin/chromium',
    timeout: PATIENCE_MS,
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
  return {
    close: () => browser.close(),
    /** @param {Scene} scene */
    async open({ width, height = 900, theme, n, scene, scale = 2 }) {
      const page = await browser.newPage({ viewport: { width, height }, deviceScaleFactor: scale });
      page.setDefaultTimeout(PATIENCE_MS);
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
      await page.goto(`http://panel.test/?n=${n}&theme=${theme}&scene=${scene}`);
      await page.waitForTimeout(n > 1000 ? 1800 : 700);
      return page;
    },
  };
}
