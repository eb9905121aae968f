/**
 * Which model and variant the next inspection uses: what a person chose last in this workspace, or else
 * the settings. A changed setting is the newer choice and wins.
 */

import { homedir } from 'node:os';
import { isAbsolute, join, resolve } from 'node:path';
import * as vscode from 'vscode';
import type { Schedule, VariantChoice } from '../protocol/inspection';
import type { SettingsStore } from './settings';
import { Signal, type Subscription } from './signal';

const MODEL = 'model';
const VARIANT = 'variant';
const SCHEDULE = 'schedule';
const RECENT = 'recentModels';
const RECENT_LIMIT = 8;

/** The checkpoint that comes with the extension. */
const BUNDLED = 'models/lab-base';

export class Choices {
  readonly changed = new Signal<void>();
  private readonly context: vscode.ExtensionContext;
  private readonly settings: SettingsStore;
  private readonly listening: Subscription;

  constructor(context: vscode.ExtensionContext, settings: SettingsStore) {
    this.context = context;
    this.settings = settings;
    this.listening = settings.changed.on(changed => {
      if (changed('model')) void this.context.workspaceState.update(MODEL, undefined);
      if (changed('variant') || changed('variantParameters')) {
        void this.context.workspaceState.update(VARIANT, undefined);
      }
      if (['mode', 'layers', 'layerVariants'].some(changed)) {
        void this.context.workspaceState.update(SCHEDULE, undefined);
      }
      this.changed.emit();
    });
  }

  get bundledModel(): string {
    return this.context.asAbsolutePath(BUNDLED);
  }

  /** A model folder or an ONNX file, absolute. */
  get model(): string {
    const chosen = this.context.workspaceState.get<string>(MODEL) ?? this.settings.values.model;
    return chosen === '' ? this.bundledModel : absolute(chosen);
  }

  get variant(): VariantChoice {
    return this.context.workspaceState.get<VariantChoice>(VARIANT) ?? this.settings.values.variant;
  }

  get schedule(): Schedule {
    return this.context.workspaceState.get<Schedule>(SCHEDULE) ?? this.settings.values.schedule;
  }

  /** Folders opened before, latest first; without the bundled one. */
  get recentModels(): readonly string[] {
    return this.context.globalState.get<readonly string[]>(RECENT) ?? [];
  }

  async setModel(directory: string): Promise<void> {
    await this.context.workspaceState.update(MODEL, directory);
    if (directory !== this.bundledModel) {
      const others = this.recentModels.filter(recent => recent !== directory);
      await this.context.globalState.update(RECENT, [directory, ...others].slice(0, RECENT_LIMIT));
    }
    this.changed.emit();
  }

  async setVariant(choice: VariantChoice): Promise<void> {
    await this.context.workspaceState.update(VARIANT, choice);
    this.changed.emit();
  }

  async setSchedule(schedule: Schedule): Promise<void> {
    await this.context.workspaceState.update(SCHEDULE, schedule);
    this.changed.emit();
  }

  dispose(): void {
    this.listening.dispose();
    this.changed.dispose();
  }
}

/** Relative folders lie in the workspace; `~` is the home folder. */
function absolute(path: string): string {
  if (path === '~' || path.startsWith('~/')) return join(homedir(), path.slice(1));
  const folder = vscode.workspace.workspaceFolders?.[0]?.uri.fsPath;
  return isAbsolute(path) || folder === undefined ? resolve(path) : join(folder, path);
}
