/** The panel in a real VS Code: its views, what they wait for, and what axe-core says of them. */

import { source as axeSource, type AxeResults, type RunOptions } from 'axe-core';
import type { Frame, Locator } from 'playwright-core';

import type { Theme, Workbench } from './workbench';
import { appears, inTime } from './workbench';

/** Higher than any panel: at this height everything is in view at once. */
const TALL = 5600;

/** Of a picture: what VS Code puts around the panel, in pixels. */
const EDGE = 60;

/** Looking at every pixel takes a while. */
const NOW_AND_THEN = { polling: 200 };

/** Where the keyboard's focus is: the view, and the name of the element in it. */
interface Place {
  readonly view: string;
  readonly name: string;
}

export class Panel {
  private readonly workbench: Workbench;
  private shown: Frame | undefined;

  constructor(workbench: Workbench) {
    this.workbench = workbench;
  }

  /** The panel's page; another one each time that the panel was hidden, or the window reloaded. */
  get frame(): Frame {
    if (this.shown === undefined) throw new Error('The panel was not opened.');
    return this.shown;
  }

  /** Opens the panel from the command palette, and waits until it has the keyboard. */
  async open(): Promise<void> {
    for (let attempt = 0; attempt < 4; attempt++) {
      await this.workbench.command('Longsight: Show Panel');
      await this.find('section[data-view="header"]');
      // A webview gets the focus some time after the command has run.
      const focus = this.frame.waitForFunction(() => document.hasFocus(), undefined, { timeout: 15_000 });
      if (await inTime(focus)) return;
    }
    throw new Error('The panel did not get the focus.');
  }

  /** Takes the webview that holds `selector` for the panel. */
  async find(selector: string): Promise<void> {
    this.shown = await this.workbench.webview(selector);
  }

  view(name: string): Locator {
    return this.frame.locator(`section[data-view="${name}"]`);
  }

  /** The names of the views that are on the page, from the first to the last. */
  views(): Promise<string[]> {
    return this.frame
      .locator('section[data-view]')
      .evaluateAll(sections =>
        sections
          .filter(section => section instanceof HTMLElement && section.checkVisibility())
          .map(section => section.getAttribute('data-view') ?? ''),
      );
  }

  /** Brings a view to the top of the page; what is out of sight is not asked for. */
  async see(name: string): Promise<Locator> {
    const view = this.view(name);
    await view.evaluate(element => {
      element.scrollIntoView({ block: 'start' });
    });
    return view;
  }

  /**
   * Takes an entry of a view's export menu, which opens the dialog that asks where to. Once more where the menu
   * closed: VS Code moves the focus back some time after an earlier dialog has gone, and a menu without it closes.
   */
  async chooseExport(view: string, item: string): Promise<void> {
    const menu = this.view(view).locator('.menu-holder');
    const entry = menu.getByRole('menuitem', { name: item });
    for (let attempt = 0; attempt < 5; attempt++) {
      if (!(await entry.isVisible())) await menu.locator('vscode-button').press('Enter');
      const isTaken = await inTime(entry.press('Enter', { timeout: 3000 }));
      if (isTaken && (await appears(this.workbench.quickInput(), 6000))) return;
    }
    throw new Error(`${item} in the export menu of ${view} opened no dialog.`);
  }

  /** Makes the window so wide and so high that the whole panel is in view, and waits until it is drawn. */
  async showAll(window: number, sideBar: number): Promise<void> {
    await this.workbench.resize(window, TALL);
    await this.workbench.sideBar(sideBar);
    await this.workbench.page.mouse.move(window - 60, TALL - 200);
    await this.settled();
  }

  /** Waits until every view in sight shows what it was asked for. */
  async settled(): Promise<void> {
    await this.frame.waitForFunction(
      () =>
        [...document.querySelectorAll<HTMLElement>('section[data-view]')].every(section => {
          if (!section.checkVisibility()) return true;
          // What is out of sight is not asked for.
          const place = section.querySelector('.body')?.getBoundingClientRect();
          if (place !== undefined && (place.bottom <= 0 || place.top >= innerHeight)) return true;
          if (section.innerText.includes('Looking')) return false;
          // A view's first drawing; others may lie empty above it, for the pointer.
          const canvas = [...section.querySelectorAll('canvas')].find(each => each.clientHeight > 0);
          if (canvas === undefined) return true;
          const { width, height } = canvas;
          const pixels = canvas.getContext('2d')?.getImageData(0, 0, width, height).data;
          return pixels !== undefined && new Set(new Uint32Array(pixels.buffer)).size > 1;
        }),
      undefined,
      NOW_AND_THEN,
    );
  }

  /** Takes a picture of the whole panel once what is drawn is also painted: two in a row are the same. */
  async picture(name: string): Promise<void> {
    const { page } = this.workbench;
    const width = (await page.locator('.part.sidebar').boundingBox())?.width ?? 0;
    const height = await this.frame.evaluate(() => document.getElementById('app')?.scrollHeight ?? 0);
    const clip = { x: 0, y: 0, width: Math.ceil(width) + EDGE, height: height + EDGE };
    let before: Uint8Array = new Uint8Array();
    for (let take = 0; take < 12; take++) {
      await this.frame.evaluate(
        () => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done))),
      );
      const path = this.workbench.picture(name);
      const now = await page.screenshot({ path, clip, animations: 'disabled' });
      if (now.equals(before)) return;
      before = now;
      await page.waitForTimeout(150);
    }
  }

  /** Waits until a canvas shows something: more than one colour. */
  async drawn(selector: string): Promise<void> {
    await this.frame.waitForFunction(wanted => {
      const canvas = document.querySelector<HTMLCanvasElement>(wanted);
      const pixels = canvas?.getContext('2d')?.getImageData(0, 0, canvas.width, canvas.height).data;
      return pixels !== undefined && new Set(new Uint32Array(pixels.buffer)).size > 1;
    }, selector);
  }

  /** By how many pixels the page is wider than its window. */
  overflow(): Promise<number> {
    return this.frame.evaluate(
      () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
    );
  }

  /** Every serious or critical violation that axe-core finds on the page, with its rule and its element. */
  async violations(): Promise<string[]> {
    // The page's policy lets no script in; this one comes through the debugger.
    await this.frame.evaluate(axeSource);
    return this.frame.evaluate(async () => {
      const { axe } = globalThis as unknown as {
        readonly axe: { run(page: Document, options: RunOptions): Promise<AxeResults> };
      };
      // The page is transparent; VS Code paints the side bar behind it, in another document.
      const { body, documentElement } = document;
      const behind = getComputedStyle(documentElement).getPropertyValue('--vscode-sideBar-background');
      body.style.background = behind;
      const { violations } = await axe.run(document, { resultTypes: ['violations'] });
      body.style.background = '';
      return violations
        .filter(({ impact }) => impact === 'serious' || impact === 'critical')
        .flatMap(({ id, nodes }) =>
          nodes.map(({ html, failureSummary }) => `${id}: ${html.slice(0, 200)}\n${failureSummary ?? ''}`),
        );
    });
  }

  /** Waits until the page wears the theme's colours. */
  async wears(theme: Theme): Promise<void> {
    await this.frame.waitForFunction(
      kind => document.body.dataset['vscodeThemeKind'] === kind,
      `vscode-${theme}`,
    );
  }

  /** Waits until the keyboard's focus is there. */
  async hasFocus(wanted: Partial<Place>): Promise<void> {
    let place: Place | undefined;
    const isThere = async (): Promise<boolean> => {
      place = await this.focused();
      const { view, name } = { ...place, ...wanted };
      return place !== undefined && place.view === view && place.name === name;
    };
    try {
      await this.workbench.until(`the focus is on ${JSON.stringify(wanted)}`, isThere, 20_000);
    } catch (error) {
      throw new Error(`${(error as Error).message} It is on ${JSON.stringify(place ?? 'nothing')}.`);
    }
  }

  /** Where the keyboard's focus is; undefined outside the panel. */
  focused(): Promise<Place | undefined> {
    return this.frame.evaluate(() => {
      const element = document.activeElement;
      if (element === null || element === document.body || !document.hasFocus()) return undefined;
      const view = element.closest('[data-view]')?.getAttribute('data-view') ?? '';
      const name = element.getAttribute('aria-label') ?? element.textContent.trim();
      return { view, name: name.slice(0, 60) };
    });
  }
}
