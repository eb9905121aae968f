/** Every view of the panel, filled by real inspections: its picture in every theme, and what axe-core says of it. */

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { Panel } from './panel';
import { describeInWorkbench } from './suite';
import type { Theme } from './workbench';
import { THEMES } from './workbench';

const NAME = 'guide.md';

const SECOND = 'vscode-dropdown[aria-label="Compare with"]';

/** Characters of the bundled example that are inspected: some 1,500 tokens. */
const LENGTH = 5200;

/** Widths of the window and of the side bar that holds the panel; the last is wide enough for two columns. */
const SIZES = {
  narrow: [900, 280],
  wide: [1600, 620],
  columns: [1600, 1140],
} as const;

type Size = keyof typeof SIZES;

interface Run {
  readonly settings: Readonly<Record<string, unknown>>;
  /** What the status bar says of it. */
  readonly says: string;
  readonly looks: readonly (readonly [Theme, Size])[];
}

const both = (theme: Theme): readonly (readonly [Theme, Size])[] => [
  [theme, 'narrow'],
  [theme, 'wide'],
];

const variant = (id: string, params: Readonly<Record<string, unknown>>, mode: string) => ({
  'longsight.variant': id,
  'longsight.variantParameters': params,
  'longsight.mode': mode,
});

const DENSE_LOOKS: readonly (readonly [Theme, Size])[] = [
  ['light', 'narrow'],
  ['dark', 'wide'],
];

const COMPARED_LOOKS: readonly (readonly [Theme, Size])[] = [
  ...both('light'),
  ...both('dark'),
  ...both('high-contrast'),
];

/** The first fills every view; each of the others fills some in another way. */
const RUNS: Readonly<Record<string, Run>> = {
  'recurrent-memory': {
    settings: variant('recurrent-memory', { segment: 128 }, 'shadow'),
    says: 'recurrent-memory in shadow',
    looks: [
      ...both('light'),
      ...both('dark'),
      ...both('high-contrast'),
      ...both('high-contrast-light'),
      ['dark', 'columns'],
    ],
  },
  'block-topk': {
    settings: variant('block-topk', { block: 32, keep: 4 }, 'shadow'),
    says: 'block-topk in shadow',
    looks: [['light', 'columns']],
  },
  lsh: {
    settings: variant('lsh', {}, 'shadow'),
    says: 'lsh in shadow',
    looks: [['dark', 'wide']],
  },
  'delta-state': {
    settings: variant('delta', {}, 'shadow'),
    says: 'delta in shadow',
    looks: [['light', 'narrow']],
  },
  'local-live': {
    settings: variant('local', { window: 64 }, 'live'),
    says: 'local ·',
    looks: [['light', 'wide']],
  },
};

describeInWorkbench('views', open => {
  let panel: Panel;

  async function look(run: string, theme: Theme, size: Size): Promise<void> {
    const workbench = open();
    await workbench.setTheme(theme);
    await panel.wears(theme);
    const [window, sideBar] = SIZES[size];
    await panel.showAll(window, sideBar);
    await panel.picture(`${run}-${theme}-${size}`);
    const overflow = await panel.overflow();
    assert.ok(overflow <= 0, `the panel is ${overflow} px wider than its view`);
    const violations = await panel.violations();
    assert.deepEqual(violations, [], violations.join('\n\n'));
  }

  it('has inspected an example', async () => {
    const workbench = open();
    const guide = readFileSync(join('examples', 'field-guide.md'), 'utf8');
    workbench.write(NAME, guide.slice(0, LENGTH));
    await workbench.openFile(NAME);
    for (let line = 0; line < 12; line++) await workbench.press('ArrowDown');
    await workbench.command('Longsight: Inspect Document');
    await workbench.inspected();
    panel = new Panel(workbench);
    await panel.open();
  });

  for (const [theme, size] of DENSE_LOOKS) {
    it(`shows dense attention in the ${theme} theme, ${size}`, () => look('dense', theme, size));
  }

  it('has swept a budget, and laid another variant beside the row', async () => {
    const workbench = open();
    await workbench.command('Longsight: Sweep a Budget');
    await workbench.choose('Sliding window');
    await workbench.choose('window');
    await workbench.answer(/Values of window to try/, '16, 64, 256');
    await workbench.answer(/share of a head/, '0.8');
    const comparison = panel.view('compare');
    await comparison.locator('[role="grid"], table').first().waitFor();
    await comparison.locator('.running').waitFor({ state: 'hidden' });
    await panel.frame.locator(SECOND).focus();
    await workbench.press('ArrowDown', 'ArrowDown', 'ArrowDown');
    await panel.view('row').locator('.second-variant .fields vscode-text-field').first().waitFor();
  });

  for (const [theme, size] of COMPARED_LOOKS) {
    it(`shows compared variants in the ${theme} theme, ${size}`, () => look('compared', theme, size));
  }

  it('takes the other variant away again', async () => {
    await panel.frame.locator(SECOND).focus();
    await open().press('Home');
    await panel.view('row').locator('.second-variant .fields').waitFor({ state: 'hidden' });
  });

  for (const [name, { settings, says, looks }] of Object.entries(RUNS)) {
    it(`has inspected it with ${name}`, async () => {
      const workbench = open();
      workbench.replaceSettings(settings);
      const id = String(settings['longsight.variant']);
      await panel.frame
        .locator(`vscode-dropdown[aria-label="Attention variant"][current-value="${id}"]`)
        .waitFor();
      await workbench.command('Longsight: Inspect Again');
      await workbench.inspected(says);
    });
    for (const [theme, size] of looks) {
      it(`shows ${name} in the ${theme} theme, ${size}`, () => look(name, theme, size));
    }
  }

  it('has no violation in its tables and menus', async () => {
    const workbench = open();
    await workbench.setTheme('dark');
    await panel.showAll(...SIZES.wide);
    for (const toggle of await panel.frame.locator('vscode-button[aria-label*="as a table"]:visible').all())
      await toggle.click();
    await panel.view('row').locator('vscode-button[aria-label^="Export"]').click();
    await panel.settled();
    await panel.picture('tables-dark-wide');
    for (const theme of Object.keys(THEMES) as Theme[]) {
      await workbench.setTheme(theme);
      await panel.wears(theme);
      const violations = await panel.violations();
      assert.deepEqual(violations, [], violations.join('\n\n'));
    }
  });
});
