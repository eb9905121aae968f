/** The token under the cursor becomes the selected one, unless a token is pinned. */

import * as vscode from 'vscode';
import type { Inspection } from './inspection';
import type { Inspections } from './inspections';
import { editorsOf } from './ranges';
import type { SettingsStore } from './settings';

export function followCursor(inspections: Inspections, settings: SettingsStore): vscode.Disposable {
  const follow = (editor: vscode.TextEditor | undefined): void => {
    if (editor === undefined || !settings.values.followCursor) return;
    const document = editor.document.uri.toString();
    const { inspection } = inspections.of(document);
    if (inspection === undefined || inspection.selection.pinned) return;
    const token = inspection.tokenNear(editor.document.offsetAt(editor.selection.active));
    if (token !== undefined) inspections.select(document, { ...inspection.selection, token });
  };
  const pinned = new WeakSet<Inspection>();
  const unpinned = inspections.changed.on(() => {
    const { inspection } = inspections.current;
    if (inspection === undefined) return;
    if (inspection.selection.pinned) pinned.add(inspection);
    else if (pinned.delete(inspection)) follow(editorsOf(inspection.document)[0]);
  });
  return vscode.Disposable.from(
    unpinned,
    vscode.window.onDidChangeTextEditorSelection(event => follow(event.textEditor)),
    vscode.window.onDidChangeActiveTextEditor(follow),
  );
}
