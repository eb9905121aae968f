import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as vscode from 'vscode';
import { writeSafetensors } from '../../src/engine/model/safetensors';
import type { App } from '../../src/extension/commands';
import {
  activate,
  closeAll,
  edit,
  extension,
  inspected,
  inspectionOf,
  open,
  PARAGRAPH,
  run,
  select,
  until,
  within,
} from './support';

interface Manifest {
  readonly contributes: { readonly commands: readonly { readonly command: string }[] };
}

async function hoverAt(document: vscode.TextDocument, offset: number): Promise<string> {
  const asked = vscode.commands.executeCommand<vscode.Hover[]>(
    'vscode.executeHoverProvider',
    document.uri,
    document.positionAt(offset),
  );
  const hovers = await within(asked, 'the hover');
  return hovers
    .flatMap(({ contents }) => contents.map(content => (content as vscode.MarkdownString).value))
    .join('\n');
}

describe('inspecting a document', () => {
  let app: App;

  before(async () => {
    app = await activate();
  });

  afterEach(async () => {
    await closeAll();
    await run('clear');
  });

  it('has every command that package.json declares, and declares every command that people see', async () => {
    const hidden = ['pinTokenAt', 'revealInPanel', 'quickActions'];
    const registered = (await vscode.commands.getCommands(true))
      .filter(name => /^longsight\.[a-zA-Z]+$/.test(name))
      .filter(name => !hidden.includes(name.slice('longsight.'.length)));
    const manifest = extension().packageJSON as Manifest;
    const declared = manifest.contributes.commands.map(({ command }) => command);
    assert.deepEqual(registered.toSorted(), declared.toSorted());
  });

  it('finds tokens that cover the document and rows that are distributions', async () => {
    const { editor, inspection } = await inspected(app, PARAGRAPH);
    const { document } = editor;
    assert.ok(inspection.done);
    assert.equal(inspection.summary.tokens, inspection.tokens.ids.length);
    const text = Array.from(inspection.tokens.ids, (_, token) => inspection.textOf(token)).join('');
    assert.equal(text, document.getText());
    const token = inspection.summary.tokens - 1;
    const head = { layer: 0, head: 0 };
    const [row] = await app.engine.rows([{ id: inspection.id, ...head, token, top: 10_000, profile: 0 }]);
    const mass = row!.keys.reduce((sum, key) => sum + key.weight, 0);
    assert.ok(Math.abs(mass - 1) < 1e-3, `the weights sum to ${String(mass)}`);
    assert.equal(inspection.losses?.length, inspection.summary.tokens);
  });

  it('follows the cursor, stays where it is pinned, and follows again', async () => {
    const { editor, inspection } = await inspected(app, PARAGRAPH);
    const [first, second] = [inspection.tokenNear(40)!, inspection.tokenNear(90)!];
    assert.notEqual(second, first);
    await select(editor, 40);
    await until('the token at 40 is selected', () => inspection.selection.token === first);
    await run('pinToken');
    assert.equal(inspection.selection.pinned, true);
    await select(editor, 90);
    assert.equal(inspection.selection.token, first);
    await run('unpinToken');
    await until('the token at 90 is selected', () => inspection.selection.token === second);
  });

  it('steps through layers and heads and wraps around', async () => {
    const { inspection } = await inspected(app, PARAGRAPH);
    const { layers, heads } = inspection.summary;
    const { layer, head } = inspection.selection;
    await run('nextLayer');
    assert.equal(inspection.selection.layer, (layer + 1) % layers);
    for (let step = 1; step < layers; step++) await run('nextLayer');
    assert.equal(inspection.selection.layer, layer);
    await run('previousHead');
    assert.equal(inspection.selection.head, (head + heads - 1) % heads);
  });

  it('explains a token in a hover, and nothing in a document without inspection', async () => {
    const { editor, inspection } = await inspected(app, PARAGRAPH);
    const token = inspection.tokenOver(60)!;
    const detail = await app.engine.tokenDetail(inspection.id, token);
    const text = await hoverAt(editor.document, 60);
    assert.match(
      text,
      new RegExp(`\\*\\*Token ${String(token)}\\*\\* of ${String(inspection.summary.tokens)}`),
    );
    assert.ok(text.includes(`id ${String(detail.id)}`), text);
    assert.ok(text.includes(`Loss ${detail.loss!.toFixed(2)} nats`), text);
    assert.match(text, /\| attended \| token \| back \| weight \|/);
    assert.match(text, /command:longsight\.pinTokenAt/);
    const other = await open(PARAGRAPH);
    assert.equal(await hoverAt(other.document, 60), '');
  });

  it('keeps what lies before an edit and says that the rest is stale, until it is inspected again', async () => {
    const { editor, inspection } = await inspected(app, PARAGRAPH);
    assert.equal(inspection.staleFrom, undefined);
    await edit(editor, builder => builder.insert(editor.document.positionAt(60), 'very '));
    const stale = inspection.staleFrom!;
    assert.ok(inspection.tokens.ends[stale - 1]! < 60 && inspection.tokens.ends[stale]! >= 60);
    await vscode.commands.executeCommand('undo');
    await until('an undo brings the inspected text back', () => inspection.staleFrom === undefined);
    await vscode.commands.executeCommand('redo');
    await until('a redo takes it away', () => inspection.staleFrom === stale);
    assert.ok(!(await hoverAt(editor.document, 10)).includes('Inspect again'));
    assert.ok((await hoverAt(editor.document, 90)).includes('Inspect again'));
    await run('inspectAgain');
    const next = inspectionOf(app, editor);
    assert.notEqual(next, inspection);
    assert.equal(next.staleFrom, undefined);
    assert.ok(next.text.includes('very '));
    assert.equal(next.summary.kept, stale - 1, 'what lies before the edit is not computed again');
  });

  it('inspects a selection in place', async () => {
    const editor = await open(PARAGRAPH);
    await select(editor, 54, 120);
    await run('inspectSelection');
    const inspection = inspectionOf(app, editor);
    assert.equal(inspection.text, editor.document.getText().slice(54, 120));
    const token = inspection.tokenOver(54)!;
    assert.equal(inspection.rangeOf(token)[0], 54);
    assert.equal(inspection.tokenOver(20), undefined);
    assert.equal(inspection.tokenOver(130), undefined);
    await edit(editor, builder => builder.insert(new vscode.Position(0, 0), 'Once. '));
    assert.equal(inspection.staleFrom, undefined);
    assert.equal(inspection.rangeOf(token)[0], 60);
  });

  it('keeps character offsets right beside emoji and line ends of Windows', async () => {
    const content = 'A 👩‍🚀 flew.\r\nΓειά σου 🌍!\r\nThe end 🎉';
    const folder = mkdtempSync(join(tmpdir(), 'longsight-'));
    try {
      const file = join(folder, 'windows.txt');
      writeFileSync(file, content);
      const shown = vscode.window.showTextDocument(vscode.Uri.file(file), { preview: false });
      const editor = await within(shown, 'the editor');
      await run('inspectDocument');
      const inspection = inspectionOf(app, editor);
      const at = editor.document.getText().indexOf('end');
      const [start, end] = inspection.rangeOf(inspection.tokenOver(at)!);
      assert.ok(start <= at && at < end);
      assert.ok('The end 🎉'.includes(editor.document.getText().slice(start, end).trim()));

      // Other line ends move every character behind the first of them.
      await edit(editor, builder => builder.setEndOfLine(vscode.EndOfLine.LF));
      const second = inspection.tokenOver(content.indexOf('σου'))!;
      await until('the second line is stale', () => inspection.isStale(second));
    } finally {
      await closeAll();
      rmSync(folder, { recursive: true });
    }
  });

  it('compares layers in a table with one line a head', async () => {
    const { inspection } = await inspected(app, PARAGRAPH);
    await run('pinToken');
    await run('compareLayers');
    const table = vscode.workspace.textDocuments.find(({ uri }) => uri.scheme === 'longsight-compare')!;
    const lines = table
      .getText()
      .split('\n')
      .filter(line => /^\| +\d/.test(line));
    assert.equal(lines.length, inspection.summary.layers * inspection.summary.heads);
  });

  it('changes what attention sees with the variant', async () => {
    const { editor, inspection } = await inspected(app, PARAGRAPH.repeat(2));
    const token = inspection.summary.tokens - 1;
    const admitted = async (id: string): Promise<number> => {
      const [row] = await app.engine.rows([{ id, layer: 0, head: 0, token, top: 1, profile: 0 }]);
      return row!.admitted;
    };
    assert.equal(await admitted(inspection.id), token + 1);
    await app.choices.setVariant({ id: 'local', params: { window: 4 } });
    try {
      await run('inspectAgain');
      const local = inspectionOf(app, editor);
      assert.equal(local.summary.variant.id, 'local');
      assert.ok((await admitted(local.id)) < token + 1);
    } finally {
      await app.choices.setVariant({ id: 'dense', params: {} });
    }
  });

  it('lays a variant beside the model in shadow, in the layers that are chosen', async () => {
    const before = app.choices.schedule;
    const { editor, inspection } = await inspected(app, PARAGRAPH);
    await app.choices.setVariant({ id: 'local', params: { window: 4 } });
    await app.choices.setSchedule({ mode: 'shadow', layers: '1-2', others: [] });
    await run('inspectAgain');
    const shadow = inspectionOf(app, editor);
    assert.equal(shadow.summary.loss!.toFixed(4), inspection.summary.loss!.toFixed(4));
    assert.deepEqual(
      shadow.summary.layerVariants.map(({ id }) => id),
      ['dense', 'local', 'local', 'dense'],
    );
    app.inspections.select(shadow.document, { ...shadow.selection, layer: 1, head: 0 });
    const hovers = await hoverAt(editor.document, 120);
    assert.match(hovers, /against dense: recall [\d.]+ %, output error [\d.]+ %/);
    await app.choices.setSchedule({ mode: 'shadow', layers: '7', others: [] });
    await run('inspectAgain');
    assert.match(app.inspections.of(shadow.document).problem ?? '', /numbers and ranges from 0 to 3/);
    await app.choices.setVariant({ id: 'native', params: {} });
    await app.choices.setSchedule(before);
  });

  it('opens a tensor dump as a document with its own tokens', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'longsight-dump-'));
    const file = join(folder, 'run.safetensors');
    const words = ['The ', 'long ', 'sight ', 'sees ', 'far.'];
    const tensor = (seed: number) => ({
      dtype: 'F32' as const,
      shape: [2, words.length, 4],
      data: Float32Array.from({ length: 2 * words.length * 4 }, (_, at) => Math.sin(at * seed)),
    });
    await writeSafetensors(
      file,
      { q: tensor(1), k: tensor(2), v: tensor(3) },
      { tokens: JSON.stringify(words), name: 'a run' },
    );
    await run('openDump', vscode.Uri.file(file));
    const editor = vscode.window.activeTextEditor!;
    assert.equal(editor.document.getText(), words.join(''));
    const inspection = inspectionOf(app, editor);
    assert.equal(inspection.summary.model.name, 'a run');
    assert.equal(inspection.textOf(2), 'sight ');
    const [row] = await app.engine.rows([
      { id: inspection.id, layer: 0, head: 1, token: 4, top: 9, profile: 0 },
    ]);
    assert.equal(row!.admitted, 5);
    rmSync(folder, { recursive: true });
  });

  it('closes the least recently used inspection beyond four', async () => {
    const editors: vscode.TextEditor[] = [];
    for (let index = 0; index < 5; index++)
      editors.push((await inspected(app, `Document ${String(index)} is short.`)).editor);
    const open = editors.map(
      ({ document }) => app.inspections.of(document.uri.toString()).inspection !== undefined,
    );
    assert.deepEqual(open, [false, true, true, true, true]);
  });

  it('opens the panel as a view and beside the text', async () => {
    await inspected(app, PARAGRAPH);
    await run('showPanel');
    await run('openPanelBeside');
    const isPanel = ({ input, label }: vscode.Tab): boolean =>
      input instanceof vscode.TabInputWebview && label === 'Longsight';
    await until('the panel has a tab', () =>
      vscode.window.tabGroups.all.some(group => group.tabs.some(isPanel)),
    );
  });
});
