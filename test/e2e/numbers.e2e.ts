/** Numbers on the page, in a hover and in saved files are the engine's. */

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { extname, join } from 'node:path';

import type { CliReport } from './cli';
import { inspectByCli } from './cli';
import { HARBOUR, NAME } from './harbour';
import { Panel } from './panel';
import { describeInWorkbench } from './suite';

const SETTINGS = {
  'longsight.variant': 'recurrent-memory',
  'longsight.variantParameters': { segment: 32 },
  'longsight.mode': 'shadow',
  'longsight.topKeys': 24,
  'longsight.device': 'cpu',
};

const CLI = ['--variant', 'recurrent-memory', '--set', 'segment=32', '--mode', 'shadow', '--top', '24'];

const LAYER = 1;
const HEAD = 2;

/** What is read of an exported inspection. */
interface WholeInspection {
  readonly overview: { readonly heads: number; readonly stats: Readonly<Record<string, readonly number[]>> };
  readonly heads: readonly {
    readonly layer: number;
    readonly head: number;
    readonly stats: Readonly<Record<string, readonly (number | null)[]>>;
  }[];
}

/** What is read of the JSON of a row. */
interface RowFile {
  readonly about: { readonly variant: { readonly id: string } };
  readonly tables: {
    readonly 'top keys': { readonly key: readonly number[]; readonly weight: readonly number[] };
  };
}

/** The number in a text, and how far the number behind it may be from it: half a step of its last digit. */
function reading(text: string): { readonly value: number; readonly slack: number } {
  const digits = /[−-]?[\d,]+(?:\.\d+)?/.exec(text)?.[0] ?? '';
  const plain = digits.replaceAll(',', '').replace('−', '-');
  const decimals = plain.split('.')[1]?.length ?? 0;
  const percent = text.includes('%') ? 100 : 1;
  return { value: Number(plain) / percent, slack: (0.5 * 10 ** -decimals) / percent };
}

/** Holds what is shown against the engine's number, which single precision may have moved a little. */
function assertShows(text: string, number: number, what: string): void {
  const { value, slack } = reading(text);
  const distance = Math.abs(value - number);
  assert.ok(distance <= slack + 1e-5 + 1e-5 * Math.abs(number), `${what}: ${text} is shown for ${number}`);
}

describeInWorkbench('numbers', open => {
  let panel: Panel;
  let file: string;
  let token: number;
  let report: CliReport;
  let whole: WholeInspection;

  const saved = (name: string): string => join(open().stage.folder, name);

  /** Saves through a view's export menu and the save dialog; what was written. */
  async function exported(view: string, item: string, name: string): Promise<string> {
    const workbench = open();
    await panel.chooseExport(view, item);
    await workbench.saveAs(saved(name));
    const kind = extname(name).slice(1).toUpperCase();
    await panel.frame.getByText(new RegExp(`^Saved .* as ${kind}\\.$`)).waitFor({ state: 'attached' });
    return readFileSync(saved(name), 'utf8');
  }

  it('inspects a document, here and on the command line', async () => {
    const workbench = open();
    workbench.replaceSettings(SETTINGS);
    file = workbench.write(NAME, HARBOUR);
    await workbench.openFile(NAME);
    await workbench.command('Longsight: Inspect Document');
    await workbench.inspected('recurrent-memory in shadow');
    panel = new Panel(workbench);
    await panel.open();
    await workbench.click('fishermen');
    await panel.open();
    await panel.view('overview').locator('[role="grid"]').focus();
    await workbench.press('Home', 'PageUp', 'ArrowDown', 'ArrowRight', 'ArrowRight', 'Enter');
    const lead = panel.view('row').locator('.lead');
    await lead.getByText(`layer ${LAYER}, head ${HEAD}`).waitFor();
    token = Number(/token (\d+)/.exec(await lead.innerText())?.[1]);
    assert.ok(token > 50, `token ${token}`);
    const row = ['--layer', String(LAYER), '--head', String(HEAD), '--token', String(token)];
    report = inspectByCli(file, [...CLI, ...row]);
  });

  it('shows the document’s and the row’s figures', async () => {
    const facts = new Map(
      await panel.frame
        .locator('.facts > div')
        .evaluateAll(cells =>
          cells.map(
            cell =>
              [
                cell.querySelector('dt')?.textContent ?? '',
                cell.querySelector('.value')?.textContent ?? '',
              ] as const,
          ),
        ),
    );
    const { row } = report;
    for (const [label, number] of [
      ['Tokens', report.tokens],
      ['Mean loss', report.loss],
      ['Span', row.span],
      ['Entropy, nats', row.entropy],
      ['Top-key mass', row.mass],
      ['Recall', row.against.recall],
      ['Output error', row.against.error],
      ['Dense span', row.against.span],
    ] as const) {
      assertShows(facts.get(label) ?? '', number, label);
    }
  });

  it('lists the row’s keys', async () => {
    await panel.view('row').locator('button.more').focus();
    await open().press('Enter');
    const lines = panel.view('row').locator('.keys tbody tr:visible');
    await lines.nth(report.row.keys.length - 1).waitFor();
    const cells = await lines.evaluateAll(rows =>
      rows.map(row => [...row.querySelectorAll('td')].map(cell => cell.textContent)),
    );
    assert.equal(cells.length, report.row.keys.length);
    report.row.keys.forEach(({ index, weight }, at) => {
      const [position = '', back = '', shown = ''] = cells[at] ?? [];
      assertShows(position, index, `position of key ${at}`);
      assertShows(back, token - index, `distance of key ${at}`);
      if (!shown.startsWith('<')) assertShows(shown, weight, `weight of key ${at}`);
    });
  });

  it('says them in the editor’s hover', async () => {
    const text = await open().hover('fishermen', new RegExp(`Token ${token} of ${report.tokens}`));
    const [best, second] = report.row.keys;
    assert.match(text, new RegExp(`Layer ${LAYER}, head ${HEAD}`));
    const weights = [...text.matchAll(/\t\s*(\d+(?:\.\d+)?) ?%/g)].map(match => match[0]);
    assert.ok(weights.length >= 2, text);
    assertShows(weights[0]!, best!.weight, 'the strongest key in the hover');
    assertShows(weights[1]!, second!.weight, 'the next key in the hover');
    await open().page.mouse.move(700, 850);
  });

  it('exports the whole inspection, and shows its figures in the grid’s hover', async () => {
    const workbench = open();
    await workbench.command('Longsight: Export Inspection as JSON');
    await workbench.saveAs(saved('whole.json'));
    await workbench.page
      .getByText(/^Saved .*whole\.json/)
      .first()
      .waitFor();
    whole = JSON.parse(readFileSync(saved('whole.json'), 'utf8')) as WholeInspection;
    const grid = await panel.see('overview');
    const canvas = grid.locator('[role="grid"] canvas');
    const box = await canvas.boundingBox();
    assert.ok(box !== null);
    for (const [across, down] of [
      [0.3, 0.4],
      [0.9, 0.9],
    ] as const) {
      await workbench.page.mouse.move(box.x + box.width * across, box.y + box.height * down);
      const tip = panel.frame.locator('.tip').filter({ hasText: /Recall/ });
      await tip.waitFor();
      const text = await tip.innerText();
      const [, layer, head] = /Layer (\d+), head (\d+)/.exec(text)?.map(Number) ?? [];
      const place = layer! * whole.overview.heads + head!;
      for (const [title, name] of [
        ['Span', 'span'],
        ['Entropy', 'entropy'],
        ['Recall', 'recall'],
      ] as const) {
        const shown = new RegExp(`${title}[^:]*: (.*)`).exec(text)?.[1] ?? '';
        assertShows(shown, whole.overview.stats[name]![place]!, `${title} of layer ${layer}, head ${head}`);
      }
    }
    await workbench.page.mouse.move(700, 850);
  });

  it('saves tables that read back as the engine’s numbers', async () => {
    const csv = await exported('ribbon', 'Numbers as CSV…', 'tokens.csv');
    const [heading = '', ...lines] = csv.trimEnd().split('\r\n');
    const columns = heading.split(',');
    assert.equal(lines.length, report.tokens);
    const stats = whole.heads.find(({ layer, head }) => layer === LAYER && head === HEAD)?.stats;
    for (const name of ['entropy', 'span', 'recall']) {
      const column = columns.indexOf(name);
      assert.deepEqual(
        lines.map(line => Number(line.split(',')[column])),
        stats?.[name]?.map(Number),
        name,
      );
    }
    const json = JSON.parse(await exported('row', 'Numbers as JSON…', 'row.json')) as RowFile;
    const keys = json.tables['top keys'];
    report.row.keys.forEach(({ index, weight }, at) => {
      assert.equal(keys.key[at], index);
      assert.ok(Math.abs(keys.weight[at]! - weight) < 1e-5);
    });
    assert.equal(json.about.variant.id, 'recurrent-memory');
  });

  it('saves drawings that open', async () => {
    const svg = await exported('row', 'Drawing as SVG…', 'row.svg');
    const title = await open().page.evaluate(text => {
      const parsed = new DOMParser().parseFromString(text, 'image/svg+xml');
      return parsed.querySelector('parsererror') === null
        ? (parsed.querySelector('title')?.textContent ?? '')
        : 'broken';
    }, svg);
    assert.match(title, new RegExp(`^Token ${token}, layer ${LAYER}, head ${HEAD} · ${NAME}`));
    await exported('overview', 'Drawing as PNG…', 'heads.png');
    assert.deepEqual(
      [...readFileSync(saved('heads.png')).subarray(0, 8)],
      [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a],
    );
  });

  it('writes a report that says the same', async () => {
    const workbench = open();
    await workbench.command('Longsight: Export HTML Report');
    await workbench.saveAs(saved('report.html'));
    await workbench.page
      .getByText(/^Saved .*report\.html/)
      .first()
      .waitFor();
    const html = readFileSync(saved('report.html'), 'utf8');
    assert.ok(html.includes(NAME));
    assert.doesNotMatch(html, /<script|https?:\/\/(?!www\.w3\.org)/);
    assert.ok(html.includes(`Token ${token} in layer ${LAYER}, head ${HEAD}`));
    const cells = await workbench.page.evaluate(
      ([text, head]) => {
        const rows = [...new DOMParser().parseFromString(text, 'text/html').querySelectorAll('tr')];
        const row = rows.find(each => each.cells[0]?.textContent === head);
        return row === undefined ? [] : [...row.cells].map(cell => cell.textContent);
      },
      [html, `L${LAYER} H${HEAD}`] as const,
    );
    const { heads, stats } = whole.overview;
    for (const [at, name] of ['entropy', 'span', 'sink', 'peak', 'recall', 'error'].entries())
      assertShows(cells[at + 1] ?? '', stats[name]![LAYER * heads + HEAD]!, `${name} in the report`);
  });
});
