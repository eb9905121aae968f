/** Tokens as ranges of an editor. */

import * as vscode from 'vscode';
import type { Inspection } from './inspection';

/** The characters of a token; empty for one the tokeniser inserted. */
export function rangeOf(document: vscode.TextDocument, inspection: Inspection, token: number): vscode.Range {
  const [start, end] = inspection.rangeOf(token);
  return new vscode.Range(document.positionAt(start), document.positionAt(end));
}

export function editorsOf(document: string): readonly vscode.TextEditor[] {
  return vscode.window.visibleTextEditors.filter(editor => editor.document.uri.toString() === document);
}

export function openDocument(document: string): vscode.TextDocument | undefined {
  return vscode.workspace.textDocuments.find(open => open.uri.toString() === document);
}

/** Shows a token in an editor of its document, without moving the cursor. */
export async function revealToken(
  inspection: Inspection,
  token: number,
): Promise<vscode.TextEditor | undefined> {
  const document = openDocument(inspection.document);
  if (document === undefined) return undefined;
  const [shown] = editorsOf(inspection.document);
  const viewColumn = shown?.viewColumn ?? vscode.ViewColumn.Active;
  const editor = await vscode.window.showTextDocument(document, { viewColumn, preserveFocus: true });
  const range = rangeOf(document, inspection, token);
  editor.revealRange(range, vscode.TextEditorRevealType.InCenterIfOutsideViewport);
  return editor;
}
