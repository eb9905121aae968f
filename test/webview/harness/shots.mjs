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
shots.push({ width: 480, theme: 'light', n: 131072, scene: 'zoomed' });
shots.push({ width: 480, theme: 'dark', n: 200, scene: 'tables' });

let wrong = 0;
const complain = text => {
  wrong += 1;
  console.log(`  ${text}`);
};

const stage = await openStage(complain);
for (const shot of shots) {
  const name = `${shot.scene}-${shot.n}-${shot.theme}-${shot.width}`;
  if (!name.includes(only)) continue;
  console.log(name);
  const page = await stage.open(shot);
  if (shot.scene === 'zoomed') {
    await page.locator('[data-view="row"] .plot').focus();
    for (let press = 0; press < 20; press++) await page.keyboard.press('+');
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
await stage.close();
console.log(wrong === 0 ? 'Nothing to complain about.' : `${wrong} complaints.`);
process.exit(wrong === 0 ? 0 : 1);
