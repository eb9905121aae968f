/** Hands and eyes for a real VS Code in a real browser; scripts/e2e.mjs starts both. */

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

/** A colour theme by its name in VS Code's list, and the class of the workbench that shows it. */
export const THEMES = {
  light: ['Light Modern', 'vs'],
  dark: ['Dark Modern', 'vs-dark'],
  'high-contrast': ['Dark High Contrast', 'hc-black'],
} as const;

export type Theme = keyof typeof THEMES;

export class Workbench {
  readonly stage: Stage;
  readonly page: Page;
  private readonly browser: Browser;

  private constructor(prepared: Stage, browser: Browser, page: Page) {
    this.stage = prepared;
    this.browser = browser;
    this.page = page;
  }

  static async open(width = 1400, height = 900): Promise<Workbench> {
    const prepared = stage();
    const browser = await chromium.launch(prepared.chromium);
    const page = await browser.newPage({ viewport: { width, height } });
    page.setDefaultTimeout(30_000);
    const workbench = new Workbench(prepared, browser, page);
    await page.goto(prepared.address);
    await page.locator('.monaco-workbench .statusbar').waitFor();
    return workbench;
  }

  close(): Promise<void> {
    return this.browser.close();
  }

  /** Chooses a theme as a user does, from the list. */
  async setTheme(theme: Theme): Promise<void> {
    const [name, className] = THEMES[theme];
    await this.command('Preferences: Color Theme');
    await this.page.locator('.quick-input-widget input[placeholder*="Color Theme"]').waitFor();
    await this.choose(name);
    await this.page.locator(`.monaco-workbench.${className}`).waitFor();
  }

  resize(width: number, height: number): Promise<void> {
    return this.page.setViewportSize({ width, height });
  }

  /** Drags the edge of the side bar until it has this width. */
  async sideBar(width: number): Promise<void> {
    const box = await this.page.locator('.part.sidebar').boundingBox();
    if (box === null) throw new Error('The side bar is closed.');
    const y = box.y + box.height / 2;
    await this.page.mouse.move(box.x + box.width, y);
    await this.page.mouse.down();
    await this.page.mouse.move(box.x + width, y, { steps: 5 });
    await this.page.mouse.up();
  }

  /** Runs a command by its title in the command palette, as `Category: Title`. */
  async command(title: string): Promise<void> {
    await this.page.keyboard.press('F1');
    await this.page.locator('.quick-input-widget input').waitFor();
    await this.choose(title, `>${title}`);
  }

  /** Takes the first entry with this text from the open list, after typing `query`. */
  async choose(entry: string, query = entry): Promise<void> {
    const input = this.page.locator('.quick-input-widget input[type="text"]');
    await input.fill(query);
    await this.page.locator('.quick-input-list .monaco-list-row').filter({ hasText: entry }).first().click();
  }

  /** Opens a file of the folder in an editor of its own tab. */
  async openFile(name: string): Promise<void> {
    await this.page.keyboard.press('Control+P');
    await this.page.locator('.quick-input-widget input').waitFor();
    await this.choose(name);
    await this.page.locator(`.tabs-container .tab[data-resource-name="${name}"]`).waitFor();
    await this.page.locator('.editor-instance .view-lines .view-line').first().waitFor();
  }

  /** The status bar's item that shows this text. */
  status(text: RegExp): Locator {
    return this.page.locator('.statusbar-item').filter({ hasText: text });
  }

  /** Messages in the corner, as one text each. */
  notifications(): Promise<string[]> {
    return this.page.locator('.notification-list-item-message').allTextContents();
  }

  /** Rests the mouse on the first visible occurrence of a word in the text, and gives the hover's text. */
  async hover(word: string): Promise<string> {
    const { x, y } = await this.find(word);
    const card = this.page.locator('.monaco-editor .monaco-hover:not(.hidden)');
    await this.page.mouse.move(x - 3, y);
    await this.page.mouse.move(x, y, { steps: 4 });
    await card.first().waitFor();
    return card.first().innerText();
  }

  /** Puts the cursor into the first visible occurrence of a word. */
  async click(word: string): Promise<void> {
    const { x, y } = await this.find(word);
    await this.page.mouse.click(x, y);
  }

  /** The middle of the first visible occurrence of a word in the editor. */
  private async find(word: string): Promise<{ x: number; y: number }> {
    const spot = await this.page.evaluate(wanted => {
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
    if (spot === undefined) throw new Error(`The word ${word} is not to be seen in the editor.`);
    return spot;
  }

  /** Waits until a canvas shows something: more than one colour. */
  async drawn(frame: Frame, selector: string): Promise<void> {
    await frame.waitForFunction(wanted => {
      const canvas = document.querySelector<HTMLCanvasElement>(wanted);
      const pixels = canvas?.getContext('2d')?.getImageData(0, 0, canvas.width, canvas.height).data;
      if (pixels === undefined) return false;
      const colours = new Set(new Uint32Array(pixels.buffer));
      return colours.size > 1;
    }, selector);
  }

  /** The frame of the webview whose page holds `selector`. */
  async panelFrame(selector: string, limitMs = 30_000): Promise<Frame> {
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
      await this.page.waitForTimeout(100);
    }
    throw new Error(`No webview with ${selector} appeared within ${limitMs / 1000} s.`);
  }

  /** Saves what is to be seen as out/screenshots/`name`.png. */
  async screenshot(name: string): Promise<string> {
    // Drawings follow a change of theme or width within a frame or two; tips fade.
    await this.page.waitForTimeout(500);
    const path = join(this.stage.screenshots, `${name}.png`);
    await this.page.screenshot({ path });
    return path;
  }
}
