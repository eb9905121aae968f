/** What goes wrong leaves a sentence, and what a person chose outlives the window. */

import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';

import { writeSafetensors } from '../../src/engine/model/safetensors';
import { enginePids } from './engines';
import { HARBOUR, NAME } from './harbour';
import { Panel } from './panel';
import { describeInWorkbench } from './suite';

describeInWorkbench('trouble', open => {
  let panel: Panel;
  let engine: number | undefined;

  /** Posts to the extension through what VS Code's `acquireVsCodeApi` uses; the page has taken that itself. */
  async function send(message: unknown): Promise<void> {
    await panel.frame.parentFrame()?.evaluate(sent => {
      const { __vscode_post_message__: post } = globalThis as unknown as {
        readonly __vscode_post_message__: (command: string, data: unknown) => void;
      };
      post('onmessage', { message: sent });
    }, message);
  }

  /** Posts to the extension what no page of ours would; what it answers a call of that id, if anything. */
  async function post(message: unknown, id: string): Promise<string | undefined> {
    const { frame } = panel;
    await frame.evaluate(awaited => {
      const page = globalThis as { heard?: Promise<string | undefined> };
      page.heard = new Promise(done => {
        setTimeout(() => done(undefined), 30_000);
        addEventListener('message', ({ data }: MessageEvent<unknown>) => {
          const answer = data as { readonly t?: string; readonly i?: string; readonly e?: unknown } | null;
          if (answer?.t === 's' && answer.i === awaited) done(JSON.stringify(answer.e));
        });
      });
    }, id);
    await send(message);
    return frame.evaluate(() => (globalThis as { heard?: Promise<string | undefined> }).heard);
  }

  /** The panel still shows the row and answers. */
  async function works(): Promise<void> {
    const lead = panel.view('row').locator('.lead');
    const before = await lead.innerText();
    await panel.frame.locator('vscode-button[aria-label="Next token"]').focus();
    await open().press('Enter');
    await panel.frame.waitForFunction(
      old => document.querySelector<HTMLElement>('section[data-view="row"] .lead')?.innerText !== old,
      before,
    );
  }

  it('has inspected a document', async () => {
    const workbench = open();
    workbench.write(NAME, HARBOUR);
    await workbench.openFile(NAME);
    const before = enginePids();
    await workbench.command('Longsight: Inspect Document');
    await workbench.inspected();
    engine = enginePids().findLast(pid => !before.includes(pid));
    panel = new Panel(workbench);
    await panel.open();
    await panel.view('row').locator('.lead').waitFor();
  });

  it('answers malformed calls of the panel with a sentence, or not at all', async () => {
    for (const [args, expected] of [
      [{ m: 'reveal', a: [-1] }, /called \\?"reveal\\?" wrongly/],
      [{ m: 'rows', a: [[{ layer: 0 }], 10] }, /called \\?"rows\\?" wrongly/],
      [{ m: 'run', a: ['workbench.action.quit'] }, /called \\?"run\\?" wrongly/],
      [{ m: 'constructor', a: [] }, /does not offer/],
      [{ m: 'reveal', a: [2 ** 30] }, /there is no token 1073741824/],
      [{ m: 'overview', a: [1, 2, 3] }, /wrongly/],
    ] as const) {
      const answer = await post({ t: 'q', i: 'bad', ...args }, 'bad');
      assert.match(answer ?? 'no answer', expected);
    }
    for (const noise of [null, 7, 'text', [], {}, { t: 'q' }, { t: 's', i: 'bad' }, { t: 'q', m: 3, a: 4 }])
      await send(noise);
    await works();
  });

  it('keeps the panel whole when it is sent nonsense', async () => {
    // Read within the page: the extension's next state, which takes the sentence away, may come at any time.
    const said = await panel.frame.evaluate(async () => {
      const banner = document.querySelector<HTMLElement>('.banner.problem')!;
      const shown = new Promise<string>(resolve => {
        const look = () => {
          if (!banner.hidden) resolve(banner.innerText);
        };
        new MutationObserver(look).observe(banner, { attributes: true, childList: true, subtree: true });
      });
      for (const data of [
        null,
        3,
        'x',
        {},
        { t: 'q' },
        { t: 's', i: 'none', r: 1 },
        { t: 'q', m: 'no', a: [] },
      ])
        postMessage(data, '*');
      postMessage({ t: 'q', m: 'stateChanged', a: [{ inspection: { tokens: 'many' } }] }, '*');
      return shown;
    });
    assert.match(said, /\.\s|\.$/);
    // The extension's next word puts it right.
    await open().click('winter');
    await panel.view('row').locator('.lead').waitFor();
    await works();
  });

  it('says that the engine ended, and runs again', async () => {
    assert.ok(engine !== undefined, 'the engine was not found');
    process.kill(engine, 'SIGKILL');
    const banner = panel.frame.locator('.banner.problem');
    await banner.getByText(/ended by signal SIGKILL.*Inspect again/).waitFor();
    await panel.frame.getByText('Inspect Document', { exact: true }).focus();
    await open().press('Enter');
    await open().inspected();
    await panel.view('row').locator('.lead').waitFor();
    await panel.frame.locator('.banner.problem').waitFor({ state: 'hidden' });
    await works();
  });

  it('goes on showing a document that is deleted, and says so when it is closed', async () => {
    const workbench = open();
    rmSync(join(workbench.stage.folder, NAME));
    await workbench.page.locator('.tab.active .strikethrough, .tab.active.strikethrough').first().waitFor();
    await works();
    await workbench.closeEditor();
    await panel.frame.getByText('See what a model attends to').waitFor();
    await panel.frame.getByText('Inspect Document', { exact: true }).focus();
    await workbench.press('Enter');
    await workbench.page
      .getByText(/Open a text document|No text/)
      .first()
      .waitFor();
  });

  it('shows a tensor dump again after the window was reloaded', async () => {
    const workbench = open();
    const words = ['The ', 'long ', 'sight ', 'sees ', 'far.'];
    const tensor = (seed: number) => ({
      dtype: 'F32' as const,
      shape: [2, words.length, 4],
      data: Float32Array.from({ length: 2 * words.length * 4 }, (_, at) => Math.sin(at * seed)),
    });
    await writeSafetensors(
      join(workbench.stage.folder, 'run.safetensors'),
      { q: tensor(1), k: tensor(2), v: tensor(3) },
      { tokens: JSON.stringify(words), name: 'a run' },
    );
    await workbench.command('Longsight: Open Tensor Dump');
    await workbench.saveAs(join(workbench.stage.folder, 'run.safetensors'));
    await workbench.inspected('a run');
    await workbench.reload();
    await workbench.page.locator('.view-line').getByText('The long sight sees far.').waitFor();
    await workbench.command('Longsight: Inspect Document');
    await workbench.inspected('a run');
    await workbench.closeEditor();
  });

  it('keeps head, folds, tables and zoom through a reload of the window', async () => {
    const workbench = open();
    workbench.write('again.md', HARBOUR);
    await workbench.openFile('again.md');
    await workbench.command('Longsight: Inspect Document');
    await workbench.inspected();
    await panel.open();
    await panel.view('overview').locator('[role="grid"]').focus();
    await workbench.press('Home', 'PageUp', 'ArrowDown', 'ArrowRight', 'Enter');
    await panel.view('row').locator('.lead').getByText('layer 1, head 1').waitFor();
    await panel.frame.locator('section[data-view="ribbon"] .fold').focus();
    await workbench.press('Enter');
    await panel.frame.locator('section[data-view="ribbon"] .fold[aria-expanded="false"]').waitFor();
    await panel.view('row').locator('.plot').first().focus();
    await workbench.press('+', '+', '+');
    await panel.frame.locator('section[data-view="map"] vscode-button[aria-label*="as a table"]').focus();
    await workbench.press('Enter');
    await panel.view('map').locator('tbody tr').first().waitFor({ state: 'attached' });
    await workbench.reload();
    await workbench.openFile('again.md');
    await workbench.command('Longsight: Inspect Document');
    await workbench.inspected();
    await panel.open();
    await panel.view('row').locator('.lead').getByText('layer 1, head 1').waitFor();
    await panel.view('ribbon').locator('.fold[aria-expanded="false"]').waitFor({ state: 'attached' });
    await panel.see('map');
    await panel.view('map').locator('tbody tr').first().waitFor();
    await panel.see('row');
    await panel.view('row').locator('.plot').first().focus();
    // All of the document is shown again only by asking for it.
    const picture = (): Promise<string> =>
      panel.frame.evaluate(
        () => document.querySelector<HTMLCanvasElement>('[data-view="row"] canvas')?.toDataURL() ?? '',
      );
    await panel.drawn('section[data-view="row"] canvas');
    const zoomed = await picture();
    await workbench.press('0');
    await workbench.until('the row shows the whole document', async () => (await picture()) !== zoomed);
  });
});
