/** A new user's first minutes: open a document, inspect it, hover a word, look at the panel. */

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

import type { Frame } from 'playwright-core';

import { THEMES, Workbench } from './workbench';
import type { Theme } from './workbench';

const NAME = 'harbour.md';

const SAMPLE = `# The harbour

The old harbour lies behind the hill, where the river meets the sea. Every morning the boats
leave before the sun is up, and every evening they come home with the tide. The harbour master
keeps a book, and in the book she writes the name of every boat, the hour it left, and the hour it
came back.

## The book

One winter the book was lost. The boats left and came home as before, but nobody knew which boat
was out and which boat was home. The harbour master asked the fishermen, and the fishermen asked
their children, and the children remembered everything.

## The children

They remembered the name of every boat and the hour it left. So the harbour master wrote a new
book, and in the new book she wrote the names of the children too.
`;

describe('first light', function () {
  this.timeout(180_000);
  // Each step stands on the one before.
  this.bail(true);
  let workbench: Workbench;
  let panel: Frame;

  before(async () => {
    workbench = await Workbench.open();
    writeFileSync(join(workbench.stage.folder, NAME), SAMPLE);
  });

  after(async () => {
    await workbench.close();
  });

  afterEach(async function () {
    if (this.currentTest?.state === 'failed') {
      const path = await workbench.screenshot(`failed-${this.currentTest.title.replaceAll(/\W+/g, '-')}`);
      console.log(`        ${path}`, await workbench.notifications());
    }
  });

  it('inspects the open document from the command palette', async () => {
    await workbench.openFile(NAME);
    await workbench.command('Longsight: Inspect Document');
    const item = workbench.status(/tokens · [\d.]+ (m?s|min)/);
    await item.waitFor({ timeout: 60_000 });
    const tokens = /([\d,]+) tokens/.exec(await item.innerText())?.[1]?.replaceAll(',', '');
    assert.ok(
      Number(tokens) > 100 && Number(tokens) < SAMPLE.length,
      `the status bar counts ${String(tokens)}`,
    );
  });

  it('says in a hover what a word attends to', async () => {
    const text = await workbench.hover('fishermen');
    assert.match(text, /Token \d+ of \d+/);
    assert.match(text, /Loss [\d.]+ nats/);
    assert.match(text, /Layer 0, head 0|Layer \d+, head \d+/);
    assert.match(text, /attended/);
    const weights = [...text.matchAll(/([\d.]+) ?%/g)].map(match => Number(match[1]));
    assert.ok(weights.length >= 3, text);
    assert.ok(
      weights.every(weight => weight >= 0 && weight <= 100),
      text,
    );
    await workbench.screenshot('hover');
  });

  it('shows the overview, the row and the segments in the panel', async () => {
    await workbench.command('Longsight: Show Panel');
    panel = await workbench.panelFrame('[data-view="overview"]');
    for (const view of ['overview', 'row', 'segments']) {
      await panel.locator(`section[data-view="${view}"] canvas`).first().waitFor();
      await workbench.drawn(panel, `section[data-view="${view}"] canvas`);
    }
  });

  it('follows the cursor to another token', async () => {
    const lead = panel.locator('section[data-view="row"] .lead');
    const before = await lead.innerText();
    await workbench.click('children');
    await panel.waitForFunction(
      old => document.querySelector<HTMLElement>('section[data-view="row"] .lead')?.innerText !== old,
      before,
    );
    assert.match(await lead.innerText(), /token \d+/);
  });

  for (const theme of Object.keys(THEMES) as Theme[]) {
    for (const { size, window, sideBar } of [
      { size: 'narrow', window: [900, 1000], sideBar: 280 },
      { size: 'wide', window: [1600, 1000], sideBar: 620 },
    ] as const) {
      it(`is drawn in the ${theme} theme, ${size}`, async () => {
        await workbench.setTheme(theme);
        await workbench.resize(window[0], window[1]);
        await workbench.sideBar(sideBar);
        await workbench.page.mouse.move(window[0] - 100, window[1] - 200);
        for (const view of ['overview', 'row', 'segments']) {
          await panel.locator(`section[data-view="${view}"]`).scrollIntoViewIfNeeded();
          await workbench.drawn(panel, `section[data-view="${view}"] canvas`);
        }
        await workbench.screenshot(`segments-${theme}-${size}`);
        await panel.locator('section[data-view="overview"]').scrollIntoViewIfNeeded();
        await panel.evaluate(() => {
          scrollTo(0, 0);
        });
        await workbench.screenshot(`first-light-${theme}-${size}`);
        const overflow = await panel.evaluate(
          () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
        );
        assert.ok(overflow <= 0, `the panel is ${overflow} px wider than its view`);
      });
    }
  }
});
