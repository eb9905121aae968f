/** A new user's first minutes: open a document, inspect it, hover a word, look at the panel. */

import assert from 'node:assert/strict';

import { HARBOUR, NAME } from './harbour';
import { Panel } from './panel';
import { describeInWorkbench } from './suite';
import type { Theme } from './workbench';

/** The window, and the side bar in it that holds the panel. */
const SIZES = [
  { size: 'narrow', window: [900, 1000], sideBar: 280 },
  { size: 'wide', window: [1600, 1000], sideBar: 620 },
] as const;

describeInWorkbench('first light', open => {
  let panel: Panel;

  it('inspects the open document from the command palette', async () => {
    const workbench = open();
    workbench.write(NAME, HARBOUR);
    await workbench.openFile(NAME);
    await workbench.command('Longsight: Inspect Document');
    const line = await workbench.inspected();
    const tokens = Number(/([\d,]+) tokens/.exec(line)?.[1]?.replaceAll(',', ''));
    assert.ok(tokens > 100 && tokens < HARBOUR.length, `the status bar counts ${tokens}`);
  });

  it('says in a hover what a word attends to', async () => {
    const text = await open().hover('fishermen', /Token \d+ of \d+/);
    assert.match(text, /Loss [\d.]+ nats/);
    assert.match(text, /Layer \d+, head \d+/);
    assert.match(text, /attended/);
    const weights = [...text.matchAll(/([\d.]+) ?%/g)].map(match => Number(match[1]));
    assert.ok(weights.length >= 3, text);
    assert.ok(
      weights.every(weight => weight >= 0 && weight <= 100),
      text,
    );
    await open().screenshot('hover');
  });

  it('shows the overview, the row and the segments in the panel', async () => {
    panel = new Panel(open());
    await panel.open();
    for (const name of ['overview', 'row', 'segments']) {
      await panel.see(name);
      await panel.drawn(`section[data-view="${name}"] canvas`);
    }
  });

  it('follows the cursor to another token', async () => {
    const lead = panel.view('row').locator('.lead');
    const before = await lead.innerText();
    await open().click('children');
    await panel.frame.waitForFunction(
      old => document.querySelector<HTMLElement>('section[data-view="row"] .lead')?.innerText !== old,
      before,
    );
    assert.match(await lead.innerText(), /token \d+/);
  });

  for (const theme of ['light', 'dark', 'high-contrast'] as const satisfies readonly Theme[]) {
    for (const { size, window, sideBar } of SIZES) {
      it(`is drawn beside the text in the ${theme} theme, ${size}`, async () => {
        const workbench = open();
        await workbench.setTheme(theme);
        await panel.wears(theme);
        await workbench.resize(window[0], window[1]);
        await workbench.sideBar(sideBar);
        await workbench.page.mouse.move(window[0] - 100, window[1] - 200);
        await panel.see('segments');
        await panel.settled();
        await workbench.screenshot(`segments-${theme}-${size}`);
        await panel.frame.evaluate(() => {
          scrollTo(0, 0);
        });
        await panel.settled();
        await workbench.screenshot(`first-light-${theme}-${size}`);
      });
    }
  }

  it('lays a variant with a memory beside the model, as the folder’s settings say', async () => {
    const workbench = open();
    workbench.replaceSettings({
      'longsight.variant': 'recurrent-memory',
      'longsight.variantParameters': { segment: 32 },
      'longsight.mode': 'shadow',
    });
    // The panel hears of the settings when the editor has read them.
    await panel.frame.locator('vscode-text-field[current-value="32"]').first().waitFor();
    await workbench.command('Longsight: Inspect Again');
    await workbench.inspected('recurrent-memory in shadow');
    for (const name of ['map', 'memory'] as const) {
      await panel.see(name);
      await panel.settled();
      await workbench.screenshot(`${name}-high-contrast-wide`);
    }
  });

  it('shows in the map what the variant misses', async () => {
    const workbench = open();
    await workbench.setTheme('dark');
    await panel.wears('dark');
    const map = panel.view('map');
    for (const name of ['memory', 'map']) {
      await panel.see(name);
      await panel.settled();
      await workbench.screenshot(`${name}-dark-wide`);
    }
    await map.locator('vscode-dropdown').focus();
    await workbench.press('ArrowDown', 'ArrowDown');
    await map.getByText(/The variant misses [\d.]+ % of the dense mass in view\.$/).waitFor();
    await panel.see('map');
    await workbench.screenshot('missed-dark-wide');
  });
});
