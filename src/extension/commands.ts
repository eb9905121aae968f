/** Every command of the extension, one row a command; package.json names those that people see. */

import * as vscode from 'vscode';
import { Problem } from '../protocol/problem';
import type { Comparisons } from './compare';
import { cancelComparison, compareVariants, exportComparison, sweepVariant } from './compareCommands';
import type { CompareResults } from './compareResults';
import { exportInspection } from './exports';
import { openDump } from './dumps';
import type { Inspection } from './inspection';
import { notify, Remediable } from './notifications';
import type { Panel } from './panel';
import { pickModel } from './modelPicker';
import { pickAction, pickHead, pickSchedule, pickVariant } from './pickers';
import { quickActions } from './quickActions';
import { openDocument, revealToken } from './ranges';
import type { RunParts, Runs } from './runs';

/** What commands work with. */
export interface App extends RunParts {
  readonly runs: Runs;
  readonly panel: Panel;
  readonly comparisons: Comparisons;
  readonly results: CompareResults;
  /** The bundled long document. */
  readonly example: vscode.Uri;
}

type Command = (app: App, ...args: readonly unknown[]) => unknown;

/** A command without an entry here does not exist; `commands.test.ts` holds package.json against it. */
export const COMMANDS: Readonly<Record<string, Command>> = {
  inspectDocument: app => app.runs.inspect(textEditor(app).document),
  inspectSelection,
  inspectAgain,
  chooseModel,
  chooseVariant,
  chooseSchedule,
  chooseLayerAndHead,
  nextLayer: app => step(app, 'layer', 1),
  previousLayer: app => step(app, 'layer', -1),
  nextHead: app => step(app, 'head', 1),
  previousHead: app => step(app, 'head', -1),
  pinToken,
  pinTokenAt,
  unpinToken: app => setPin(app, current(app), undefined),
  revealInPanel,
  exportInspection: app => exportInspection(app.engine, current(app), 'json'),
  exportReport: app => exportInspection(app.engine, current(app), 'html'),
  compareLayers: app => app.comparisons.open(current(app)),
  compareVariants: app => compareVariants(app, current(app)),
  sweepVariant: app => sweepVariant(app, current(app)),
  cancelComparison: app => cancelComparison(app, current(app)),
  exportComparison: app => exportComparison(app, current(app)),
  cancel: app =>
    app.inspections.currentDocument !== undefined && app.runs.cancel(app.inspections.currentDocument),
  clear: app => app.inspections.currentDocument !== undefined && clear(app, app.inspections.currentDocument),
  restartEngine,
  showLog: app => app.log.show(true),
  showPanel: app => app.panel.show(),
  openPanelBeside: app => app.panel.openBeside(),
  openDump: inspectDump,
  openExample,
  openSettings: () =>
    vscode.commands.executeCommand('workbench.action.openSettings', '@ext:longsight.longsight'),
  quickActions: async app => {
    const chosen = await pickAction(quickActions(app.inspections.current), 'What to do');
    if (chosen !== undefined) await vscode.commands.executeCommand(`longsight.${chosen}`);
  },
};

/** Registers the table; what a command throws becomes a notification. */
export function registerCommands(app: App): vscode.Disposable {
  return vscode.Disposable.from(
    ...Object.entries(COMMANDS).map(([name, command]) =>
      vscode.commands.registerCommand(`longsight.${name}`, async (...args: readonly unknown[]) => {
        try {
          await command(app, ...args);
        } catch (error) {
          notify(error, app.log);
        }
      }),
    ),
  );
}

/** The one with the focus; while the panel beside has it, the one that the panel is about. */
function textEditor({ inspections }: App): vscode.TextEditor {
  const editor =
    vscode.window.activeTextEditor ??
    vscode.window.visibleTextEditors.find(
      ({ document }) => document.uri.toString() === inspections.currentDocument,
    );
  if (editor !== undefined) return editor;
  throw new Remediable(new Problem('No text editor is active; open a document and inspect it.'), [
    'openExample',
  ]);
}

function current(app: App): Inspection {
  const { inspection } = app.inspections.current;
  if (inspection !== undefined) return inspection;
  throw new Problem('This document has no inspection yet; run "Longsight: Inspect Document" first.');
}

async function inspectSelection(app: App): Promise<void> {
  const { document, selection } = textEditor(app);
  if (selection.isEmpty)
    throw new Problem('Nothing is selected; select some text, or inspect the whole document.');
  await app.runs.inspect(document, new vscode.Range(selection.start, selection.end));
}

/** Runs the inspection of a document once more; of the current one without an argument. */
async function inspectAgain(app: App, key: unknown = app.inspections.currentDocument): Promise<void> {
  const document = typeof key === 'string' ? openDocument(key) : undefined;
  if (document === undefined) {
    await app.runs.inspect(textEditor(app).document);
    return;
  }
  const before = app.inspections.of(document.uri.toString()).inspection;
  const range = before?.range;
  await app.runs.inspect(
    document,
    range === undefined
      ? undefined
      : new vscode.Range(document.positionAt(range[0]), document.positionAt(range[1])),
  );
}

async function chooseModel(app: App): Promise<void> {
  const directory = await pickModel(app.choices);
  if (directory === undefined) return;
  try {
    await app.engine.describeModel(directory);
  } catch (error) {
    throw new Remediable(error, ['chooseModel', 'showLog']);
  }
  await app.choices.setModel(directory);
  await refresh(app);
}

async function chooseVariant(app: App): Promise<void> {
  const choice = await pickVariant(await app.runs.loadVariants(), app.choices.variant);
  if (choice === undefined) return;
  await app.choices.setVariant(choice);
  await refresh(app);
}

async function chooseSchedule(app: App): Promise<void> {
  const schedule = await pickSchedule(app.choices.schedule);
  if (schedule === undefined) return;
  await app.choices.setSchedule(schedule);
  await refresh(app);
}

/** A new model or variant shows at once where something was already shown. */
async function refresh(app: App): Promise<void> {
  const { inspection, running } = app.inspections.current;
  if (inspection !== undefined || running !== undefined) await inspectAgain(app);
}

async function chooseLayerAndHead(app: App): Promise<void> {
  const inspection = current(app);
  const head = await pickHead(inspection);
  if (head !== undefined) app.inspections.select(inspection.document, { ...inspection.selection, ...head });
}

function step(app: App, part: 'layer' | 'head', by: number): void {
  const inspection = current(app);
  const selection = inspection.stepped(part, by);
  app.inspections.select(inspection.document, selection);
  vscode.window.setStatusBarMessage(`Longsight: layer ${selection.layer}, head ${selection.head}`, 2000);
}

function pinToken(app: App): void {
  const inspection = current(app);
  const { token } = inspection.selection;
  if (token === undefined) throw new Problem('No token is selected; put the cursor on a token, then pin it.');
  setPin(app, inspection, token);
}

/** From a hover: the document and the token. */
function pinTokenAt(app: App, document: unknown, token: unknown): void {
  setPin(app, named(app, document), asToken(token));
}

async function revealInPanel(app: App, document: unknown, token: unknown): Promise<void> {
  const inspection = named(app, document);
  const index = asToken(token);
  setPin(app, inspection, index);
  await app.panel.show();
  await revealToken(inspection, index);
}

function setPin(app: App, inspection: Inspection, token: number | undefined): void {
  const selection = { ...inspection.selection, pinned: token !== undefined };
  app.inspections.select(inspection.document, token === undefined ? selection : { ...selection, token });
}

function named(app: App, document: unknown): Inspection {
  const inspection = typeof document === 'string' ? app.inspections.of(document).inspection : undefined;
  if (inspection === undefined) throw new Problem('That inspection is closed; inspect the document again.');
  return inspection;
}

function asToken(token: unknown): number {
  if (typeof token === 'number' && Number.isInteger(token)) return token;
  throw new Problem(`A token index was expected; found ${JSON.stringify(token)}.`);
}

async function clear(app: App, document: string): Promise<void> {
  await app.runs.cancel(document);
  app.inspections.clear(document);
}

async function restartEngine(app: App): Promise<void> {
  await app.engine.restart();
  vscode.window.setStatusBarMessage('Longsight: the engine was restarted', 3000);
}

async function openExample(app: App): Promise<void> {
  const document = await vscode.workspace.openTextDocument(app.example);
  await vscode.window.showTextDocument(document);
  await app.runs.inspect(document);
}

/** From the palette, or from a file in the explorer. */
async function inspectDump(app: App, file: unknown): Promise<void> {
  const document = await openDump(app.engine, file instanceof vscode.Uri ? file : undefined);
  if (document !== undefined) await app.runs.inspect(document);
}
