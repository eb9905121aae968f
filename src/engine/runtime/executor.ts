/** Runs programs with ONNX Runtime on one execution provider. */

import * as ort from 'onnxruntime-node';

import type { DeviceName } from '../../protocol/inspection';
import type { Executor, Feeds, Value } from '../onnx/graph';
import { type ElementType, type HostArrays, sizeOf, type Tensor } from '../onnx/tensor';
import { DeviceMemory } from './deviceMemory';
import { onDevice } from './deviceTrouble';
import { roundedFeeds } from './rounded';
import { createSessions, type SessionsOptions } from './sessions';
import { uploadProgram } from './upload';

export interface ExecutorOptions extends SessionsOptions {
  /** Is told of every run before it starts. */
  readonly observe?: (run: RunRecord) => void;
}

/** What a run is given. */
export interface RunRecord {
  /** The program's key. */
  readonly program: string;
  /** The shapes of all inputs: devices that compile do so once for each of these. */
  readonly shapes: string;
  /** Bytes that come from host memory. */
  readonly bytes: number;
}

export interface OrtExecutor extends Executor {
  readonly device: DeviceName;
  /** Releases every session, those that run when they are done. The executor can be used again afterwards. */
  release(): Promise<void>;
}

type OrtTensors = Readonly<Record<string, ort.Tensor>>;

/** The provider whose buffers the Node binding of ONNX Runtime can keep between runs. */
const KEEPS_TENSORS: DeviceName = 'webgpu';

/** So many numbers of 32 bits every WebGPU adapter can bind at once; of what is larger, graphs are fed parts. */
const MOST_KEPT = 2 ** 25;

export function createExecutor(device: DeviceName, options: ExecutorOptions = {}): OrtExecutor {
  const wantsFewShapes = device !== 'cpu';
  const sessions = createSessions(device, options);
  const memory = new DeviceMemory<ort.Tensor>(tensor => {
    const program = uploadProgram(tensor);
    return sessions.using(program, async ({ session }) => {
      const feed = ortTensor(tensor);
      const { copy } = await start(session, program.key, { tensor: feed });
      return copy!;
    });
  });

  function start(session: ort.InferenceSession, program: string, inputs: OrtTensors): Promise<OrtTensors> {
    options.observe?.(recordOf(program, inputs));
    return onDevice(device, () => session.run(inputs));
  }

  return {
    device,
    wantsFewShapes,

    // A copy must go before the last session does, and with it the device.
    run: (program, feeds) =>
      sessions.using(program, ({ session, graph: { name, inputs, outputs } }) =>
        memory.reading(Object.values(feeds), async copies => {
          const axis = wantsFewShapes ? program.independentAlong : undefined;
          const rounded = roundedFeeds(inputs, feeds, axis);
          checkFeeds(name, inputs, rounded.feeds);
          const fed = inputs.map(input => {
            const feed = rounded.feeds[input.name]!;
            return [input.name, copies.get(feed) ?? ortTensor(feed)];
          });
          const results = await start(session, program.key, Object.fromEntries(fed) as OrtTensors);
          return Object.fromEntries(
            outputs.map(output => {
              const result = tensorOf(results[output.name]!, output.type);
              return [output.name, rounded.cut(output, result)];
            }),
          );
        }),
      ),

    hold(...tensors) {
      let held = device === KEEPS_TENSORS ? tensors.filter(({ shape }) => sizeOf(shape) <= MOST_KEPT) : [];
      for (const tensor of held) memory.hold(tensor);
      return {
        release() {
          for (const tensor of held) memory.release(tensor);
          held = [];
        },
      };
    },

    holds: tensor => memory.has(tensor),

    async release() {
      memory.clear();
      await sessions.release();
    },
  };
}

function ortTensor({ type, data, shape }: Tensor): ort.Tensor {
  return new ort.Tensor(type as 'float32', data as Float32Array, shape);
}

function tensorOf(result: ort.Tensor, type: ElementType): Tensor {
  return { type, shape: result.dims, data: result.data as HostArrays[ElementType] };
}

function recordOf(program: string, inputs: OrtTensors): RunRecord {
  const shapes = Object.entries(inputs).map(([name, { dims }]) => `${name} [${dims.join(', ')}]`);
  let bytes = 0;
  for (const input of Object.values(inputs)) {
    if (input.location === 'cpu') bytes += (input.data as Float32Array).byteLength;
  }
  return { program, shapes: shapes.join(', '), bytes };
}

/** @throws Error when a feed is missing or its shape contradicts the graph. */
function checkFeeds(graph: string, inputs: readonly Value[], feeds: Feeds): void {
  const lengths = new Map<string, number>();
  for (const { name, type, shape } of inputs) {
    const feed = feeds[name];
    if (feed === undefined) throw new Error(`${graph}: no feed for '${name}'.`);
    checkFeed(`${graph}: '${name}'`, feed, type, shape, lengths);
  }
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

/** Name and version of the runtime. */
export function runtimeVersion(): string {
  return `ONNX Runtime ${ort.env.versions.node ?? ort.env.versions.common}`;
}
