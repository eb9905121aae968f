/**
 * One life of the process that runs an exported graph. A run of a whole graph is one call of the runtime, which
 * blocks its thread and cannot be stopped from inside; a process of its own leaves the engine's thread free, and
 * ends at once.
 */

import { type ChildProcess, fork } from 'node:child_process';
import { existsSync } from 'node:fs';
import { basename, join } from 'node:path';
import { createInterface } from 'node:readline';
import { type BirpcReturn, createBirpc } from 'birpc';

import { Cancelled, decodeMessage, encodeMessage, Problem } from '../../protocol/problem';
import type { GraphApi, GraphEvents, GraphOutline, RunOutline, RunRequest } from './graphApi';

/** The bundle beside the engine's own. */
export const GRAPH_PROGRAM = join(__dirname, 'graph.js');

export interface GraphListener {
  progress(fraction: number, phase: string): void;
  cancelled(): boolean;
}

/** How often progress is told, and a cancellation looked for. */
const TICK_MS = 25;
/** How many lines of the error stream are kept to explain a crash. */
const LAST_LINES = 4;

/** Settles when no other graph runs over a document: each may take all the memory that one may. */
let turn: Promise<void> = Promise.resolve();

export class GraphProcess {
  /** Settles when the process is gone. */
  readonly ended: Promise<void>;
  readonly #child: ChildProcess;
  readonly #rpc: BirpcReturn<GraphApi, GraphEvents, false>;
  readonly #listener: GraphListener;
  readonly #name: string;
  readonly #path: string;
  readonly #lastLines: string[] = [];
  readonly #failure: Promise<never>;
  #gone: Error | undefined;
  #reject: (reason: Error) => void = () => undefined;
  /** The share of a run that is done. */
  #done = 0;
  /** What it is at, as the end of `The process that …`. */
  #doing = 'started';

  /**
   * @param program the bundle to run.
   * @param path of the ONNX file.
   * @throws Problem where the bundle is missing.
   */
  constructor(program: string, path: string, listener: GraphListener) {
    if (!existsSync(program)) {
      throw new Problem(
        `The program for exported graphs was expected at ${program} and is not there; install Longsight again.`,
      );
    }
    this.#failure = new Promise((_, reject) => (this.#reject = reject));
    // Nobody may be waiting when it comes.
    this.#failure.catch(() => undefined);
    this.#path = path;
    this.#name = basename(path);
    this.#listener = listener;
    this.#child = fork(program, [], {
      execArgv: [],
      // Inside VS Code the program that runs this is the editor itself.
      env: { ...process.env, ELECTRON_RUN_AS_NODE: '1' },
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    createInterface({ input: this.#child.stderr! }).on('line', line => {
      this.#lastLines.push(line);
      if (this.#lastLines.length > LAST_LINES) this.#lastLines.shift();
    });
    this.#rpc = createBirpc<GraphApi, GraphEvents, false>(
      {
        progress: share => {
          this.#done = share;
        },
      },
      {
        proxify: false,
        timeout: -1,
        // A closed channel is no error here: the end of the process answers every call.
        post: data => void this.#child.send(data as object, () => {}),
        on: receive => void this.#child.on('message', receive),
        serialize: encodeMessage,
        deserialize: decodeMessage,
      },
    );
    this.ended = new Promise(resolve => {
      this.#child.once('error', error => {
        this.#fail(new Problem(`The process for ${path} did not start: ${error.message}.`));
        resolve();
      });
      // 'close' rather than 'exit': it comes after the last line of the error stream.
      this.#child.once('close', (code, signal) => {
        this.#fail(new Problem(this.#describeEnd(code, signal)));
        resolve();
      });
    });
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** Loads the graph and probes it. @throws Problem, Cancelled */
  open(): Promise<GraphOutline> {
    this.#doing = `loaded ${this.#name}`;
    return this.#whileTelling('Loading the graph', 0, () => this.#rpc.$call('open', this.#path));
  }

  /**
   * Runs the graph.
   *
   * @param share of an inspection's work that this is.
   * @throws Problem, Cancelled
   */
  async run(request: RunRequest, share: number): Promise<RunOutline> {
    const before = turn;
    turn = before.then(() => this.ended);
    await this.#whileTelling('Waiting for the graph of another document', 0, () => before);
    const tokens = request.ids.length;
    this.#doing = `ran ${this.#name} over ${tokens} tokens`;
    return this.#whileTelling(`Running the graph over ${tokens} tokens`, share, () =>
      this.#rpc.$call('run', request),
    );
  }

  /** Ends the process at once, whatever it is at. */
  end(): void {
    this.#fail(new Cancelled());
  }

  /** How far one call of the runtime has come nobody knows: the phase is told, and for how long it goes on. */
  async #whileTelling<T>(phase: string, share: number, call: () => Promise<T>): Promise<T> {
    if (this.#gone !== undefined) throw this.#gone;
    const started = performance.now();
    const tick = () => {
      const seconds = Math.floor((performance.now() - started) / 1000);
      if (this.#listener.cancelled()) this.end();
      else this.#listener.progress(share * this.#done, seconds === 0 ? phase : `${phase}, ${seconds} s`);
    };
    const ticking = setInterval(tick, TICK_MS);
    try {
      return await Promise.race([call(), this.#failure]);
    } finally {
      clearInterval(ticking);
    }
  }

  #fail(reason: Error): void {
    if (this.#gone !== undefined) return;
    this.#gone = reason;
    this.#reject(reason);
    this.#child.kill('SIGKILL');
  }

  #describeEnd(code: number | null, signal: string | null): string {
    const how = signal === null ? `with exit code ${code ?? 'unknown'}` : `by signal ${signal}`;
    const words = this.#lastLines
      .map(line => line.trim())
      .filter(line => line !== '')
      .join(' ')
      .slice(0, 300);
    return `The process that ${this.#doing} was ended ${how}, most often for want of memory. Inspect a selection, or close other programs.${words === '' ? '' : ` Its last words: ${words}`}`;
  }
}
