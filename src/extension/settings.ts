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
    this.cached ??= readSettings({ ...vscode.workspace.getConfiguration(SECTION) });
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
