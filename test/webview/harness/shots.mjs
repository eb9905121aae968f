/**
 * Pictures of the panel in three themes and widths: `node test/webview/harness/shots.mjs [--only TEXT]`.
 * Writes to out/panel-shots/, runs axe-core, and fails on violations, on script errors, on a page wider
 * than its window, and on anything that the page's policy had to refuse.
 */

import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { openStage, root } from './stage.mjs';

const out = join(root, 'out/panel-shots');
mkdirSync(out, { recursive: true });
const only = process.argv.includes('--only') ? process.argv[process.argv.indexOf('--only') + 1] : '';
const axe = readFileSync(join(root, 'node_modules/axe-core/axe.min.js'), 'utf8');

const shots = [];
for (const width of [300, 480, 1100]) {
  shots.push({ width, theme: 'dark', n: 131072, scene: 'segmented' });
  shots.push({ width, theme: 'light', n: 200, scene: 'segmented' });
}
shots.push({ width: 280, theme: 'dark', n: 131072, scene: 'segmented' });
shots.push({ width: 480, theme: 'contrastLight', n: 200, scene: 'segmented' });
shots.push({ width: 480, theme: 'contrast', n: 200, scene: 'segmented' });
shots.push({ width: 1100, theme: 'contrast', n: 131072, scene: 'segmented' });
for (const scene of ['empty', 'running', 'stale', 'problem', 'broken', 'dense', 'lsh']) {
  shots.push({ width: 300, theme: 'dark', n: 200, scene });
}
for (const theme of ['dark', 'light', 'contrast', 'contrastLight']) {
  for (const width of [280, 620]) {
    for (const view of ['state', 'segmented']) {
      shots.push({ width, theme, n: width === 280 ? 200 : 20000, scene: view, only: 'memory' });
    }
  }
}
shots.push({ width: 280, theme: 'light', n: 200, scene: 'stateTable', only: 'memory' });
for (const theme of ['dark', 'light', 'contrast', 'contrastLight']) {
  for (const width of [280, 620]) {
    const n = width === 280 ? 200 : 20000;
    shots.push({ width, theme, n, scene: 'dense', only: 'map' });
    shots.push({ width, theme, n, scene: 'local', only: 'map', shows: 'dense' });
    shots.push({ width, theme, n, scene: 'segmented', only: 'map', shows: 'missed' });
  }
}
shots.push({ width: 280, theme: 'light', n: 200, scene: 'tables', only: 'map' });
shots.push({ width: 620, theme: 'dark', n: 2000, scene: 'nearMap', only: 'map', shows: 'dense' });
for (const theme of ['dark', 'light', 'contrast', 'contrastLight']) {
  for (const width of [280, 620]) {
    const n = width === 280 ? 200 : 20000;
    shots.push({ width, theme, n, scene: 'segmented', only: 'dilution' });
    shots.push({ width, theme, n: 200, scene: 'segmented', only: 'hurts' });
  }
  shots.push({ width: 280, theme, n: 200, scene: 'menu' });
}
shots.push({ width: 280, theme: 'dark', n: 200, scene: 'dense', only: 'hurts' });
shots.push({ width: 280, theme: 'light', n: 200, scene: 'tables', only: 'dilution' });
for (const theme of ['dark', 'light', 'contrast', 'contrastLight']) {
  for (const width of [280, 1100]) {
    const n = width === 280 ? 200 : 20000;
    shots.push({ width, theme, n, scene: 'segmented', only: 'compare' });
    shots.push({ width, theme, n, scene: 'sweep', only: 'compare' });
    shots.push({ width, theme, n, scene: 'second', only: 'row' });
  }
}
shots.push({ width: 280, theme: 'light', n: 200, scene: 'tables', only: 'compare' });
for (const scene of ['dense', 'comparing']) {
  shots.push({ width: 300, theme: 'dark', n: 200, scene, only: 'compare' });
}
shots.push({ width: 480, theme: 'light', n: 131072, scene: 'zoomed' });
shots.push({ width: 480, theme: 'dark', n: 200, scene: 'tables' });

let wrong = 0;
const complain = text => {
  wrong += 1;
  console.log(`  ${text}`);
};

const stage = await openStage(complain);
for (const shot of shots) {
  const part = shot.only === undefined ? '' : `${shot.only}-`;
  const shown = shot.shows === undefined ? '' : `${shot.shows}-`;
  const name = `${part}${shown}${shot.scene}-${shot.n}-${shot.theme}-${shot.width}`;
  if (!name.includes(only)) continue;
  console.log(name);
  const page = await stage.open(shot);
  if (shot.scene === 'zoomed') {
    await page.locator('[data-view="row"] .plot').first().focus();
    for (let press = 0; press < 20; press++) await page.keyboard.press('+');
    await page.waitForTimeout(300);
  }
  if (shot.scene === 'second') {
    await page.locator('vscode-dropdown[aria-label="Compare with"]').focus();
    for (const key of ['ArrowDown', 'ArrowDown']) await page.keyboard.press(key);
    await page.waitForTimeout(500);
  }
  if (shot.scene === 'menu') {
    await page.locator('[data-view="row"] vscode-button[aria-label^="Export"]').click();
    await page.waitForTimeout(150);
  }
  if (shot.scene === 'tables' || shot.scene === 'stateTable') {
    const part = shot.only === undefined ? page : page.locator(`[data-view="${shot.only}"]`);
    for (const toggle of await part.locator('vscode-button[aria-label*="as a table"]:visible').all())
      await toggle.click();
    await page.waitForTimeout(300);
  }
  if (shot.only === 'compare') {
    await page.locator('[data-view="compare"]').scrollIntoViewIfNeeded();
    await page.waitForTimeout(600);
  }
  if (shot.only === 'map') {
    const view = page.locator('[data-view="map"]');
    await view.scrollIntoViewIfNeeded();
    await page.waitForTimeout(2000);
    if (shot.shows !== undefined) {
      await view.locator('vscode-dropdown').focus();
      for (let at = 0; at < ['variant', 'dense', 'missed'].indexOf(shot.shows); at++)
        await page.keyboard.press('ArrowDown');
    }
    if (shot.scene === 'nearMap') {
      await view.locator('.plot').focus();
      for (const key of ['Enter', '+', '+']) await page.keyboard.press(key);
    }
    await page.waitForTimeout(2000);
  }
  const path = join(out, `${name}.png`);
  if (shot.only === undefined) await page.screenshot({ path, fullPage: true });
  else await page.locator(`[data-view="${shot.only}"]`).screenshot({ path });
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
await stage.close();
console.log(wrong === 0 ? 'Nothing to complain about.' : `${wrong} complaints.`);
process.exit(wrong === 0 ? 0 : 1);
