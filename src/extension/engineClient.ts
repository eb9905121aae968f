/**
 * The engine as the extension sees it: started on first use, replaced after a crash, and every call
 * answered once, at the latest when the process is gone.
 */

import { existsSync } from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import type {
  EngineApi,
  EngineEvents,
  EngineInfo,
  ExportRequest,
  HurtsRequest,
  InspectRequest,
  LogLevel,
  MapRequest,
  MemoryRequest,
  RowRequest,
  SeriesRequest,
  StructureRequest,
} from '../protocol/engine';
import type { DilutionBin } from '../protocol/dilution';
import type { Comparison, CompareRequest } from '../protocol/comparison';
import type {
  DeviceChoice,
  DeviceInfo,
  HeadRef,
  Hurt,
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
import type { MapTile } from '../protocol/map';
import type { Memory } from '../protocol/memory';
import type { Series } from '../protocol/series';
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

/** Waits, in milliseconds. */
export interface Patience {
  /** How long a cancelled run may go on before the process is ended. */
  readonly cancel: number;
  /** How long the process lives on after its last inspection is closed: only its end returns all memory. */
  readonly idle: number;
}

export const PATIENCE: Patience = { cancel: 5000, idle: 20_000 };

const RESTARTED = 'The engine was restarted.';
const RESTED = 'The engine was ended: no inspection is open. It starts again with the next one.';

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
  private readonly patience: Patience;
  private readonly runs = new Map<string, Run>();
  /** Inspections that the process holds. */
  private readonly open = new Set<string>();
  /** Questions under way. */
  private asking = 0;
  private resting: NodeJS.Timeout | undefined;
  private engine: EngineProcess | undefined;
  private disposed = false;

  constructor(launch: EngineLaunch, patience: Partial<Patience> = {}) {
    this.launch = launch;
    this.patience = { ...PATIENCE, ...patience };
  }

  /** The process id while one runs. */
  get pid(): number | undefined {
    return this.engine?.pid;
  }

  info(): Promise<EngineInfo> {
    return this.ask('info');
  }

  describeModel(model: string): Promise<ModelInfo> {
    return this.ask('describeModel', model);
  }

  dumpText(path: string): Promise<string> {
    return this.ask('dumpText', path);
  }

  openDevice(choice: DeviceChoice): Promise<DeviceInfo> {
    return this.ask('openDevice', choice);
  }

  async inspect(request: InspectRequest): Promise<InspectionSummary> {
    const summary = await this.run(request.id, engine => engine.call('inspect', request));
    this.open.add(request.id);
    return summary;
  }

  compare(request: CompareRequest): Promise<Comparison> {
    return this.run(request.id, engine => engine.call('compare', request));
  }

  /** Answers the run's caller with `Cancelled` at once; the engine is ended if it does not stop. */
  cancel(id: string): Promise<boolean> {
    const run = this.runs.get(id);
    if (run === undefined) return Promise.resolve(false);
    this.runs.delete(id);
    run.stop();
    const late = setTimeout(() => {
      run.engine.kill(
        `The engine did not stop within ${this.patience.cancel / 1000} s of being cancelled, so it was ended.`,
      );
    }, this.patience.cancel);
    void run.settled.then(() => clearTimeout(late));
    run.engine.call('cancel', id).catch(() => {});
    return Promise.resolve(true);
  }

  async close(id: string): Promise<void> {
    this.open.delete(id);
    // An engine that does not run holds nothing; do not start one to say so.
    await this.engine?.call('close', id);
    this.restWhenIdle();
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

  series(request: SeriesRequest): Promise<Series> {
    return this.ask('series', request);
  }

  dilution(id: string, head: HeadRef): Promise<readonly DilutionBin[]> {
    return this.ask('dilution', id, head);
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

  hurts(request: HurtsRequest): Promise<readonly Hurt[]> {
    return this.ask('hurts', request);
  }

  export(request: ExportRequest): Promise<void> {
    return this.ask('export', request);
  }

  map(request: MapRequest): Promise<MapTile> {
    return this.ask('map', request);
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

  /** A call that `cancel` can answer. */
  private async run<T>(id: string, call: (engine: EngineProcess) => Promise<T>): Promise<T> {
    const engine = this.start();
    return await new Promise<T>((resolve, reject) => {
      const answer = call(engine);
      const run: Run = {
        engine,
        stop: () => reject(new Cancelled()),
        settled: answer.then(
          () => {},
          () => {},
        ),
      };
      this.runs.set(id, run);
      answer.then(resolve, reject);
      void run.settled.then(() => {
        if (this.runs.get(id) === run) this.runs.delete(id);
      });
    });
  }

  private restWhenIdle(): void {
    clearTimeout(this.resting);
    if (this.engine === undefined) return;
    this.resting = setTimeout(() => {
      if (this.open.size > 0 || this.runs.size > 0) return;
      if (this.asking > 0) this.restWhenIdle();
      else void this.stop(RESTED);
    }, this.patience.idle);
    this.resting.unref();
  }

  private async stop(reason: string): Promise<void> {
    const engine = this.engine;
    if (engine === undefined) return;
    for (const [id, run] of [...this.runs]) {
      this.runs.delete(id);
      run.stop();
    }
    this.engine = undefined;
    this.open.clear();
    engine.kill(reason);
    // Told once the callers of those runs have heard, and before the process is gone: a large one takes a while to
    // go, and what the next engine holds by then is not lost with it.
    await setImmediate();
    this.exited.emit({ reason, expected: true, interrupted: false });
    await engine.ended;
  }

  private async ask<K extends keyof EngineApi>(
    method: K,
    ...args: Parameters<EngineApi[K]>
  ): Promise<Awaited<ReturnType<EngineApi[K]>>> {
    this.asking += 1;
    try {
      return await this.start().call(method, ...args);
    } finally {
      this.asking -= 1;
    }
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
      this.open.clear();
      this.exited.emit({ reason, expected: false, interrupted: this.runs.size > 0 });
    });
    this.engine = engine;
    return engine;
  }
}
