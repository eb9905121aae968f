/** Tells people what went wrong, in one sentence, with the actions that help. */

import * as vscode from 'vscode';
import { Cancelled, Problem, sentence } from '../protocol/problem';

/** What a notification offers: the label of each action and the command it runs. */
const REMEDIES = {
  chooseModel: ['Choose Model', 'longsight.chooseModel'],
  chooseVariant: ['Choose Variant', 'longsight.chooseVariant'],
  inspectAgain: ['Inspect Again', 'longsight.inspectAgain'],
  openExample: ['Open Example', 'longsight.openExample'],
  openSettings: ['Open Settings', 'longsight.openSettings'],
  restartEngine: ['Restart Engine', 'longsight.restartEngine'],
  showLog: ['Show Log', 'longsight.showLog'],
} as const satisfies Readonly<Record<string, readonly [label: string, command: string]>>;

export type Remedy = keyof typeof REMEDIES;

/** A problem that knows what helps against it. */
export class Remediable extends Error {
  readonly problem: unknown;
  readonly remedies: readonly Remedy[];

  constructor(problem: unknown, remedies: readonly Remedy[]) {
    super(sentence(problem));
    this.problem = problem;
    this.remedies = remedies;
  }
}

/** Runs `work`; what it throws can be helped by `remedies`. */
export async function remedied<T>(remedies: readonly Remedy[], work: () => T | Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof Remediable || error instanceof Cancelled) throw error;
    throw new Remediable(error, remedies);
  }
}

/** The sentence for anything thrown; undefined for a cancellation, which is no problem. */
export function problemOf(error: unknown): string | undefined {
  const cause = error instanceof Remediable ? error.problem : error;
  return cause instanceof Cancelled ? undefined : sentence(cause);
}

/** Shows anything thrown as a notification, defects with their stack in the log. Does not wait for an answer. */
export function notify(error: unknown, log: vscode.LogOutputChannel): void {
  const cause = error instanceof Remediable ? error.problem : error;
  const message = problemOf(error);
  if (message === undefined) return;
  if (cause instanceof Problem) log.warn(message);
  else log.error(cause instanceof Error ? (cause.stack ?? cause.message) : String(cause));
  const remedies = error instanceof Remediable ? error.remedies : (['showLog'] as const);
  const labels = remedies.map(remedy => REMEDIES[remedy][0]);
  void vscode.window.showErrorMessage(message, ...labels).then(chosen => {
    const remedy = Object.values(REMEDIES).find(([label]) => label === chosen);
    if (remedy !== undefined) void vscode.commands.executeCommand(remedy[1]);
  });
}
