/** The configuration of this window, read once a change. */

import * as vscode from 'vscode';
import { Signal } from './signal';
import { readSettings, type Settings, type SettingsReading } from './settingsValues';

const SECTION = 'longsight';

export class SettingsStore {
  /** Says whether a setting under a name changed, such as `variant`. */
  readonly changed = new Signal<(name: string) => boolean>();
  private cached: SettingsReading | undefined;
  private readonly listening: vscode.Disposable;

  constructor() {
    this.listening = vscode.workspace.onDidChangeConfiguration(event => {
      if (!event.affectsConfiguration(SECTION)) return;
      this.cached = undefined;
      this.changed.emit(name => event.affectsConfiguration(`${SECTION}.${name}`));
    });
  }

  get reading(): SettingsReading {
    this.cached ??= readSettings(plainCopy(vscode.workspace.getConfiguration(SECTION)));
    return this.cached;
  }

  /** With defaults in place of wrong values. */
  get values(): Settings {
    return this.reading.settings;
  }

  dispose(): void {
    this.listening.dispose();
    this.changed.dispose();
  }
}

/** The editor hands out read-only proxies, which cannot be sent to another process. */
function plainCopy(section: vscode.WorkspaceConfiguration): Readonly<Record<string, unknown>> {
  return JSON.parse(JSON.stringify(section)) as Record<string, unknown>;
}
