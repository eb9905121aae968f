/**
 * The engine as the extension sees it: started on first use, replaced after a crash, and every call
 * answered once, at the latest when the process is gone.
 */

import { existsSync } from 'node:fs';
import type {
  EngineApi,
  EngineEvents,
  EngineInfo,
  InspectRequest,
  LogLevel,
  MemoryRequest,
  RowRequest,
  StructureRequest,
} from '../protocol/engine';
import type {
  DeviceChoice,
  DeviceInfo,
  HeadRef,
  InspectionSummary,
  ModelInfo,
  Overview,
  Progress,
  Row,
  Structure,
  TokenDetail,
  TokenStats,
  TokenTable,
} from '../protocol/inspection';
import type { Memory } from '../protocol/memory';
import { Cancelled, Problem } from '../protocol/problem';
import { EngineProcess, type EngineLaunch } from './engineProcess';
import { Signal } from './signal';

export interface EngineExit {
  /** A sentence. */
  readonly reason: string;
  /** True when we ended it: a restart or the end of the extension. */
  readonly expected: boolean;
  /** True when it cut off a run, whose caller is told the reason as well. */
  readonly interrupted: boolean;
}

export interface LogLine {
  readonly level: LogLevel;
  readonly message: string;
}

/** How long a cancelled run may go on before the process is ended, in milliseconds. */
export const CANCEL_GRACE = 5000;

const RESTARTED = 'The engine was restarted.';

interface Run {
  readonly engine: EngineProcess;
  /** Answers the caller with `Cancelled`, whatever the engine does. */
  stop(): void;
  /** Settles when the engine itself has answered. */
  readonly settled: Promise<void>;
}

export class EngineClient implements EngineApi {
  readonly started = new Signal<InspectionSummary>();
  readonly progress = new Signal<Progress>();
  readonly log = new Signal<LogLine>();
  /** The process is gone and with it every inspection it held. */
  readonly exited = new Signal<EngineExit>();

  private readonly launch: EngineLaunch;
  private readonly grace: number;
  private readonly runs = new Map<string, Run>();
  private engine: EngineProcess | undefined;
  private disposed = false;

  constructor(launch: EngineLaunch, grace: number = CANCEL_GRACE) {
    this.launch = launch;
    this.grace = grace;
  }

  /** The process id while one runs. */
  get pid(): number | undefined {
    return this.engine?.pid;
  }

  info(): Promise<EngineInfo> {
    return this.ask('info');
  }

  describeModel(directory: string): Promise<ModelInfo> {
    return this.ask('describeModel', directory);
  }

  openDevice(choice: DeviceChoice): Promise<DeviceInfo> {
    return this.ask('openDevice', choice);
  }

  async inspect(request: InspectRequest): Promise<InspectionSummary> {
    const engine = this.start();
    return await new Promise((resolve, reject) => {
      const answer = engine.call('inspect', request);
      const run: Run = {
        engine,
        stop: () => reject(new Cancelled()),
        settled: answer.then(
          () => {},
          () => {},
        ),
      };
      this.runs.set(request.id, run);
      answer.then(resolve, reject);
      void run.settled.then(() => {
        if (this.runs.get(request.id) === run) this.runs.delete(request.id);
      });
    });
  }

  /** Answers the run's caller with `Cancelled` at once; the engine is ended if it does not stop. */
  cancel(id: string): Promise<boolean> {
    const run = this.runs.get(id);
    if (run === undefined) return Promise.resolve(false);
    this.runs.delete(id);
    run.stop();
    const late = setTimeout(() => {
      run.engine.kill(
        `The engine did not stop within ${this.grace / 1000} s of being cancelled, so it was ended.`,
      );
    }, this.grace);
    void run.settled.then(() => clearTimeout(late));
    run.engine.call('cancel', id).catch(() => {});
    return Promise.resolve(true);
  }

  close(id: string): Promise<void> {
    // An engine that does not run holds nothing; do not start one to say so.
    return this.engine?.call('close', id) ?? Promise.resolve();
  }

  tokens(id: string): Promise<TokenTable> {
    return this.ask('tokens', id);
  }

  losses(id: string): Promise<Float32Array> {
    return this.ask('losses', id);
  }

  overview(id: string): Promise<Overview> {
    return this.ask('overview', id);
  }

  stats(id: string, head: HeadRef): Promise<TokenStats> {
    return this.ask('stats', id, head);
  }

  rows(requests: readonly RowRequest[]): Promise<readonly Row[]> {
    return this.ask('rows', requests);
  }

  tokenDetail(id: string, token: number): Promise<TokenDetail> {
    return this.ask('tokenDetail', id, token);
  }

  structure(request: StructureRequest): Promise<Structure> {
    return this.ask('structure', request);
  }

  memory(request: MemoryRequest): Promise<Memory | undefined> {
    return this.ask('memory', request);
  }

  /** Ends the process and starts another; runs are answered with `Cancelled`. */
  async restart(): Promise<void> {
    await this.stop(RESTARTED);
    this.start();
  }

  /** Ends the process for good. */
  async dispose(): Promise<void> {
    this.disposed = true;
    await this.stop('Longsight was closed.');
  }

  private async stop(reason: string): Promise<void> {
    const engine = this.engine;
    if (engine === undefined) return;
    for (const [id, run] of [...this.runs]) {
      this.runs.delete(id);
      run.stop();
    }
    this.engine = undefined;
    engine.kill(reason);
    await engine.ended;
    this.exited.emit({ reason, expected: true, interrupted: false });
  }

  private async ask<K extends keyof EngineApi>(
    method: K,
    ...args: Parameters<EngineApi[K]>
  ): Promise<Awaited<ReturnType<EngineApi[K]>>> {
    return await this.start().call(method, ...args);
  }

  private start(): EngineProcess {
    if (this.engine?.alive === true) return this.engine;
    if (this.disposed) throw new Problem('Longsight was closed; reload the window to use it again.');
    if (!existsSync(this.launch.entry)) {
      throw new Problem(
        `The engine program was expected at ${this.launch.entry} and is not there; install Longsight again.`,
      );
    }
    const events: EngineEvents = {
      started: summary => this.started.emit(summary),
      progress: progress => this.progress.emit(progress),
      log: (level, message) => this.log.emit({ level, message }),
    };
    const engine = new EngineProcess(this.launch, events, reason => {
      if (this.engine !== engine) return;
      this.engine = undefined;
      this.exited.emit({ reason, expected: false, interrupted: this.runs.size > 0 });
    });
    this.engine = engine;
    return engine;
  }
}
