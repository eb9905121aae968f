/** Every action without a mouse: this suite presses keys and never points. */

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { Panel } from './panel';
import { describeInWorkbench } from './suite';

const NAME = 'long.md';

/** Some 1,200 tokens on so many lines that the editor does not show them all. */
const LENGTH = 4000;

/** Keys that the panel lists before it is asked for all. */
const FEW = 8;

/** Stops of the keyboard in the panel, at most; more mean that the focus is caught in it. */
const STOPS = 160;

describeInWorkbench('keyboard', open => {
  let panel: Panel;

  /** The views in the order in which Tab reaches them, from the page's start until the focus leaves it. */
  async function tabbed(): Promise<string[]> {
    await panel.frame.waitForFunction(() => document.hasFocus());
    await panel.frame.evaluate(() => {
      scrollTo(0, 0);
      if (document.activeElement instanceof HTMLElement) document.activeElement.blur();
      getSelection()?.setPosition(document.body, 0);
    });
    const stops: string[] = [];
    for (let stop = 0; stop < STOPS; stop++) {
      await open().press('Tab');
      const place = await panel.focused();
      if (place === undefined) {
        if (stops.length > 0) return stops;
      } else if (place.view !== stops.at(-1)) stops.push(place.view);
    }
    throw new Error(`The focus did not leave the panel: ${stops.join(', ')}`);
  }

  /** The views as one reads them: column by column, from the top, what spans both first. */
  function read(): Promise<string[]> {
    return panel.frame.locator('section[data-view]').evaluateAll(sections =>
      sections
        .filter(section => section.checkVisibility())
        .map(section => ({
          name: section.getAttribute('data-view') ?? '',
          box: section.getBoundingClientRect(),
        }))
        .sort((a, b) => {
          const spans = Number(b.name === 'header') - Number(a.name === 'header');
          return spans || Math.round(a.box.left - b.box.left) || a.box.top - b.box.top;
        })
        .map(({ name }) => name),
    );
  }

  const focus = async (selector: string): Promise<void> => {
    await panel.frame.locator(selector).first().focus();
  };

  it('inspects, comes into the panel from the command palette and goes back to the text', async () => {
    const workbench = open();
    const guide = readFileSync(join('examples', 'field-guide.md'), 'utf8');
    workbench.write(NAME, guide.slice(0, LENGTH).replaceAll('. ', '.\n'));
    await workbench.openFile(NAME);
    await workbench.press('Control+End');
    await workbench.command('Longsight: Inspect Document');
    await workbench.inspected();
    panel = new Panel(workbench);
    await panel.open();
    await panel.view('row').locator('.lead').waitFor();
    await workbench.press('Tab');
    await panel.hasFocus({ view: 'header' });
    await workbench.toEditor();
    await workbench.until('the focus has left the panel', async () => (await panel.focused()) === undefined);
  });

  it('tabs through every view in the order of the eye, in one column', async () => {
    await open().sideBar(300);
    await panel.open();
    await panel.view('dilution').locator('.fold').waitFor();
    assert.deepEqual(await tabbed(), await read());
  });

  it('tabs through every view in the order of the eye, in two columns', async () => {
    await open().resize(1600, 900);
    await open().sideBar(1150);
    await panel.open();
    const order = await tabbed();
    assert.deepEqual(order, await read());
    assert.deepEqual(order.slice(0, 4), ['header', 'overview', 'heads', 'dilution']);
  });

  it('chooses a head in the grid', async () => {
    const workbench = open();
    const lead = panel.view('row').locator('.lead');
    await focus('section[data-view="overview"] [role="grid"]');
    await workbench.press('Control+Home', 'Home', 'PageUp', 'ArrowDown', 'ArrowRight', 'ArrowRight', 'Enter');
    await lead.getByText(/layer 1, head 2/).waitFor();
    await panel
      .view('overview')
      .locator('[role="gridcell"]')
      .filter({ hasText: /^Layer 1, head 2, Entropy: \d/ })
      .waitFor({ state: 'attached' });
  });

  it('steps along the row, zooms into it and shows all again', async () => {
    const workbench = open();
    const lead = panel.view('row').locator('.lead');
    const token = async (): Promise<number> =>
      Number(/token ([\d,]+)/.exec(await lead.innerText())?.[1]?.replaceAll(',', ''));
    const before = await token();
    await focus('section[data-view="row"] .plot');
    await workbench.press('ArrowLeft');
    await lead.getByText(`token ${(before - 1).toLocaleString('en')} `).waitFor();
    await workbench.press('+', '+', '+', '0', 'ArrowLeft');
    await lead.getByText(`token ${(before - 2).toLocaleString('en')} `).waitFor();
  });

  it('opens a key in the editor with Enter', async () => {
    const workbench = open();
    await workbench.toEditor();
    await workbench.press('Control+End');
    await panel.open();
    await focus('section[data-view="row"] button.more');
    await workbench.press('Enter');
    const lines = panel.view('row').locator('.keys tbody tr:visible');
    await lines.nth(FEW).waitFor();
    const places = (await lines.locator('td:nth-child(2)').allInnerTexts()).map(text =>
      Number(text.replaceAll(',', '')),
    );
    const farthest = places.indexOf(Math.min(...places));
    await focus('.keys button[tabindex="0"]');
    await workbench.press('Home', ...Array.from({ length: farthest }, () => 'ArrowDown'));
    const title = await panel.frame.evaluate(() => (document.activeElement as HTMLElement).title);
    const line = /on line (\d+)/.exec(title)?.[1] ?? '';
    const shown = workbench.page.locator('.margin .line-numbers').getByText(line, { exact: true });
    assert.equal(await shown.count(), 0, `line ${line} was in view before`);
    await workbench.press('Enter');
    await shown.waitFor();
  });

  it('opens an export menu, leaves it with Escape, and saves a table with it', async () => {
    const workbench = open();
    const button = 'section[data-view="overview"] vscode-button[aria-label^="Export"]';
    await focus(button);
    await workbench.press('Enter');
    await panel.hasFocus({ name: 'Drawing as PNG…' });
    await workbench.press('Escape');
    await panel.hasFocus({ name: 'Export the heads' });
    assert.equal(await panel.frame.locator(button).getAttribute('aria-expanded'), 'false');
    await workbench.press('Enter');
    await panel.hasFocus({ name: 'Drawing as PNG…' });
    await workbench.press('End', 'ArrowUp');
    await panel.hasFocus({ name: 'Numbers as CSV…' });
    await workbench.press('Enter');
    const path = join(workbench.stage.folder, 'heads.csv');
    await workbench.saveAs(path);
    await panel.frame.getByText('Saved').waitFor({ state: 'attached' });
    assert.match(readFileSync(path, 'utf8'), /^layer,head,/);
  });

  it('folds a view and shows another as a table', async () => {
    const workbench = open();
    await focus('section[data-view="ribbon"] .fold');
    await workbench.press('Enter');
    await panel.view('ribbon').locator('canvas').waitFor({ state: 'hidden' });
    await workbench.press('Enter');
    await focus('section[data-view="ribbon"] vscode-button[aria-label*="as a table"]');
    await workbench.press('Enter');
    await panel.view('ribbon').locator('tbody button').first().waitFor();
    await workbench.press('Enter');
    await panel.view('ribbon').locator('canvas').waitFor();
  });

  it('changes the variant by its list and its fields, and applies it', async () => {
    const workbench = open();
    await focus('vscode-dropdown[aria-label="Attention variant"]');
    await workbench.press('ArrowDown', 'ArrowDown');
    const window = panel.view('header').locator('.variant vscode-text-field').first();
    await window.waitFor();
    await workbench.press('Tab');
    await panel.hasFocus({ name: 'window' });
    await workbench.press('Control+A', '4', '8');
    await focus('.variant .actions vscode-button');
    await workbench.press('Enter');
    await workbench.inspected('local');
  });

  it('opens the walkthrough', async () => {
    const workbench = open();
    await workbench.toEditor();
    await workbench.command('Welcome: Open Walkthrough');
    await workbench.choose('See Attention in Your Text');
    const steps = workbench.page.locator('.getting-started-step');
    await steps.nth(4).waitFor();
    await workbench.screenshot('walkthrough');
  });
});
