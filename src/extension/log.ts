/** What the engine says, in the output channel, and a notification when it ends by itself. */

import * as vscode from 'vscode';
import { Problem } from '../protocol/problem';
import type { EngineClient } from './engineClient';
import { notify, Remediable } from './notifications';

export function followLog(engine: EngineClient, log: vscode.LogOutputChannel): vscode.Disposable {
  const said = engine.log.on(({ level, message }) => log[level](message));
  const ended = engine.exited.on(({ reason, expected, interrupted }) => {
    if (expected) {
      log.info(reason);
      return;
    }
    log.error(reason);
    if (interrupted) return;
    notify(
      new Remediable(new Problem(`${reason} Inspect again to start a new one.`), ['inspectAgain', 'showLog']),
      log,
    );
  });
  return vscode.Disposable.from(said, ended);
}
