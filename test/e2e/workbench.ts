/** Hands and eyes for a real VS Code in a real browser; scripts/e2e.mjs starts both. */

import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { chromium } from 'playwright-core';
import type { Browser, Frame, LaunchOptions, Locator, Page } from 'playwright-core';

/** What scripts/e2e.mjs prepared. */
export interface Stage {
  readonly address: string;
  /** The folder that VS Code has open. */
  readonly folder: string;
  readonly screenshots: string;
  readonly serverPid: number;
  readonly chromium: LaunchOptions;
}

export function stage(): Stage {
  const given = process.env['LONGSIGHT_E2E'];
  if (given === undefined) throw new Error('Run the end-to-end suites with `npm run test:e2e`.');
  return JSON.parse(given) as Stage;
}

/** A colour theme by its name in VS Code's settings, and the class of the workbench that shows it. */
export const THEMES = {
  light: ['Light Modern', 'vs'],
  dark: ['Dark Modern', 'vs-dark'],
  'high-contrast': ['Default High Contrast', 'hc-black'],
  'high-contrast-light': ['Default High Contrast Light', 'hc-light'],
} as const;

export type Theme = keyof typeof THEMES;

/** What does not come within so many milliseconds does not come, on a busy machine either. */
export const PATIENCE = 60_000;

export class Workbench {
  readonly stage: Stage;
  readonly page: Page;
  private readonly browser: Browser;
  private settings: Readonly<Record<string, unknown>> = {};

  private constructor(prepared: Stage, browser: Browser, page: Page) {
    this.stage = prepared;
    this.browser = browser;
    this.page = page;
  }

  /** Opens a folder of its own, so that nothing chosen in another suite is known there. */
  static async open(name: string, width = 1400, height = 900): Promise<Workbench> {
    const { folder: all, ...prepared } = stage();
    const folder = join(all, name);
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true });
    const browser = await chromium.launch(prepared.chromium);
    const page = await browser.newPage({ viewport: { width, height } });
    page.setDefaultTimeout(PATIENCE);
    page.setDefaultNavigationTimeout(2 * PATIENCE);
    const workbench = new Workbench({ ...prepared, folder }, browser, page);
    workbench.replaceSettings({});
    const address = new URL(prepared.address);
    address.searchParams.set('folder', folder);
    await page.goto(address.href);
    await page.locator('.monaco-workbench .statusbar').waitFor();
    return workbench;
  }

  close(): Promise<void> {
    return this.browser.close();
  }

  /** Asks again and again until it is so. */
  async until(what: string, holds: () => Promise<boolean>, limit = PATIENCE): Promise<void> {
    for (const end = Date.now() + limit; !(await holds());) {
      if (Date.now() > end) throw new Error(`Waited ${limit} ms in vain until ${what}.`);
      await this.page.waitForTimeout(50);
    }
  }

  /** Reloads the window: another page, another extension host, another engine. */
  async reload(): Promise<void> {
    const reloaded = this.page.waitForEvent('load', { timeout: 2 * PATIENCE });
    // Not the browser's own reload, which leaves VS Code no time to write down what is open.
    await this.command('Developer: Reload Window');
    await reloaded;
    await this.page.locator('.monaco-workbench .statusbar').waitFor();
  }

  /** Writes a file of the folder and answers its path. */
  write(name: string, content: string): string {
    const path = join(this.stage.folder, name);
    writeFileSync(path, content);
    return path;
  }

  /** The folder's settings, besides the theme. */
  replaceSettings(settings: Readonly<Record<string, unknown>>): void {
    const theme = this.settings['workbench.colorTheme'];
    this.settings = theme === undefined ? settings : { ...settings, 'workbench.colorTheme': theme };
    this.saveSettings();
  }

  async setTheme(theme: Theme): Promise<void> {
    const [name, className] = THEMES[theme];
    this.settings = { ...this.settings, 'workbench.colorTheme': name };
    this.saveSettings();
    await this.page.locator(`.monaco-workbench.${className}`).waitFor();
  }

  resize(width: number, height: number): Promise<void> {
    return this.page.setViewportSize({ width, height });
  }

  /** Drags the edge of the side bar until it has this width; again where the window was being laid out meanwhile. */
  async sideBar(width: number): Promise<void> {
    const bar = this.page.locator('.part.sidebar');
    for (let attempt = 0; ; attempt++) {
      const box = await bar.boundingBox();
      if (box === null) throw new Error('The side bar is closed.');
      if (Math.abs(box.width - width) <= 4) return;
      if (attempt === 5) throw new Error(`The side bar stayed ${box.width} pixels wide instead of ${width}.`);
      const y = box.y + box.height / 2;
      await this.page.mouse.move(box.x + box.width, y);
      await this.page.mouse.down();
      await this.page.mouse.move(box.x + width, y, { steps: 3 });
      await this.page.mouse.up();
    }
  }

  /** Runs a command by its title in the command palette, as `Category: Title`, with keys alone. */
  async command(title: string): Promise<void> {
    await this.openList('F1');
    await this.choose(title, `>${title}`);
  }

  /** Presses a key that opens a list; again where the key was lost while the focus moved. */
  async openList(key: string): Promise<void> {
    for (let attempt = 0; attempt < 5; attempt++) {
      await this.press(key);
      if (await appears(this.quickInput(), 6000)) return;
    }
    throw new Error(`${key} opened no list.`);
  }

  /** Takes the first entry with this text from the open list, after typing `query`. */
  async choose(entry: string, query = entry): Promise<void> {
    const input = this.quickInput();
    const rows = this.page.locator('.quick-input-list .monaco-list-row').filter({ hasText: entry });
    const focused = this.page.locator('.quick-input-list .monaco-list-row.focused', { hasText: entry });
    await input.waitFor();
    // What is typed into a list that gives way to the next one is gone with it, and a list looks again when it changes.
    await this.until(`a list has the entry ${entry}`, async () => {
      if ((await rows.count()) > 0 && (await input.inputValue()) === query) return true;
      await input.fill(query.slice(0, -1));
      await input.fill(query);
      return appears(rows.first(), 4000);
    });
    // What was used lately may stand above it, and the list may still be narrowing.
    let calm = 0;
    await this.until(`the entry ${entry} has the focus`, async () => {
      const hasFocus = (await focused.count()) > 0;
      calm = hasFocus ? calm + 1 : 0;
      if (!hasFocus) await this.press('ArrowDown');
      return calm > 1;
    });
    await this.press('Enter');
  }

  /** Types a text into the open box that asks with these words. */
  async answer(question: RegExp, text: string): Promise<void> {
    await this.page.locator('.quick-input-widget').filter({ hasText: question }).waitFor();
    await this.quickInput().fill(text);
    await this.press('Enter');
  }

  /** Moves the focus to the text; presses again where the key was lost while the focus moved. */
  async toEditor(): Promise<void> {
    for (let attempt = 0; attempt < 5; attempt++) {
      await this.press('Control+1');
      if (await appears(this.page.locator('.monaco-editor.focused').first(), 6000)) return;
    }
    throw new Error('The editor did not get the focus.');
  }

  /** Closes the editor in front. */
  async closeEditor(): Promise<void> {
    const tabs = this.page.locator('.tabs-container .tab');
    const before = await tabs.count();
    await this.toEditor();
    await this.command('View: Close Editor');
    await this.page.waitForFunction(
      most => document.querySelectorAll('.tabs-container .tab').length < most,
      before,
    );
  }

  /** Opens a file of the folder in an editor of its own tab. */
  async openFile(name: string): Promise<void> {
    await this.openList('Control+P');
    await this.choose(name);
    await this.page.locator(`.tabs-container .tab.active[data-resource-name="${name}"]`).waitFor();
    await this.page.locator('.editor-instance .view-lines .view-line').first().waitFor();
  }

  /** Types a path into the open file dialog, confirms it, and waits until the file is there. */
  async saveAs(path: string): Promise<void> {
    const input = this.quickInput();
    const widget = this.page.locator('.quick-input-widget');
    await input.waitFor();
    for (let attempt = 0; attempt < 5; attempt++) {
      // The dialog puts its own suggestion there whenever it has looked into a folder.
      let calm = 0;
      await this.until('the dialog leaves the path alone', async () => {
        calm = (await input.inputValue()) === path ? calm + 1 : 0;
        if (calm === 0) await input.fill(path);
        await this.page.waitForTimeout(50);
        return calm >= 3;
      });
      await this.press('Enter');
      // While it still looks, it does not take the answer.
      if (!(await inTime(widget.waitFor({ state: 'hidden', timeout: 6000 })))) continue;
      return this.until(`${path} is there`, () => Promise.resolve(existsSync(path)));
    }
    throw new Error(`The dialog did not take the path ${path}.`);
  }

  quickInput(): Locator {
    return this.page.locator('.quick-input-widget input[type="text"]');
  }

  async press(...keys: readonly string[]): Promise<void> {
    for (const key of keys) await this.page.keyboard.press(key);
  }

  /** The status bar's item that shows this text. */
  status(text: RegExp): Locator {
    return this.page.locator('.statusbar-item').filter({ hasText: text });
  }

  /** Waits until an inspection has ended; its line in the status bar. */
  async inspected(what = ''): Promise<string> {
    const item = this.status(new RegExp(`${what}.*tokens? · [\\d.]+ (m?s|min)`));
    await item.waitFor({ timeout: 2 * PATIENCE });
    return item.innerText();
  }

  /** Messages in the corner, as one text each. */
  notifications(): Promise<string[]> {
    return this.page.locator('.notification-list-item-message').allTextContents();
  }

  /**
   * Rests the mouse on the first visible occurrence of a word in the text, and gives the hover's text once it says
   * this: other hovers may be there before.
   */
  async hover(word: string, says: RegExp): Promise<string> {
    const card = this.page.locator('.monaco-editor .monaco-hover:not(.hidden)').filter({ hasText: says });
    for (let attempt = 0; attempt < 5; attempt++) {
      const { x, y } = await this.find(word);
      await this.page.mouse.move(x - 3, y);
      await this.page.mouse.move(x, y, { steps: 4 });
      if (await appears(card.first(), 10_000)) return card.first().innerText();
      await this.page.mouse.move(x, y + 200);
    }
    throw new Error(`No hover of ${word} says ${String(says)}.`);
  }

  /** Puts the cursor into the first visible occurrence of a word. */
  async click(word: string): Promise<void> {
    const { x, y } = await this.find(word);
    await this.page.mouse.click(x, y);
  }

  /** The frame of the webview whose page holds `selector`. */
  async webview(selector: string, limitMs = PATIENCE): Promise<Frame> {
    const deadline = Date.now() + limitMs;
    while (Date.now() < deadline) {
      for (const frame of this.page.frames()) {
        // A frame can go while it is asked.
        const found = await frame
          .locator(selector)
          .count()
          .catch(() => 0);
        if (found > 0) return frame;
      }
      await this.page.waitForTimeout(50);
    }
    throw new Error(`No webview with ${selector} appeared within ${limitMs / 1000} s.`);
  }

  /** Where a picture of that name goes. */
  picture(name: string): string {
    return join(this.stage.screenshots, `${name}.png`);
  }

  /** Saves what is to be seen as out/screenshots/`name`.png. */
  async screenshot(name: string): Promise<string> {
    // Drawings follow a change of theme or width within a frame or two; tips fade.
    await this.page.waitForTimeout(300);
    const path = this.picture(name);
    await this.page.screenshot({ path });
    return path;
  }

  /** The middle of the first visible occurrence of a word in the editor. */
  private async find(word: string): Promise<{ x: number; y: number }> {
    const handle = await this.page.waitForFunction(wanted => {
      for (const line of document.querySelectorAll('.editor-instance .view-lines .view-line')) {
        const walker = document.createTreeWalker(line, NodeFilter.SHOW_TEXT);
        for (let node = walker.nextNode(); node !== null; node = walker.nextNode()) {
          const at = (node.textContent ?? '').indexOf(wanted);
          if (at < 0) continue;
          const range = document.createRange();
          range.setStart(node, at);
          range.setEnd(node, at + wanted.length);
          const box = range.getBoundingClientRect();
          return { x: box.x + box.width / 2, y: box.y + box.height / 2 };
        }
      }
      return undefined;
    }, word);
    const spot = await handle.jsonValue();
    if (spot === undefined) throw new Error(`The word ${word} is not to be seen in the editor.`);
    return spot;
  }

  private saveSettings(): void {
    const folder = join(this.stage.folder, '.vscode');
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'settings.json'), JSON.stringify(this.settings));
  }
}

/** Whether it comes into sight within so many milliseconds. */
export function appears(locator: Locator, timeout: number): Promise<boolean> {
  return inTime(locator.waitFor({ timeout }));
}

/** Whether something that is waited for came before its limit. */
export function inTime(waited: Promise<unknown>): Promise<boolean> {
  return waited.then(
    () => true,
    () => false,
  );
}
