import assert from 'node:assert/strict';
import * as vscode from 'vscode';
import type { App } from '../../src/extension/commands';
import { PanelHost } from '../../src/extension/panelHost';
import { activate, closeAll, edit, inspected, PARAGRAPH, run } from './support';

/** Answers for a person: picks by label or description, and texts typed. */
function answering(
  picks: readonly string[][],
  typed: readonly string[],
  act: () => Thenable<unknown>,
): Thenable<unknown> {
  const { showQuickPick, showInputBox } = vscode.window;
  const window = vscode.window as { showQuickPick: unknown; showInputBox: unknown };
  const toPick = [...picks];
  const toType = [...typed];
  window.showQuickPick = (
    items: readonly vscode.QuickPickItem[],
    options: { readonly canPickMany?: boolean },
  ) => {
    const wanted = toPick.shift() ?? [];
    const found = items.filter(
      ({ label, description }) => wanted.includes(label) || wanted.includes(description ?? ''),
    );
    return Promise.resolve(options.canPickMany ? found : found[0]);
  };
  window.showInputBox = () => Promise.resolve(toType.shift());
  return act().then(
    () => Object.assign(window, { showQuickPick, showInputBox }),
    (error: unknown) => {
      Object.assign(window, { showQuickPick, showInputBox });
      throw error;
    },
  );
}

describe('comparing variants', () => {
  let app: App;
  let host: PanelHost;

  before(async () => {
    app = await activate();
    host = new PanelHost(app, app.runs, app.results);
  });

  afterEach(async () => {
    await closeAll();
    await run('clear');
  });

  it('shows in the panel, goes with another variant, and is gone with another text', async () => {
    const { editor, inspection } = await inspected(app, PARAGRAPH);
    assert.equal(await host.comparison(), undefined);
    await answering([['local', 'topk']], [], () => run('compareVariants'));
    const { key, problem } = host.snapshot().comparison;
    assert.ok(key !== undefined, problem);
    const comparison = (await host.comparison())!;
    assert.deepEqual(
      comparison.candidates.map(({ variant }) => variant.id),
      ['local', 'topk'],
    );
    for (const { recall, live, hurt } of comparison.candidates) {
      assert.equal(recall.length, comparison.layers * comparison.heads);
      assert.ok(live?.loss !== undefined);
      assert.ok(hurt.every(({ token }) => inspection.has(token)));
    }
    await host.setVariant({ id: 'topk', params: { k: 8 } }, app.choices.schedule);
    assert.equal(host.snapshot().comparison.key, key);
    await host.setVariant({ id: 'native', params: {} }, app.choices.schedule);
    await edit(editor, builder => builder.insert(new vscode.Position(0, 0), 'Once. '));
    await run('inspectAgain');
    assert.equal(host.snapshot().comparison.key, undefined);
  });

  it('sweeps a budget', async () => {
    await inspected(app, PARAGRAPH);
    await answering([['local'], ['window']], ['4, 16', '0.9'], () => run('sweepVariant'));
    const { sweep, layers, heads } = (await host.comparison())!;
    assert.deepEqual(sweep?.values, [4, 16]);
    assert.equal(sweep.budgets.length, layers * heads);
  });

  it('lays a second variant over the run, and says what cannot be', async () => {
    const { inspection } = await inspected(app, PARAGRAPH);
    const token = inspection.summary.tokens - 1;
    const ref = { layer: 0, head: 0, token };
    const [own] = await host.rows([ref], 16);
    const [second] = await host.rows([{ ...ref, variant: { id: 'local', params: { window: 4 } } }], 16);
    assert.equal(second!.admitted, 4);
    assert.ok(second!.beside!.kept < 1);
    assert.ok(own!.admitted > 4);
    await assert.rejects(
      host.rows([{ ...ref, variant: { id: 'local', params: { window: 0 } } }], 16),
      /"window" of the variant local must be a whole number/,
    );
  });
});
