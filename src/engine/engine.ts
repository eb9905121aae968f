/** The engine's answers to the calls of `EngineApi`. */

import { tmpdir } from 'node:os';
import { join } from 'node:path';

import type { EngineApi, EngineEvents, EngineInfo, InspectRequest } from '../protocol/engine';
import type { CandidateResult, Comparison, CompareRequest } from '../protocol/comparison';
import type { DeviceChoice, Precision } from '../protocol/inspection';
import { Cancelled, Problem } from '../protocol/problem';
import { dilutionBins } from './analysis/dilution';
import { seriesOf } from './analysis/series';
import { writeReport } from './html/report';
import { hurtsOf } from './hurts';
import { openDump } from './dump';
import type { Inspection } from './inspection';
import { mapTile } from './mapTile';
import { writeInspection } from './inspectionFile';
import { compareOn } from './compare/compare';
import { runLive } from './compare/live';
import { GRAPH_PROGRAM } from './exported/graphProcess';
import { type Hooks, prepare, run } from './inspect';
import { type Job, Jobs } from './jobs';
import { describeModel } from './models';
import { openDevice, type OpenDevice } from './runtime/device';
import { runtimeVersion } from './runtime/executor';
import { VARIANT_INFOS } from './schedule';
import { type SpillOptions, TensorStore } from './tensorStore';

/** Layers of an inspection that stay in memory; more go to a file, in a folder of the user's own. */
const DEFAULT_SPILL: SpillOptions = {
  directory: join(tmpdir(), `longsight-${process.getuid?.() ?? 'layers'}`),
  budget: 2 ** 30,
};

export interface EngineOptions extends Partial<SpillOptions> {
  /** The bundle that runs exported graphs, absolute; the one beside the engine's own if absent. */
  readonly graphProgram?: string;
}

export function createEngine(events: EngineEvents, options: EngineOptions = {}): EngineApi {
  const { graphProgram = GRAPH_PROGRAM, ...spill } = options;
  const finished = new Map<string, Inspection>();
  const jobs = new Jobs(progress => events.progress(progress));
  const devices = new Map<string, Promise<OpenDevice>>();
  let weightsOf: string | undefined;

  function device(choice: DeviceChoice, precision?: Precision): Promise<OpenDevice> {
    const key = `${choice} ${precision ?? 'float32'}`;
    let open = devices.get(key);
    open ??= openDevice(choice, precision);
    devices.set(key, open);
    return open;
  }

  function newStore(): TensorStore {
    return new TensorStore({ ...DEFAULT_SPILL, ...spill });
  }

  /** While a document runs again, its new inspection answers as soon as its tokens are known. */
  function held(id: string): Inspection | undefined {
    return jobs.inspection(id) ?? finished.get(id);
  }

  function inspection(id: string): Inspection {
    const found = held(id);
    if (found !== undefined) return found;
    throw new Problem('This document is not inspected, or no longer. Inspect it again.');
  }

  /** @throws Problem for an inspection that is still under way: some of its layers would be missing. */
  function complete(id: string): Inspection {
    const found = inspection(id);
    if (found === finished.get(id)) return found;
    throw new Problem('This document is still being inspected. Compare when it is done.');
  }

  async function compare(request: CompareRequest): Promise<Comparison> {
    const { id, of, candidates, live } = request;
    const baseline = complete(of);
    const job = jobs.begin(id);
    const hooks = jobs.hooks(id, job);
    try {
      // The part that every candidate shares, then a run each.
      const parts = live ? candidates.length + 1 : 1;
      const part = (index: number): Hooks => ({
        ...hooks,
        progress: (fraction, phase) => hooks.progress((index + fraction) / parts, phase),
      });
      const comparison = await compareOn(baseline, request, part(0));
      if (!live) return comparison;
      const results: CandidateResult[] = [];
      for (const [index, result] of comparison.candidates.entries()) {
        results.push(await runLive(result, baseline, newStore(), part(index + 1)));
      }
      return { ...comparison, candidates: results };
    } catch (error) {
      throw explained(error);
    } finally {
      jobs.end(id, job);
    }
  }

  async function inspect(request: InspectRequest) {
    const { id } = request;
    const job = jobs.begin(id);
    const store = newStore();
    let done = false;
    try {
      const open = await device(deviceFor(request), request.precision);
      if (open.info.fallback !== undefined) events.log('warn', open.info.fallback);
      // Weights of one model at a time.
      if (weightsOf !== undefined && weightsOf !== request.model) await open.executor.release();
      weightsOf = request.model;
      const hooks = jobs.hooks(id, job);
      const prepared = await prepare(request, open, { store, listener: hooks, graphProgram });
      throwIfCancelled(job);
      const { inspection: next } = prepared;
      job.inspection = next;
      events.started(next.summary());
      const earlier = request.basis === undefined ? undefined : finished.get(request.basis);
      await run(prepared, open, hooks, earlier);
      // Closed in its last moment: nobody would close it again.
      throwIfCancelled(job);
      const former = finished.get(id);
      finished.set(id, next);
      done = true;
      await former?.subject.store.close();
      return next.summary();
    } catch (error) {
      // What fails after that, such as reading an earlier inspection that was closed with this one, is no news.
      throw job.cancelled ? new Cancelled() : explained(error);
    } finally {
      jobs.end(id, job);
      if (!done) await store.close();
    }
  }

  return {
    async info(): Promise<EngineInfo> {
      return {
        pid: process.pid,
        runtime: runtimeVersion(),
        variants: VARIANT_INFOS,
      };
    },
    describeModel: model => describeModel(model, graphProgram),
    dumpText: async path => (await openDump(path)).source.text,
    openDevice: async choice => (await device(choice)).info,
    inspect,
    compare,
    cancel: async id => jobs.cancel(id),
    async close(id) {
      jobs.cancel(id);
      const former = finished.get(id);
      finished.delete(id);
      await former?.subject.store.close();
    },
    tokens: async id => inspection(id).subject.source.table,
    losses: async id => inspection(id).losses,
    overview: async id => inspection(id).overview(),
    stats: async (id, head) => inspection(id).stats(head),
    series: async ({ id, ...ref }) => seriesOf(inspection(id).stat(ref, ref.stat), ref),
    async dilution(id, head) {
      const of = inspection(id);
      const [entropy, peak, sink] = [of.stat(head, 'entropy'), of.stat(head, 'peak'), of.stat(head, 'sink')];
      return dilutionBins({ entropy, peak, sink });
    },
    async rows(requests) {
      const rows = [];
      for (const request of requests) rows.push(await inspection(request.id).row(request));
      return rows;
    },
    tokenDetail: async (id, token) => inspection(id).tokenDetail(token),
    structure: async ({ id, row, limit }) => inspection(id).structure(row, limit),
    memory: async ({ id, row, limit }) => inspection(id).memory(row, limit),
    hurts: async ({ id, head, limit }) => hurtsOf(inspection(id), head, limit),
    async export({ id, format, file, name, row, top }) {
      if (format === 'json') await writeInspection(inspection(id), name, file);
      else await writeReport(inspection(id), { name, file, row, top });
    },
    map: async ({ id, ...tile }) => {
      const of = inspection(id);
      return mapTile(of, tile, () => held(id) !== of);
    },
  };
}

/**
 * 8-bit weights are multiplied on the CPU alone.
 *
 * @throws Problem for another device beside them.
 */
function deviceFor({ device, weights }: InspectRequest): DeviceChoice {
  if (weights !== 'int8' || device === 'cpu') return device;
  if (device === 'auto') return 'cpu';
  throw new Problem(
    `8-bit weights are multiplied on the CPU only; found the device ${device}. Choose the CPU, or float weights.`,
  );
}

function throwIfCancelled({ cancelled }: Job): void {
  if (cancelled) throw new Cancelled();
}

/** Turns the runtime's word for "no memory" into a sentence. */
function explained(error: unknown): unknown {
  const message = error instanceof Error ? error.message : '';
  if (
    !/bad_alloc|[Ff]ailed to allocate|Array buffer allocation failed|Invalid typed array length/.test(message)
  )
    return error;
  return new Problem(
    'There is not enough memory for this document and model. Inspect a selection, or close other programs.',
  );
}
