/** Works the panel by keyboard alone and says what did not answer: `node test/webview/harness/keys.mjs`. */

import assert from 'node:assert/strict';
import process from 'node:process';
import { openStage } from './stage.mjs';

let wrong = 0;
const complain = text => {
  wrong += 1;
  console.log(`  ${text}`);
};
const stage = await openStage(complain);
let page = await stage.open({ width: 480, theme: 'dark', n: 200, scene: 'segmented' });

/** What the panel asked of the host since the last look. */
const calls = () => page.evaluate(() => globalThis.calls.splice(0));
const last = async () => (await calls()).at(-1);
const press = async (...keys) => {
  for (const key of keys) await page.keyboard.press(key);
  await page.waitForTimeout(80);
};
const focus = selector => page.locator(selector).first().focus();

async function check(name, act) {
  try {
    await calls();
    await act();
    console.log(`ok   ${name}`);
  } catch (error) {
    console.log(`FAIL ${name}`);
    complain(error.message);
  }
}

await check('Tab reaches every control, in order, and leaves again', async () => {
  await page.evaluate(() => document.body.focus());
  const stops = [];
  for (let at = 0; at < 60; at++) {
    await page.keyboard.press('Tab');
    const stop = await page.evaluate(() => {
      const { activeElement } = document;
      if (activeElement === null || activeElement === document.body) return undefined;
      const view = activeElement.closest('[data-view]')?.getAttribute('data-view');
      const name = activeElement.getAttribute('aria-label') ?? activeElement.textContent?.trim() ?? '';
      return `${view}: ${name.slice(0, 48)}`;
    });
    if (stop === undefined) break;
    stops.push(stop);
  }
  assert.ok(stops.length < 60, 'focus never left the page');
  const views = stops.map(stop => stop.split(':')[0]);
  assert.deepEqual([...new Set(views)], ['header', 'overview', 'row', 'ribbon', 'segments', 'heads']);
  console.log(`     ${stops.length} stops: ${stops.join(' | ')}`);
});

await check('arrows and Enter choose a head in the overview', async () => {
  await focus('[role="grid"]');
  await press('ArrowRight', 'ArrowDown');
  const cell = await page.locator('[role="gridcell"]').textContent();
  assert.match(cell, /^Layer 3, head 4, Entropy: \d/);
  await press('Enter');
  assert.deepEqual(await last(), ['select', { layer: 3, head: 4, token: 118, pinned: false }]);
});

await check('arrows walk the tokens in the ribbon, Enter goes to the text', async () => {
  await focus('[role="slider"]');
  await press('ArrowRight');
  assert.equal((await last())[1].token, 119);
  await press('End');
  assert.equal((await last())[1].token, 199);
  await press('Enter');
  assert.deepEqual(await last(), ['reveal', 199]);
  assert.equal(await page.locator('[role="slider"]').getAttribute('aria-valuenow'), '199');
});

await check('arrows and Enter in the table of keys', async () => {
  await focus('.keys button[tabindex="0"]');
  await press('ArrowDown', 'Enter');
  const [name, token] = await last();
  assert.equal(name, 'reveal');
  const shown = await page.locator('.keys tbody tr').nth(1).locator('td').first().textContent();
  assert.equal(shown, String(token));
});

await check('the row zooms, pans, steps and shows all again', async () => {
  await focus('[data-view="row"] .plot');
  await press('+', '+', '+', 'Shift+ArrowLeft');
  const zoom = await page.evaluate(() => globalThis.saved().zoom);
  assert.ok(zoom.end - zoom.start < 60, JSON.stringify(zoom));
  await press('ArrowLeft');
  assert.equal((await last())[1].token, 198);
  await press('0');
  assert.equal(await page.evaluate(() => globalThis.saved().zoom ?? null), null);
});

await check('heads of the layer by arrows', async () => {
  await focus('[role="listbox"].strips');
  await press('ArrowUp');
  assert.equal((await last())[1].head, 3);
});

await check('pin by its button', async () => {
  await focus('vscode-button[aria-label="Pin token"]');
  await press('Enter');
  assert.equal((await last())[1].pinned, true);
  assert.equal(
    await page.locator('vscode-button[aria-label="Pin token"]').getAttribute('aria-pressed'),
    'true',
  );
});

await check('the segments as a tree', async () => {
  await focus('vscode-button[aria-label="Show the segments as a table"]');
  await press('Enter');
  await focus('[role="treeitem"][tabindex="0"]');
  await press('Home');
  const first = page.locator('[role="treeitem"]').first();
  if ((await first.getAttribute('aria-expanded')) === 'false') await press('ArrowRight');
  const open = await page.locator('[role="treeitem"][aria-level="2"]').count();
  assert.ok(open > 0, 'no children shown');
  await press('ArrowDown', 'Enter');
  assert.equal((await last())[0], 'reveal');
  await press('ArrowLeft', 'ArrowLeft');
  assert.equal(await first.getAttribute('aria-expanded'), 'false');
});

await check('another variant by keyboard: parameters follow, Apply sends it', async () => {
  await focus('vscode-dropdown[aria-label="Attention variant"]');
  await press('ArrowUp');
  await page.waitForTimeout(150);
  const fields = page.locator('.fields vscode-text-field');
  assert.equal(await fields.count(), 2);
  await fields.first().focus();
  await press('Control+a');
  await page.keyboard.type('0');
  assert.match(
    await page.locator('.variant [role="alert"]').textContent(),
    /window is a whole number from 1/,
  );
  await press('Control+a');
  await page.keyboard.type('64');
  await page.locator('.actions vscode-button').first().focus();
  await page.waitForTimeout(80);
  await focus('.variant .actions vscode-button');
  await press('Enter');
  assert.deepEqual(await last(), [
    'setVariant',
    [
      { id: 'local', params: { window: 64 } },
      { mode: 'live', layers: 'all', others: [] },
    ],
  ]);
});

await check('the selection is announced once it rests', async () => {
  await page.waitForTimeout(500);
  assert.match(
    await page.locator('.unseen[role="status"]').textContent(),
    /^Layer 3 head 3, token 198 '.+': span \d+ tokens?, entropy \d\.\d\d nats, strongest key '.+' 0\.\d+$/,
  );
});
await page.close();

page = await stage.open({ width: 480, theme: 'dark', n: 131072, scene: 'segmented' });
await check('moving over the ribbon of 131,072 tokens keeps its frames', async () => {
  const box = await page.locator('[role="slider"]').boundingBox();
  await page.evaluate(() => {
    globalThis.frames = [];
    let before = performance.now();
    const tick = now => {
      globalThis.frames.push(now - before);
      before = now;
      requestAnimationFrame(tick);
    };
    requestAnimationFrame(tick);
  });
  for (let step = 0; step < 60; step++) await page.mouse.move(box.x + 20 + step * 6, box.y + 40);
  const frames = (await page.evaluate(() => globalThis.frames)).sort((a, b) => a - b);
  const at = part => frames[Math.floor(frames.length * part)].toFixed(1);
  console.log(`     ${frames.length} frames, median ${at(0.5)} ms, p95 ${at(0.95)} ms`);
  assert.ok(frames[Math.floor(frames.length * 0.95)] < 100);
});
await stage.close();
process.exit(wrong === 0 ? 0 : 1);
