/** What the suites inside the editor share. */

import { readdirSync, readFileSync } from 'node:fs';
import * as vscode from 'vscode';
import type { App } from '../../src/extension/commands';
import type { TestApi } from '../../src/extension/extension';
import type { Inspection } from '../../src/extension/inspection';

export const EXTENSION = 'longsight.longsight';

/** What does not come within so many milliseconds does not come, on a busy machine either. */
const PATIENCE = 60_000;

export function extension(): vscode.Extension<TestApi> {
  const found = vscode.extensions.getExtension<TestApi>(EXTENSION);
  if (found === undefined) throw new Error(`The extension ${EXTENSION} is not installed in this editor.`);
  return found;
}

export async function activate(): Promise<App> {
  return (await extension().activate()).app;
}

/**
 * Opens an unsaved document in an editor. VS Code names it like one that was closed, and fills it with that one's
 * text while its backup is still being thrown away; what was opened with another text stays behind.
 */
export async function open(content: string): Promise<vscode.TextEditor> {
  for (let attempt = 0; attempt < 10; attempt++) {
    const opened = vscode.workspace.openTextDocument({ content, language: 'plaintext' });
    const document = await within(opened, 'the document');
    const editor = await within(vscode.window.showTextDocument(document, { preview: false }), 'the editor');
    if (document.getText() === content) return editor;
  }
  throw new Error('VS Code opened every unsaved document with the text of another.');
}

/** Runs a command of ours. */
export function run(name: string, ...args: readonly unknown[]): Promise<unknown> {
  return within(vscode.commands.executeCommand(`longsight.${name}`, ...args), `the end of ${name}`);
}

/** Opens an unsaved document, inspects it by command, and answers its inspection. */
export async function inspected(
  app: App,
  content: string,
  limit = PATIENCE,
): Promise<{ readonly editor: vscode.TextEditor; readonly inspection: Inspection }> {
  const editor = await open(content);
  await within(vscode.commands.executeCommand('longsight.inspectDocument'), 'the inspection', limit);
  return { editor, inspection: inspectionOf(app, editor) };
}

/** Changes the document of an editor. */
export async function edit(
  editor: vscode.TextEditor,
  change: (builder: vscode.TextEditorEdit) => void,
): Promise<void> {
  if (!(await within(editor.edit(change), 'the edit'))) throw new Error('VS Code refused the edit.');
}

/** Selects other characters than before, and waits until VS Code has told everyone. */
export async function select(editor: vscode.TextEditor, from: number, to = from): Promise<void> {
  const { document } = editor;
  const selection = new vscode.Selection(document.positionAt(from), document.positionAt(to));
  let isTold = false;
  const listening = vscode.window.onDidChangeTextEditorSelection(({ textEditor, selections }) => {
    isTold ||= textEditor === editor && selections[0]?.isEqual(selection) === true;
  });
  try {
    editor.selection = selection;
    await until('the selection is told', () => isTold);
  } finally {
    listening.dispose();
  }
}

/** The inspection of an editor's document, which must exist. */
export function inspectionOf(app: App, { document }: vscode.TextEditor): Inspection {
  const { inspection, problem } = app.inspections.of(document.uri.toString());
  if (inspection === undefined)
    throw new Error(`There is no inspection: ${problem ?? 'nothing went wrong either'}`);
  return inspection;
}

export async function closeAll(): Promise<void> {
  const tabs = (): readonly vscode.Tab[] => vscode.window.tabGroups.all.flatMap(group => group.tabs);
  const end = Date.now() + PATIENCE;
  while (tabs().length > 0) {
    const labels = tabs().map(({ label }) => label);
    if (Date.now() > end) throw new Error(`Waited in vain until these were closed: ${labels.join(', ')}.`);
    const closed = vscode.commands.executeCommand('workbench.action.revertAndCloseActiveEditor');
    await within(closed, `the end of one of ${labels.join(', ')}`);
    const left = tabs();
    if (left.every(tab => !tab.isDirty)) await within(vscode.window.tabGroups.close(left), 'the end of all');
  }
}

export function pause(milliseconds: number): Promise<void> {
  return new Promise(resolve => setTimeout(resolve, milliseconds));
}

/** Waits until `holds`, for `limit` milliseconds at most. */
export async function until(what: string, holds: () => boolean, limit = PATIENCE): Promise<void> {
  const end = Date.now() + limit;
  while (!holds()) {
    if (Date.now() > end) throw new Error(`Waited ${String(limit)} ms in vain until ${what}.`);
    await pause(5);
  }
}

/** The answer of a promise that must come within `limit` milliseconds; `what` names it when it does not. */
export function within<T>(promise: PromiseLike<T>, what: string, limit = PATIENCE): Promise<T> {
  return new Promise((resolve, reject) => {
    const late = setTimeout(() => {
      reject(new Error(`Waited ${String(limit)} ms in vain for ${what}.`));
    }, limit);
    promise.then(
      answer => {
        clearTimeout(late);
        resolve(answer);
      },
      (error: unknown) => {
        clearTimeout(late);
        reject(error instanceof Error ? error : new Error(String(error)));
      },
    );
  });
}

/** Process ids of the engines that this extension host has started and that still live. Linux only. */
export function enginePids(): number[] {
  return readdirSync('/proc')
    .filter(name => /^\d+$/.test(name))
    .map(Number)
    .filter(pid => {
      try {
        const parent = /^PPid:\s*(\d+)/m.exec(readFileSync(`/proc/${String(pid)}/status`, 'utf8'))?.[1];
        const words = readFileSync(`/proc/${String(pid)}/cmdline`, 'utf8').split('\0');
        return Number(parent) === process.pid && words.some(word => word.endsWith('engine.js'));
      } catch {
        return false; // It ended while we looked.
      }
    });
}

export const PARAGRAPH =
  'The lighthouse keeper counted the ships each evening. When the fog came in, the keeper lit the lamp and ' +
  'waited for the ships to answer. None of the ships had ever failed to answer the lighthouse.\n\n';
