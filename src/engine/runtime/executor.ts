/** Runs programs with ONNX Runtime on one execution provider. */

import * as ort from 'onnxruntime-node';

import type { DeviceName } from '../../protocol/inspection';
import { encodeGraph } from '../onnx/encode';
import type { Executor, Feeds, Graph, Program } from '../onnx/graph';
import { type ElementType, type HostArrays, sizeOf, type Tensor } from '../onnx/tensor';

export interface ExecutorOptions {
  /** Turn an operator without a kernel on the device into an error instead of running it on the CPU. */
  readonly strict?: boolean;
  /** How many loaded programs to keep; the least recently used one is released first. */
  readonly sessions?: number;
  /** Bytes of weights, as float32, that loaded programs may hold together; then likewise. */
  readonly weights?: number;
}

/** A model of more than this is loaded layer by layer, each time it runs. */
const MOST_WEIGHTS = 2 ** 29;

export interface OrtExecutor extends Executor {
  readonly device: DeviceName;
  /** Releases every session, those that run when they are done. The executor can be used again afterwards. */
  release(): Promise<void>;
}

interface Loaded {
  readonly session: ort.InferenceSession;
  readonly graph: Pick<Graph, 'name' | 'inputs' | 'outputs'>;
  /** Bytes of its weights, as float32. */
  readonly weights: number;
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

export function createExecutor(device: DeviceName, options: ExecutorOptions = {}): OrtExecutor {
  const capacity = options.sessions ?? 512;
  const mostWeights = options.weights ?? MOST_WEIGHTS;
  let weights = 0;
  /** Those used longest ago first. */
  const entries = new Map<string, Entry>();

  async function load(program: Program): Promise<Loaded> {
    const graph = program.build();
    const { name, inputs, outputs } = graph;
    const held = weightBytes(graph);
    if (held > 0) await makeRoom(held);
    const session = await ort.InferenceSession.create(
      encodeGraph(graph),
      sessionOptions(device, graph, options),
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

  function entryOf(program: Program): Entry {
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
    device,

    async run(program: Program, feeds: Feeds): Promise<Record<string, Tensor>> {
      const entry = entryOf(program);
      entry.runs += 1;
      try {
        const loaded = await loadedOf(program.key, entry);
        await keepWithinCapacity();
        return await runLoaded(loaded, feeds);
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

async function runLoaded({ session, graph }: Loaded, feeds: Feeds): Promise<Record<string, Tensor>> {
  const inputs: Record<string, ort.Tensor> = {};
  const lengths = new Map<string, number>();
  for (const { name, type, shape } of graph.inputs) {
    const feed = feeds[name];
    if (feed === undefined) throw new Error(`${graph.name}: no feed for '${name}'.`);
    checkFeed(`${graph.name}: '${name}'`, feed, type, shape, lengths);
    inputs[name] = new ort.Tensor(feed.type as 'float32', feed.data as Float32Array, feed.shape);
  }
  const results = await session.run(inputs);
  return Object.fromEntries(graph.outputs.map(({ name, type }) => [name, tensorOf(results[name]!, type)]));
}

function weightBytes({ initializers }: Graph): number {
  let bytes = 0;
  for (const item of initializers) if ('external' in item) bytes += 4 * sizeOf(item.shape);
  return bytes;
}

function tensorOf(result: ort.Tensor, type: ElementType): Tensor {
  return { type, shape: result.dims, data: result.data as HostArrays[ElementType] };
}

function checkFeed(
  label: string,
  feed: Tensor,
  type: ElementType,
  shape: readonly (number | string)[],
  lengths: Map<string, number>,
): void {
  const found = `${feed.type} [${feed.shape.join(', ')}]`;
  const wrong = () => new Error(`${label} is ${found}, expected ${type} [${shape.join(', ')}].`);
  if (feed.type !== type || feed.shape.length !== shape.length) throw wrong();
  shape.forEach((length, axis) => {
    const actual = feed.shape[axis]!;
    const expected = typeof length === 'number' ? length : (lengths.get(length) ?? actual);
    if (actual !== expected) throw wrong();
    if (typeof length === 'string') lengths.set(length, actual);
  });
}

function sessionOptions(
  device: DeviceName,
  graph: Graph,
  { strict = false }: ExecutorOptions,
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

/** Name and version of the runtime. */
export function runtimeVersion(): string {
  return `ONNX Runtime ${ort.env.versions.node ?? ort.env.versions.common}`;
}
