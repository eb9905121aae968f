/** Tensor dumps as documents: what they were made of, read-only, with the dump itself as the model. */

import * as vscode from 'vscode';
import type { EngineClient } from './engineClient';

const SCHEME = 'longsight-dump';
const ENDING = '.txt';

/** As files of a read-only file system, whose tabs the editor brings back after a reload of the window. */
export function showDumps(engine: EngineClient): vscode.Disposable {
  return vscode.workspace.registerFileSystemProvider(SCHEME, new DumpTexts(engine), { isReadonly: true });
}

class DumpTexts implements vscode.FileSystemProvider {
  readonly onDidChangeFile = new vscode.EventEmitter<vscode.FileChangeEvent[]>().event;
  private readonly engine: EngineClient;

  constructor(engine: EngineClient) {
    this.engine = engine;
  }

  async stat(uri: vscode.Uri): Promise<vscode.FileStat> {
    const { ctime, mtime } = await vscode.workspace.fs.stat(dumpFile(uri));
    const { length } = await this.readFile(uri);
    return { type: vscode.FileType.File, ctime, mtime, size: length };
  }

  async readFile(uri: vscode.Uri): Promise<Uint8Array> {
    return Buffer.from(await this.engine.dumpText(dumpFile(uri).fsPath), 'utf8');
  }

  watch(): vscode.Disposable {
    return new vscode.Disposable(() => undefined);
  }

  readDirectory(): [string, vscode.FileType][] {
    return [];
  }

  createDirectory(uri: vscode.Uri): never {
    throw vscode.FileSystemError.NoPermissions(uri);
  }

  writeFile(uri: vscode.Uri): never {
    throw vscode.FileSystemError.NoPermissions(uri);
  }

  delete(uri: vscode.Uri): never {
    throw vscode.FileSystemError.NoPermissions(uri);
  }

  rename(uri: vscode.Uri): never {
    throw vscode.FileSystemError.NoPermissions(uri);
  }
}

/** The editor and other extensions ask for what may lie beside a document, too. */
function dumpFile(uri: vscode.Uri): vscode.Uri {
  const path = uri.path.endsWith(ENDING) ? dumpOf(uri) : undefined;
  if (path === undefined) throw vscode.FileSystemError.FileNotFound(uri);
  return vscode.Uri.file(path);
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
