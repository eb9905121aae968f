/** Figures from a process of its own, so that its memory is its own. */

import { spawn } from 'node:child_process';
import process from 'node:process';

export interface Task {
  readonly kind: string;
  /** Plain data. */
  readonly input: unknown;
}

/**
 * Runs a task in a fresh process and gives what it found.
 *
 * @param limitSeconds ends the process when it has not finished by then.
 * @throws Error with what the process said.
 */
export async function inChild<T>(task: Task, limitSeconds = Infinity): Promise<T> {
  // Collecting garbage by hand makes the peak of memory what is held, not what is awaiting collection.
  const flags = ['--expose-gc', process.argv[1]!, 'task', JSON.stringify(task)];
  const child = spawn(process.execPath, flags, { stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  let complained = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (said += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (complained += text));
  let isLate = false as boolean;
  const timer =
    limitSeconds === Infinity
      ? undefined
      : setTimeout(() => {
          isLate = true;
          child.kill('SIGKILL');
        }, limitSeconds * 1000);
  const code = await new Promise<number | null>((done, fail) => child.on('error', fail).on('close', done));
  clearTimeout(timer);
  if (isLate) throw new Error(`${task.kind} took longer than ${limitSeconds} s.`);
  if (code !== 0)
    throw new Error(`${task.kind} ended with ${code ?? 'a signal'}: ${complained.trim().slice(-600)}`);
  return JSON.parse(said) as T;
}
