/** The programs that are loaded on a device: each once, within bounds of number and weights. */

import * as ort from 'onnxruntime-node';

import type { DeviceName } from '../../protocol/inspection';
import { encodeGraph } from '../onnx/encode';
import type { Graph, Program } from '../onnx/graph';
import { sizeOf } from '../onnx/tensor';
import { onDevice } from './deviceTrouble';

export interface SessionsOptions {
  /** Turn an operator without a kernel on the device into an error instead of running it on the CPU. */
  readonly strict?: boolean;
  /** How many loaded programs to keep; the least recently used one is released first. */
  readonly sessions?: number;
  /** Bytes of weights, as they are multiplied, that loaded programs may hold together; then likewise. */
  readonly weights?: number;
}

/** A program whose results may stay in the memory of the device. */
export interface DeviceProgram extends Program {
  readonly staysOnDevice?: boolean;
}

/** A model of more than this is loaded layer by layer, each time it runs. */
const MOST_WEIGHTS = 2 ** 29;

export interface Loaded {
  readonly session: ort.InferenceSession;
  readonly graph: Pick<Graph, 'name' | 'inputs' | 'outputs'>;
  /** Bytes of its weights as they are multiplied. */
  readonly weights: number;
}

export interface Sessions {
  /** Runs `work` with the program, which stays loaded until it is done. */
  using<T>(program: DeviceProgram, work: (loaded: Loaded) => Promise<T>): Promise<T>;
  /** Releases every session, those that are in use when they are done. */
  release(): Promise<void>;
}

/** A program that is loaded, or about to be. */
interface Entry {
  readonly loaded: Promise<Loaded>;
  /** How many runs of it are under way. */
  runs: number;
  /** It is to be unloaded as soon as nothing runs it. */
  isRetired: boolean;
}

// Its errors reach us as exceptions; what it prints besides would land on the user's terminal.
ort.env.logLevel = 'fatal';

export function createSessions(device: DeviceName, options: SessionsOptions): Sessions {
  const capacity = options.sessions ?? 512;
  const mostWeights = options.weights ?? MOST_WEIGHTS;
  let weights = 0;
  /** Those used longest ago first. */
  const entries = new Map<string, Entry>();

  async function load(program: DeviceProgram): Promise<Loaded> {
    const graph = program.build();
    const { name, inputs, outputs } = graph;
    const held = weightBytes(graph);
    if (held > 0) await makeRoom(held);
    const session = await onDevice(device, () =>
      ort.InferenceSession.create(encodeGraph(graph), {
        ...sessionOptions(device, graph, options),
        ...(program.staysOnDevice === true && { preferredOutputLocation: 'gpu-buffer' }),
      }),
    );
    weights += held;
    return { session, graph: { name, inputs, outputs }, weights: held };
  }

  /** Unloads the programs with weights that were used longest ago, until `wanted` bytes more are allowed. */
  async function makeRoom(wanted: number): Promise<void> {
    for (const [key, entry] of [...entries]) {
      if (weights + wanted <= mostWeights) return;
      const held = await entry.loaded.then(
        known => known.weights,
        () => 0,
      );
      if (held > 0 && entry.runs === 0) await retire(key, entry);
    }
  }

  /** Forgets a program, and unloads it when its last run has ended. */
  async function retire(key: string, entry: Entry): Promise<void> {
    if (entries.get(key) === entry) entries.delete(key);
    if (entry.isRetired) return;
    entry.isRetired = true;
    if (entry.runs === 0) await unload(entry);
  }

  async function unload({ loaded }: Entry): Promise<void> {
    // One that could not be loaded has told so to who asked for it.
    const known = await loaded.catch(() => undefined);
    if (known === undefined) return;
    weights -= known.weights;
    await known.session.release();
  }

  function entryOf(program: DeviceProgram): Entry {
    const { key } = program;
    const entry = entries.get(key) ?? { loaded: load(program), runs: 0, isRetired: false };
    entries.delete(key);
    entries.set(key, entry);
    return entry;
  }

  async function keepWithinCapacity(): Promise<void> {
    for (const [key, entry] of [...entries]) {
      if (entries.size <= capacity) return;
      if (entry.runs === 0) await retire(key, entry);
    }
  }

  return {
    async using(program, work) {
      const entry = entryOf(program);
      entry.runs += 1;
      try {
        const loaded = await loadedOf(program.key, entry);
        await keepWithinCapacity();
        return await work(loaded);
      } finally {
        entry.runs -= 1;
        if (entry.isRetired && entry.runs === 0) await unload(entry);
      }
    },

    async release() {
      for (const [key, entry] of [...entries]) await retire(key, entry);
    },
  };

  /** A program that cannot be loaded is tried anew the next time. */
  async function loadedOf(key: string, entry: Entry): Promise<Loaded> {
    try {
      return await entry.loaded;
    } catch (error) {
      if (entries.get(key) === entry) entries.delete(key);
      throw error;
    }
  }
}

function weightBytes({ initializers }: Graph): number {
  let bytes = 0;
  for (const item of initializers) {
    if ('external' in item) bytes += 4 * sizeOf(item.shape);
    else if (item.tensor.type.endsWith('int8')) bytes += sizeOf(item.tensor.shape);
  }
  return bytes;
}

function sessionOptions(
  device: DeviceName,
  graph: Graph,
  { strict = false }: SessionsOptions,
): ort.InferenceSession.SessionOptions {
  const external = graph.initializers.find(item => 'external' in item);
  const root = external === undefined ? undefined : rootOf(external.external.file);
  return {
    executionProviders: [device],
    graphOptimizationLevel: 'all',
    extra: {
      session: {
        // Spinning threads cost two fifths more processor time at the same wall time.
        intra_op: { allow_spinning: '0' },
        ...(root === undefined ? {} : { model_external_initializers_file_folder_path: root }),
        ...(strict && device !== 'cpu' ? { disable_cpu_ep_fallback: '1' } : {}),
      },
    },
  };
}

/** `/`, or a drive such as `C:\`. */
function rootOf(file: string): string {
  return /^[A-Za-z]:[\\/]/.exec(file)?.[0] ?? '/';
}
