/** Runs programs with ONNX Runtime on one execution provider. */

import * as ort from 'onnxruntime-node';

import type { DeviceName, Precision } from '../../protocol/inspection';
import type { Executor, Feeds, Value } from '../onnx/graph';
import { halfProgram, unitName } from '../onnx/half';
import {
  type ElementType,
  floats,
  type FloatTensor,
  type HostArrays,
  sizeOf,
  type Tensor,
} from '../onnx/tensor';
import { DeviceMemory, type DeviceTensor } from './deviceMemory';
import { onDevice } from './deviceTrouble';
import { narrowed } from './narrowed';
import { roundedFeeds } from './rounded';
import { createSessions, type SessionsOptions } from './sessions';
import { uploadProgram } from './upload';

export interface ExecutorOptions extends SessionsOptions {
  /**
   * `float16`: float32 tensors are held as halves, and graphs multiply with them in half precision as far as
   * `halfProgram` does. A device without memory of its own is fed the halves in every run.
   */
  readonly precision?: Precision;
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

/** A tensor as graphs are fed it. */
interface Fed {
  readonly tensor: ort.Tensor;
  /** What halves are multiplied with to be the numbers that they stand for; undefined for other types. */
  readonly unit: number | undefined;
}

/** The provider whose buffers the Node binding of ONNX Runtime can keep between runs. */
export const KEEPS_TENSORS: DeviceName = 'webgpu';

/** So many bytes every WebGPU adapter can bind at once; of what is larger, graphs are fed parts. */
const MOST_KEPT = 2 ** 27;

export function createExecutor(device: DeviceName, options: ExecutorOptions = {}): OrtExecutor {
  const wantsFewShapes = device !== 'cpu';
  const isHalf = options.precision === 'float16';
  const keeps = device === KEEPS_TENSORS;
  const sessions = createSessions(device, options);
  const memory = new DeviceMemory<Fed & DeviceTensor>(async tensor => {
    const asFed = isHalf && isFloats(tensor) ? narrowed(tensor) : { tensor, unit: undefined };
    const { unit } = asFed;
    const feed = ortTensor(asFed.tensor);
    if (!keeps) return { tensor: feed, unit, dispose: () => undefined };
    const program = uploadProgram(asFed.tensor);
    return sessions.using(program, async ({ session }) => {
      const { copy } = await start(session, program.key, { tensor: feed });
      return { tensor: copy!, unit, dispose: () => copy!.dispose() };
    });
  });

  /** The inputs that are fed as halves. */
  function halvesIn(feeds: Feeds): readonly string[] {
    if (!isHalf) return [];
    return Object.keys(feeds).filter(name => isFloats(feeds[name]!) && memory.has(feeds[name]));
  }

  function start(session: ort.InferenceSession, program: string, inputs: OrtTensors): Promise<OrtTensors> {
    options.observe?.(recordOf(program, inputs));
    return onDevice(device, () => session.run(inputs));
  }

  return {
    device,
    wantsFewShapes,

    run(program, feeds) {
      const halves = halvesIn(feeds);
      const units = new Set(halves.map(unitName));
      const used = halfProgram(program, halves);
      // A copy must go before the last session does, and with it the device.
      return sessions.using(used, ({ session, graph: { name, inputs, outputs } }) =>
        memory.reading(Object.values(feeds), async copies => {
          const asked = inputs.filter(input => !units.has(input.name));
          const axis = wantsFewShapes ? program.independentAlong : undefined;
          const rounded = roundedFeeds(asked, feeds, axis);
          checkFeeds(name, asked, rounded.feeds);
          const fed = asked.flatMap(input => {
            const feed = rounded.feeds[input.name]!;
            return inputsOf(input, fedAs(input.type, feed, copies.get(feed)));
          });
          const results = await start(session, used.key, Object.fromEntries(fed));
          return Object.fromEntries(
            outputs.map(output => {
              const result = tensorOf(results[output.name]!, output.type);
              return [output.name, rounded.cut(output, result)];
            }),
          );
        }),
      );
    },

    hold(...tensors) {
      const bytes = (tensor: Tensor) => sizeOf(tensor.shape) * (isHalf && isFloats(tensor) ? 2 : 4);
      let held = keeps || isHalf ? tensors.filter(tensor => bytes(tensor) <= MOST_KEPT) : [];
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

function isFloats(tensor: Tensor): tensor is FloatTensor {
  return tensor.type === 'float32';
}

/** What is fed as `type`: the copy that is kept, or the tensor itself where that has come or gone in the meantime. */
function fedAs(type: ElementType, feed: Tensor, copy: Fed | undefined): Fed {
  if (copy?.tensor.type === type) return copy;
  if (type !== 'float16' || !isFloats(feed)) return { tensor: ortTensor(feed), unit: undefined };
  const { tensor, unit } = narrowed(feed);
  return { tensor: ortTensor(tensor), unit };
}

/** An input, and its unit where it is halves. */
function inputsOf({ name }: Value, { tensor, unit }: Fed): [string, ort.Tensor][] {
  if (unit === undefined) return [[name, tensor]];
  return [
    [name, tensor],
    [unitName(name), ortTensor(floats([], Float32Array.of(unit)))],
  ];
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
  const isNarrowed = type === 'float16' && isFloats(feed);
  if ((feed.type !== type && !isNarrowed) || feed.shape.length !== shape.length) throw wrong();
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
