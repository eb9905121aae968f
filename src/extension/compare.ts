/** Opens the table of one token in every head, rendered beside the text. */

import * as vscode from 'vscode';
import { Problem } from '../protocol/problem';
import { compareTable } from './compareTable';
import type { EngineClient } from './engineClient';
import type { Inspection } from './inspection';

const SCHEME = 'longsight-compare';

export class Comparisons implements vscode.TextDocumentContentProvider {
  private readonly engine: EngineClient;
  private readonly texts = new Map<string, string>();
  private readonly change = new vscode.EventEmitter<vscode.Uri>();
  private readonly subscriptions: readonly vscode.Disposable[];

  readonly onDidChange = this.change.event;

  constructor(engine: EngineClient) {
    this.engine = engine;
    this.subscriptions = [
      vscode.workspace.registerTextDocumentContentProvider(SCHEME, this),
      vscode.workspace.onDidCloseTextDocument(document => this.texts.delete(document.uri.toString())),
    ];
  }

  provideTextDocumentContent(uri: vscode.Uri): string {
    return (
      this.texts.get(uri.toString()) ?? 'This comparison is gone; run "Longsight: Compare Layers" again.'
    );
  }

  /** @throws {Problem} when no token is selected. */
  async open(inspection: Inspection): Promise<void> {
    const { id, summary, name } = inspection;
    const { token } = inspection.selection;
    if (token === undefined)
      throw new Problem('No token is selected; put the cursor on a token, then compare layers.');
    const requests = Array.from({ length: summary.layers * summary.heads }, (_, index) => ({
      id,
      layer: Math.floor(index / summary.heads),
      head: index % summary.heads,
      token,
      top: 1,
      profile: 0,
    }));
    const rows = await this.engine.rows(requests);
    const textOf = (key: number): string => inspection.textOf(key);
    await this.show(`${name} token ${token}`, compareTable({ name, summary, token, rows, textOf }));
  }

  /** Shows Markdown beside the text. */
  async show(name: string, text: string): Promise<void> {
    const uri = vscode.Uri.from({ scheme: SCHEME, path: `/${name}.md` });
    this.texts.set(uri.toString(), text);
    this.change.fire(uri);
    const document = await vscode.workspace.openTextDocument(uri);
    try {
      await vscode.commands.executeCommand('markdown.showPreviewToSide', uri);
    } catch {
      // The editor's Markdown preview can be turned off; the table reads well as text.
      await vscode.window.showTextDocument(document, {
        viewColumn: vscode.ViewColumn.Beside,
        preserveFocus: true,
      });
    }
  }

  dispose(): void {
    for (const subscription of this.subscriptions) subscription.dispose();
    this.change.dispose();
  }
}
