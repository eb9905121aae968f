/** A new user's first minutes: open a document, inspect it, hover a word, look at the panel. */

import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import type { Frame, Locator } from 'playwright-core';

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

/** Widths of the side bar that holds the panel, and of the window around it. */
const SIZES = [
  { size: 'narrow', window: [900, 1000], sideBar: 280 },
  { size: 'wide', window: [1600, 1000], sideBar: 620 },
] as const;

/** What only a memory or a shadow run fills, with what shows that it is filled. */
const SHADOW_VIEWS = {
  map: 'canvas',
  memory: 'canvas',
  hurts: '.hurts tbody tr',
  dilution: 'canvas',
} as const;

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
      // What is out of sight is not asked for.
      await panel.locator(`section[data-view="${view}"]`).evaluate(element => {
        element.scrollIntoView({ block: 'start' });
      });
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
    for (const { size, window, sideBar } of SIZES) {
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

  it('lays a variant with a memory beside the model, as the folder’s settings say', async () => {
    const settings = join(workbench.stage.folder, '.vscode');
    mkdirSync(settings, { recursive: true });
    const chosen = {
      'longsight.variant': 'recurrent-memory',
      'longsight.variantParameters': { segment: 32 },
      'longsight.mode': 'shadow',
    };
    writeFileSync(join(settings, 'settings.json'), JSON.stringify(chosen));
    // The panel hears of the settings when the editor has read them.
    await panel.locator('vscode-text-field[current-value="32"]').first().waitFor();
    await workbench.command('Longsight: Inspect Again');
    await workbench
      .status(/recurrent-memory in shadow · .*tokens · [\d.]+ (m?s|min)/)
      .waitFor({ timeout: 60_000 });
    await showShadowViews();
  });

  it('keeps a folded view folded when the panel is hidden and shown again', async () => {
    const fold = (): Locator => panel.locator('section[data-view="ribbon"] .fold');
    await fold().click();
    await workbench.command('View: Show Explorer');
    await workbench.command('Longsight: Show Panel');
    panel = await workbench.panelFrame('section[data-view="ribbon"] .fold[aria-expanded="false"]');
    await fold().click();
    await panel.locator('section[data-view="ribbon"] canvas').waitFor();
  });

  for (const theme of Object.keys(THEMES) as Theme[]) {
    for (const { size, window, sideBar } of SIZES) {
      it(`shows the shadow run in the ${theme} theme, ${size}`, async () => {
        await workbench.setTheme(theme);
        await workbench.resize(window[0], window[1]);
        await workbench.sideBar(sideBar);
        await workbench.page.mouse.move(window[0] - 100, window[1] - 200);
        await showShadowViews(view => `${view}-${theme}-${size}`);
        const overflow = await panel.evaluate(
          () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
        );
        assert.ok(overflow <= 0, `the panel is ${overflow} px wider than its view`);
      });
    }
  }

  it('shows in the map what the variant misses', async () => {
    await workbench.setTheme('dark');
    const map = panel.locator('section[data-view="map"]');
    await map.locator('vscode-dropdown').focus();
    await workbench.page.keyboard.press('ArrowDown');
    await workbench.page.keyboard.press('ArrowDown');
    await map.getByText(/The variant misses [\d.]+ % of the dense mass in view\.$/).waitFor();
    await map.evaluate(element => {
      element.scrollIntoView({ block: 'start' });
    });
    await workbench.page.mouse.move(1500, 800);
    await workbench.screenshot('missed-dark-wide');
  });

  /** Scrolls to every view that a shadow run fills, waits until it is, and takes its picture. */
  async function showShadowViews(named?: (view: string) => string): Promise<void> {
    for (const [view, filled] of Object.entries(SHADOW_VIEWS)) {
      const section = panel.locator(`section[data-view="${view}"]`);
      await section.evaluate(element => {
        element.scrollIntoView({ block: 'start' });
      });
      await section.locator(filled).first().waitFor();
      if (filled === 'canvas') await workbench.drawn(panel, `section[data-view="${view}"] canvas`);
      if (named !== undefined) await workbench.screenshot(named(view));
    }
  }
});
