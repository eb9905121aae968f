/** Hovers on the tokens of inspected documents. */

import * as vscode from 'vscode';
import type { EngineClient } from './engineClient';
import { HOVER_COMMANDS, HOVER_KEYS, hoverText } from './hoverText';
import type { Inspections } from './inspections';
import { rangeOf } from './ranges';

export function registerHovers(engine: EngineClient, inspections: Inspections): vscode.Disposable {
  return vscode.languages.registerHoverProvider('*', {
    provideHover: (document, position, cancellation) =>
      hover(engine, inspections, document, position, cancellation),
  });
}

async function hover(
  engine: EngineClient,
  inspections: Inspections,
  document: vscode.TextDocument,
  position: vscode.Position,
  cancellation: vscode.CancellationToken,
): Promise<vscode.Hover | undefined> {
  const { inspection } = inspections.of(document.uri.toString());
  const token = inspection?.tokenOver(document.offsetAt(position));
  if (inspection === undefined || token === undefined) return undefined;
  const { selection, id } = inspection;
  const { layer, head } = selection;
  const [detail, rows] = await Promise.allSettled([
    engine.tokenDetail(id, token),
    engine.rows([{ id, layer, head, token, top: HOVER_KEYS, profile: 0, against: true }]),
  ]);
  if (cancellation.isCancellationRequested || detail.status === 'rejected') return undefined;
  const markdown = new vscode.MarkdownString(
    hoverText({
      document: inspection.document,
      token,
      summary: inspection.summary,
      selection,
      staleFrom: inspection.staleFrom,
      detail: detail.value,
      row: rows.status === 'fulfilled' ? rows.value[0] : undefined,
      textOf: key => inspection.textOf(key),
    }),
  );
  markdown.isTrusted = { enabledCommands: HOVER_COMMANDS };
  return new vscode.Hover(markdown, rangeOf(document, inspection, token));
}
