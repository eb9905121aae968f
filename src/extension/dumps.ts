/** Tensor dumps as documents: what they were made of, read-only, with the dump itself as the model. */

import * as vscode from 'vscode';
import type { EngineClient } from './engineClient';

const SCHEME = 'longsight-dump';
const ENDING = '.txt';

export function showDumps(engine: EngineClient): vscode.Disposable {
  return vscode.workspace.registerTextDocumentContentProvider(SCHEME, {
    provideTextDocumentContent: uri => engine.dumpText(dumpOf(uri)!),
  });
}

/** The file behind a dump's document; undefined for other documents. */
export function dumpOf({ scheme, path }: vscode.Uri): string | undefined {
  if (scheme !== SCHEME) return undefined;
  return vscode.Uri.file(path.slice(0, -ENDING.length)).fsPath;
}

/** A dump's document, shown. Asks for the file where none is given. */
export async function openDump(
  engine: EngineClient,
  given: vscode.Uri | undefined,
): Promise<vscode.TextDocument | undefined> {
  const file = given ?? (await browse());
  if (file === undefined) return undefined;
  // What is wrong with the file is told here as a sentence; a provider that fails shows an empty page.
  await engine.dumpText(file.fsPath);
  const uri = vscode.Uri.from({ scheme: SCHEME, path: `${file.path}${ENDING}` });
  const document = await vscode.workspace.openTextDocument(uri);
  await vscode.window.showTextDocument(document, { preview: false });
  return document;
}

async function browse(): Promise<vscode.Uri | undefined> {
  const files = await vscode.window.showOpenDialog({
    canSelectFolders: false,
    filters: { 'Tensor dumps': ['safetensors'] },
    openLabel: 'Inspect This Dump',
    title: 'A tensor dump: layers.0.q, layers.0.k, layers.0.v and so on',
  });
  return files?.[0];
}
