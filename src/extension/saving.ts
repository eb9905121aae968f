/** Files that people ask for: where to, and writing them. */

import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import * as vscode from 'vscode';
import type { SavedFile } from '../protocol/panel';
import { Problem } from '../protocol/problem';
import { bytesOf, plainName } from './savedFile';

const KINDS = {
  png: 'PNG image',
  svg: 'SVG drawing',
  csv: 'Table (CSV)',
  json: 'JSON',
  html: 'Web page',
  md: 'Markdown',
} as const;

export type SavedKind = keyof typeof KINDS;

/** Writes a file that the panel has made. Says whether; false when the person thought better of it. */
export async function saveFile(file: SavedFile, document: string): Promise<boolean> {
  const bytes = bytesOf(file);
  const target = await chooseTarget(file.name, file.kind, document);
  if (target === undefined) return false;
  try {
    await vscode.workspace.fs.writeFile(target, bytes);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new Problem(`${target.fsPath} could not be written: ${why}`);
  }
  return true;
}

/** Asks where to write, beside the document at first; undefined when dismissed. */
export async function chooseTarget(
  name: string,
  kind: SavedKind,
  document: string,
): Promise<vscode.Uri | undefined> {
  return await vscode.window.showSaveDialog({
    defaultUri: vscode.Uri.file(join(folderOf(document), `${plainName(name)}.${kind}`)),
    filters: { [KINDS[kind]]: [kind] },
    saveLabel: 'Save',
  });
}

function folderOf(document: string): string {
  const uri = vscode.Uri.parse(document);
  if (uri.scheme === 'file') return dirname(uri.fsPath);
  return (
    vscode.workspace.workspaceFolders?.find(({ uri: { scheme } }) => scheme === 'file')?.uri.fsPath ??
    homedir()
  );
}
