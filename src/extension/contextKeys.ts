/** Context keys that decide which commands, menus and keys are offered. */

import * as vscode from 'vscode';
import type { Inspections } from './inspections';
import type { Subscription } from './signal';

export function keepContextKeys(inspections: Inspections): Subscription {
  const known = new Map<string, boolean>();
  const set = (name: string, value: boolean): void => {
    if (known.get(name) === value) return;
    known.set(name, value);
    void vscode.commands.executeCommand('setContext', `longsight.${name}`, value);
  };
  const update = (): void => {
    const { inspection, running } = inspections.current;
    set('active', inspection !== undefined);
    set('running', running !== undefined);
    set('pinned', inspection?.selection.pinned === true);
    set('stale', inspection?.staleFrom !== undefined);
  };
  update();
  return inspections.changed.on(update);
}
