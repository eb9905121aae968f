/** The progress notification of a run that takes long enough to deserve one. */

import * as vscode from 'vscode';
import type { EngineClient } from './engineClient';
import type { Subscription } from './signal';

/** Runs shorter than this show only in the status bar, in milliseconds. */
const PATIENCE = 800;

/** Shows progress of the run `id` until disposed; its button cancels the run. */
export function showProgress(title: string, id: string, engine: EngineClient): Subscription {
  let fraction = 0;
  let phase = '';
  let report: ((message: string, increment: number) => void) | undefined;
  let end = (): void => {};
  const ended = new Promise<void>(resolve => (end = resolve));
  const listening = engine.progress.on(progress => {
    if (progress.id !== id) return;
    report?.(progress.phase, 100 * (progress.fraction - fraction));
    ({ fraction, phase } = progress);
  });
  const show = (): void => {
    const options = { location: vscode.ProgressLocation.Notification, title, cancellable: true };
    void vscode.window.withProgress(options, (progress, token) => {
      token.onCancellationRequested(() => void engine.cancel(id));
      report = (message, increment) => progress.report({ message, increment });
      report(phase, 100 * fraction);
      return ended;
    });
  };
  const waiting = setTimeout(show, PATIENCE);
  return {
    dispose: () => {
      clearTimeout(waiting);
      listening.dispose();
      end();
    },
  };
}
