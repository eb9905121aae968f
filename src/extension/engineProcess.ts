/** One life of the engine process: fork, talk, and say why it ended. */

import { fork, type ChildProcess } from 'node:child_process';
import { constants, setPriority } from 'node:os';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { createBirpc, type BirpcReturn } from 'birpc';
import type { EngineApi, EngineEvents } from '../protocol/engine';
import { decodeMessage, encodeMessage, Problem } from '../protocol/problem';

export interface EngineLaunch {
  /** The engine's bundle, absolute. */
  readonly entry: string;
  /** A folder for what does not fit in memory, absolute. */
  readonly storage?: string;
  /** Added to the environment of this process. */
  readonly env?: Readonly<Record<string, string>>;
}

/** How many lines of the error stream are kept to explain a crash. */
const LAST_LINES = 8;

/** Says in one sentence how a process ended. */
export function describeExit(
  code: number | null,
  signal: string | null,
  lastLines: readonly string[],
): string {
  const how = signal !== null ? `was ended by signal ${signal}` : `ended with exit code ${code ?? 'unknown'}`;
  const words = lastLines
    .map(line => line.trim())
    .filter(line => line !== '')
    .join(' ');
  return words === '' ? `The engine ${how}.` : `The engine ${how}. Its last words: ${words.slice(0, 400)}`;
}

export class EngineProcess {
  /** Settles when the process is gone, with the reason as a sentence. Never rejects. */
  readonly ended: Promise<string>;
  private readonly child: ChildProcess;
  private readonly rpc: BirpcReturn<EngineApi, EngineEvents, false>;
  private readonly lastLines: string[] = [];
  private endReason: string | undefined;
  private gone = false;

  /** `onEnd` is told the reason before pending calls are rejected. */
  constructor(launch: EngineLaunch, events: EngineEvents, onEnd: (reason: string) => void) {
    const env: NodeJS.ProcessEnv = { ...process.env, ...launch.env, ELECTRON_RUN_AS_NODE: '1' };
    // Debuggers inject themselves through this variable and would hold the child at start.
    delete env['NODE_OPTIONS'];
    this.child = fork(launch.entry, launch.storage === undefined ? [] : [launch.storage], {
      execPath: process.execPath,
      execArgv: [],
      env,
      serialization: 'advanced',
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    yieldToEditor(this.child.pid);
    this.listenTo(this.child.stdout, line => events.log('debug', line));
    this.listenTo(this.child.stderr, line => {
      this.lastLines.push(line);
      if (this.lastLines.length > LAST_LINES) this.lastLines.shift();
      events.log('warn', line);
    });
    this.rpc = createBirpc<EngineApi, EngineEvents, false>(events, {
      proxify: false,
      timeout: -1,
      bind: 'functions',
      post: data => this.post(data),
      on: receive => void this.child.on('message', receive),
      serialize: encodeMessage,
      deserialize: decodeMessage,
    });
    this.ended = new Promise<string>(resolve => {
      this.child.once('error', error => resolve(`The engine did not start: ${error.message}.`));
      // 'close' rather than 'exit': it comes after the last line of the error stream.
      this.child.once('close', (code, signal) => resolve(describeExit(code, signal, this.lastLines)));
    }).then(description => {
      this.gone = true;
      const reason = this.endReason ?? description;
      onEnd(reason);
      void this.rpc.$rejectPendingCalls(({ reject }) => {
        reject(new Problem(`${reason} Inspect again to start a new one.`));
      });
      return reason;
    });
  }

  get pid(): number | undefined {
    return this.child.pid;
  }

  /** False as soon as calls can no longer be answered. */
  get alive(): boolean {
    return !this.gone;
  }

  call<K extends keyof EngineApi>(
    method: K,
    ...args: Parameters<EngineApi[K]>
  ): Promise<Awaited<ReturnType<EngineApi[K]>>> {
    return this.rpc.$call(method, ...args);
  }

  /** Ends the process at once. `reason` replaces the description of the exit. */
  kill(reason: string): void {
    this.endReason ??= reason;
    this.child.kill('SIGKILL');
  }

  private post(data: unknown): void {
    // A closed channel is no error here: `ended` answers every pending call.
    this.child.send(data as object, () => {});
  }

  private listenTo(stream: Readable | null, say: (line: string) => void): void {
    if (stream !== null) createInterface({ input: stream }).on('line', say);
  }
}

/** The engine uses every core; at equal priority the editor would stutter meanwhile. */
function yieldToEditor(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    setPriority(pid, constants.priority.PRIORITY_BELOW_NORMAL);
  } catch {
    // Not allowed here; it works all the same.
  }
}
