/** Whole inspections as files, written by the engine. */

import * as vscode from 'vscode';
import type { ExportRequest } from '../protocol/engine';
import { Problem } from '../protocol/problem';
import type { EngineClient } from './engineClient';
import type { Inspection } from './inspection';
import { stemOf } from './savedFile';
import { chooseTarget } from './saving';

/** Keys listed in a page. */
const LISTED = 24;

/** Asks where to, and lets the engine write there. */
export async function exportInspection(
  engine: EngineClient,
  inspection: Inspection,
  format: ExportRequest['format'],
): Promise<void> {
  const { id, name, document, selection, summary } = inspection;
  const target = await chooseTarget(`${stemOf(name)} attention`, format, document);
  if (target === undefined) return;
  if (target.scheme !== 'file')
    throw new Problem(`Expected a folder of this machine; found ${target.toString()}. Choose another place.`);
  const token = selection.token ?? summary.tokens - 1;
  const row = { layer: selection.layer, head: selection.head, token };
  const title = format === 'json' ? 'Longsight: writing the inspection' : 'Longsight: writing the report';
  await vscode.window.withProgress({ location: vscode.ProgressLocation.Window, title }, () =>
    engine.export({ id, format, file: target.fsPath, name, row, top: LISTED }),
  );
  void offerToOpen(target, format);
}

async function offerToOpen(target: vscode.Uri, format: ExportRequest['format']): Promise<void> {
  const open = format === 'html' ? 'Open in the Browser' : 'Open';
  const chosen = await vscode.window.showInformationMessage(`Saved ${target.fsPath}.`, open);
  if (chosen === undefined) return;
  if (format === 'html') await vscode.env.openExternal(target);
  else await vscode.commands.executeCommand('vscode.open', target);
}
