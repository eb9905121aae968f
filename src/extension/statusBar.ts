/** The status bar item: model, variant, device, tokens and time of the current document. */

import * as vscode from 'vscode';
import type { Inspections } from './inspections';
import { statusLine, statusTooltip, type StatusContent } from './statusText';

export function showStatus(inspections: Inspections): vscode.Disposable {
  const item = vscode.window.createStatusBarItem('longsight.status', vscode.StatusBarAlignment.Right, 100);
  item.name = 'Longsight';
  item.command = 'longsight.quickActions';
  const update = (): void => {
    const { inspection, running, problem } = inspections.current;
    const content: StatusContent = {
      summary: inspection?.summary,
      running,
      staleFrom: inspection?.staleFrom,
      problem,
      selection: inspection?.selection,
    };
    const line = statusLine(content);
    if (line === undefined) {
      item.hide();
      return;
    }
    item.text = line;
    item.tooltip = new vscode.MarkdownString(statusTooltip(content));
    item.backgroundColor =
      problem === undefined ? undefined : new vscode.ThemeColor('statusBarItem.warningBackground');
    item.show();
  };
  update();
  return vscode.Disposable.from(item, inspections.changed.on(update));
}
