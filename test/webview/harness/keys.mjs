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
  assert.deepEqual(
    [...new Set(views)],
    ['header', 'overview', 'row', 'ribbon', 'map', 'segments', 'memory', 'heads'],
  );
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

await check('slots of the memory by Tab and Enter', async () => {
  await focus('.slots button.token');
  await press('Enter');
  const [first, token] = await last();
  assert.equal(first, 'reveal');
  await press('Tab', 'Enter');
  const [second, other] = await last();
  assert.equal(second, 'reveal');
  assert.notEqual(other, token);
  await focus('[data-view="memory"] button.more');
  await press('Enter');
  assert.ok((await page.locator('.slots tbody tr').count()) > 8);
});

const savedMap = () => page.evaluate(() => globalThis.saved().map ?? null);
const width = ({ start, end }) => end - start;

await check('the map zooms, pans, goes to the token and shows all again', async () => {
  await focus('[data-view="map"] .plot');
  await page.waitForTimeout(1500);
  const { maps } = await page.evaluate(() => ({ maps: globalThis.maps.length }));
  assert.ok(maps > 0, 'no tile was asked for');
  await press('+', '+', '+');
  const near = await savedMap();
  assert.ok(width(near.queries) < 60 && width(near.keys) < 60, JSON.stringify(near));
  await press('ArrowDown', 'ArrowLeft');
  const moved = await savedMap();
  assert.ok(moved.queries.start > near.queries.start || near.queries.end > 199.9, JSON.stringify(moved));
  assert.ok(moved.keys.start < near.keys.start, JSON.stringify(moved));
  await press('PageUp', 'PageUp', 'Enter');
  const around = await savedMap();
  assert.ok(around.queries.start <= 198 && around.queries.end >= 199, JSON.stringify(around));
  await press('Escape');
  assert.equal(await savedMap(), null);
  assert.match(
    await page.locator('[data-view="map"] .plot').getAttribute('aria-label'),
    /^Attention map of layer 3 head 3, queries 0 to 199 down, keys 0 to 199 across: most mass, \d/,
  );
});

await check('what the variant misses, and the table of the map', async () => {
  await focus('[data-view="map"] vscode-dropdown');
  await press('ArrowDown', 'ArrowDown');
  await page.waitForTimeout(1000);
  assert.equal(await page.evaluate(() => globalThis.saved().mapShows), 'missed');
  assert.equal(await page.evaluate(() => globalThis.maps.at(-1).against), true);
  const caption = page.locator('[data-view="map"] .body > p');
  assert.match(await caption.textContent(), /The variant misses \d+\.\d % of the dense mass in view\.$/);
  await focus('vscode-button[aria-label="Show the heaviest cells as a table"]');
  await press('Enter');
  const line = page.locator('[data-view="map"] tbody tr').first();
  const [query, key] = await line.locator('button').all();
  await calls();
  await key.focus();
  await press('Enter');
  assert.deepEqual((await last())[0], 'reveal');
  await query.focus();
  await press('Enter');
  const [name, selection] = await last();
  assert.equal(name, 'select');
  const [from, to = from] = (await query.textContent()).match(/\d+/g).map(Number);
  assert.ok(selection.token >= from && selection.token <= to);
  await focus('vscode-button[aria-label="Show the heaviest cells as a table"]');
  await press('Enter');
  await focus('[role="slider"]');
  await press('End', 'ArrowLeft');
});

await check('a click on the map selects and reveals, a double click zooms', async () => {
  const plot = page.locator('[data-view="map"] .plot');
  await plot.scrollIntoViewIfNeeded();
  const box = await plot.boundingBox();
  await calls();
  await page.mouse.click(box.x + box.width * 0.3, box.y + box.height * 0.6);
  await page.waitForTimeout(500);
  const [selected, revealed] = await calls();
  assert.equal(selected[0], 'select');
  assert.ok(selected[1].token > 110 && selected[1].token < 160, JSON.stringify(selected));
  assert.equal(revealed[0], 'reveal');
  assert.ok(revealed[1] > 20 && revealed[1] < 60, JSON.stringify(revealed));
  await page.mouse.dblclick(box.x + box.width * 0.3, box.y + box.height * 0.6);
  await page.waitForTimeout(500);
  assert.ok(
    (await calls()).every(([name]) => name === 'select'),
    'a double click moved the editor',
  );
  assert.ok(width((await savedMap()).queries) < 80);
  const before = await savedMap();
  await page.mouse.move(box.x + box.width * 0.6, box.y + box.height * 0.5);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width * 0.5, box.y + box.height * 0.3, { steps: 5 });
  await page.mouse.up();
  const after = await savedMap();
  assert.ok(after.queries.start > before.queries.start && after.keys.start > before.keys.start);
  await press('Escape');
  await focus('[role="slider"]');
  await press('End', 'ArrowLeft');
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
