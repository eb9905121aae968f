/** Where the editor starts and stops Longsight: makes the parts and ties them together. */

import * as vscode from 'vscode';
import { Choices } from './choices';
import { ChosenHeads } from './chosenHeads';
import { registerCommands, type App } from './commands';
import { Comparisons } from './compare';
import { CompareResults } from './compareResults';
import { keepContextKeys } from './contextKeys';
import { followCursor } from './cursor';
import { Decorations } from './decorations';
import { showDumps } from './dumps';
import { EngineClient } from './engineClient';
import { registerHovers } from './hovers';
import { Inspections } from './inspections';
import { followLog } from './log';
import { notify } from './notifications';
import { Panel } from './panel';
import { PanelHost } from './panelHost';
import { showProgress } from './progressNotice';
import { Runs, type RunParts } from './runs';
import { SettingsStore } from './settings';
import { showStatus } from './statusBar';

/** A file that is opened and inspected at once; `npm start` sets it. */
const INSPECT_ON_OPEN = 'LONGSIGHT_INSPECT_ON_OPEN';

/** What the tests inside the editor look at; not for other extensions. */
export interface TestApi {
  readonly app: App;
  readonly decorations: Decorations;
}

let engine: EngineClient | undefined;

export function activate(context: vscode.ExtensionContext): TestApi {
  const log = vscode.window.createOutputChannel('Longsight', { log: true });
  engine = new EngineClient({
    entry: context.asAbsolutePath('dist/engine.js'),
    storage: context.globalStorageUri.fsPath,
  });
  const settings = new SettingsStore();
  const choices = new Choices(context, settings);
  const inspections = new Inspections(engine);
  const heads = new ChosenHeads(context.workspaceState, inspections);
  const parts: RunParts = { engine, settings, choices, inspections, heads, log };
  const runs = new Runs(parts);
  const results = new CompareResults(engine, inspections, (title, id) =>
    showProgress(title, id, parts.engine),
  );
  const panel = new Panel(context.extensionUri, new PanelHost(parts, runs, results), log, {
    ...parts,
    results,
  });
  const decorations = new Decorations(engine, inspections, settings, log);
  const comparisons = new Comparisons(engine);
  const example = vscode.Uri.joinPath(context.extensionUri, 'examples', 'field-guide.md');
  const app: App = { ...parts, runs, panel, comparisons, results, example };
  context.subscriptions.push(
    log,
    followLog(engine, log),
    settings,
    choices,
    inspections,
    heads,
    panel,
    comparisons,
    results,
    decorations,
    followCursor(inspections, settings),
    registerHovers(engine, inspections),
    showDumps(engine),
    showStatus(inspections),
    keepContextKeys(inspections),
    registerCommands(app),
  );
  void inspectOnOpen(app);
  return { app, decorations };
}

export async function deactivate(): Promise<void> {
  await engine?.dispose();
}

async function inspectOnOpen(app: App): Promise<void> {
  const path = process.env[INSPECT_ON_OPEN];
  if (path === undefined || path === '') return;
  try {
    const document = await vscode.workspace.openTextDocument(vscode.Uri.file(path));
    await vscode.window.showTextDocument(document, { preview: false });
    await app.runs.inspect(document);
  } catch (error) {
    notify(error, app.log);
  }
}
