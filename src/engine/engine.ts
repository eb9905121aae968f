/** The engine's answers to the calls of `EngineApi`. */

import { tmpdir } from 'node:os';
import { join } from 'node:path';

import type { EngineApi, EngineEvents, EngineInfo, InspectRequest } from '../protocol/engine';
import type { CandidateResult, Comparison, CompareRequest } from '../protocol/comparison';
import { type DeviceChoice, EVERYWHERE } from '../protocol/inspection';
import { Cancelled, Problem } from '../protocol/problem';
import { writeReport } from './htmlReport';
import { hurtsOf } from './hurts';
import { isDump, openDump } from './dump';
import type { Inspection } from './inspection';
import { mapTile } from './mapTile';
import { writeInspection } from './inspectionFile';
import { compareOn } from './compare';
import { type Hooks, prepare, run } from './inspect';
import { describeCheckpoint } from './model/checkpoint';
import { openDevice, type OpenDevice } from './runtime/device';
import { runtimeVersion } from './runtime/executor';
import { NATIVE } from './schedule';
import { type SpillOptions, TensorStore } from './tensorStore';
import { VARIANTS } from './variants';

/** Progress is told at most so often. */
const PROGRESS_EVERY_MS = 50;

/** Layers of an inspection that stay in memory; more go to a file, in a folder of the user's own. */
const DEFAULT_SPILL: SpillOptions = {
  directory: join(tmpdir(), `longsight-${process.getuid?.() ?? 'layers'}`),
  budget: 2 ** 30,
};

/** What runs under an id. */
interface Job {
  /** As soon as there is one to ask. */
  inspection: Inspection | undefined;
  cancelled: boolean;
}

export function createEngine(events: EngineEvents, spill: Partial<SpillOptions> = {}): EngineApi {
  const finished = new Map<string, Inspection>();
  const requests = new Map<string, InspectRequest>();
  const running = new Map<string, Job>();
  const devices = new Map<DeviceChoice, Promise<OpenDevice>>();
  let weightsOf: string | undefined;

  function device(choice: DeviceChoice): Promise<OpenDevice> {
    let open = devices.get(choice);
    open ??= openDevice(choice);
    devices.set(choice, open);
    return open;
  }

  /** While a document runs again, its new inspection answers as soon as its tokens are known. */
  function held(id: string): Inspection | undefined {
    return running.get(id)?.inspection ?? finished.get(id);
  }

  function inspection(id: string): Inspection {
    const found = held(id);
    if (found !== undefined) return found;
    throw new Problem('This document is not inspected, or no longer. Inspect it again.');
  }

  function hooksOf(id: string, job: { readonly cancelled: boolean }): Hooks {
    let told = 0;
    return {
      cancelled: () => job.cancelled,
      progress(fraction, phase) {
        const now = performance.now();
        if (now - told < PROGRESS_EVERY_MS && fraction < 1) return;
        told = now;
        events.progress({ id, fraction, phase });
      },
    };
  }

  /** A job of its own for the id; one that runs under it already is told to stop. */
  function begin(id: string): Job {
    const earlier = running.get(id);
    if (earlier !== undefined) earlier.cancelled = true;
    const job: Job = { inspection: undefined, cancelled: false };
    running.set(id, job);
    return job;
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
    const inspected = requests.get(of)!;
    const job = begin(id);
    const hooks = hooksOf(id, job);
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
        results.push(await runLive(result, inspected, baseline, part(index + 1)));
      }
      return { ...comparison, candidates: results };
    } catch (error) {
      throw explained(error);
    } finally {
      if (running.get(id) === job) running.delete(id);
    }
  }

  /** The whole model with a candidate in every layer; a dump has no model to run. */
  async function runLive(
    result: CandidateResult,
    request: InspectRequest,
    baseline: Inspection,
    hooks: Hooks,
  ): Promise<CandidateResult> {
    if (result.problem !== undefined || baseline.subject.decoder === undefined) return result;
    const store = new TensorStore({ ...DEFAULT_SPILL, ...spill });
    try {
      const open = await device(request.device);
      const prepared = await prepare(
        { ...bare(request), variant: result.variant, schedule: EVERYWHERE },
        open,
        store,
      );
      await run(prepared, open, hooks);
      const { losses } = prepared.inspection;
      const { loss, seconds } = prepared.inspection.summary();
      const lossChange = losses.map((value, token) => value - baseline.losses[token]!);
      return { ...result, live: { loss, lossChange, seconds } };
    } finally {
      await store.close();
    }
  }

  async function inspect(request: InspectRequest) {
    const { id } = request;
    const job = begin(id);
    const store = new TensorStore({ ...DEFAULT_SPILL, ...spill });
    let done = false;
    try {
      const open = await device(request.device);
      if (open.info.fallback !== undefined) events.log('warn', open.info.fallback);
      // Weights of one model at a time.
      if (weightsOf !== undefined && weightsOf !== request.model) await open.executor.release();
      weightsOf = request.model;
      const prepared = await prepare(request, open, store);
      throwIfCancelled(job);
      const { inspection: next } = prepared;
      job.inspection = next;
      events.started(next.summary());
      const earlier = request.basis === undefined ? undefined : finished.get(request.basis);
      await run(prepared, open, hooksOf(id, job), earlier);
      // Closed in its last moment: nobody would close it again.
      throwIfCancelled(job);
      const former = finished.get(id);
      finished.set(id, next);
      requests.set(id, request);
      done = true;
      await former?.subject.store.close();
      return next.summary();
    } catch (error) {
      // What fails after that, such as reading an earlier inspection that was closed with this one, is no news.
      throw job.cancelled ? new Cancelled() : explained(error);
    } finally {
      if (running.get(id) === job) running.delete(id);
      if (!done) await store.close();
    }
  }

  return {
    async info(): Promise<EngineInfo> {
      return {
        pid: process.pid,
        runtime: runtimeVersion(),
        variants: [NATIVE, ...VARIANTS.map(({ info }) => info)],
      };
    },
    describeModel: async model => (isDump(model) ? (await openDump(model)).info : describeCheckpoint(model)),
    dumpText: async path => (await openDump(path)).source.text,
    openDevice: async choice => (await device(choice)).info,
    inspect,
    compare,
    async cancel(id) {
      const job = running.get(id);
      if (job !== undefined) job.cancelled = true;
      return job !== undefined;
    },
    async close(id) {
      const job = running.get(id);
      if (job !== undefined) job.cancelled = true;
      const former = finished.get(id);
      finished.delete(id);
      requests.delete(id);
      await former?.subject.store.close();
    },
    tokens: async id => inspection(id).subject.source.table,
    losses: async id => inspection(id).losses,
    overview: async id => inspection(id).overview(),
    stats: async (id, head) => inspection(id).stats(head),
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

function throwIfCancelled({ cancelled }: Job): void {
  if (cancelled) throw new Cancelled();
}

/** A request without what it writes and builds on. */
function bare(request: InspectRequest): InspectRequest {
  const copy: { -readonly [K in keyof InspectRequest]: InspectRequest[K] } = { ...request };
  delete copy.logits;
  delete copy.basis;
  return copy;
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
