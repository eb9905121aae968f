/** Chooses an execution provider: one that is present and computes what the CPU computes. */

import { performance } from 'node:perf_hooks';

import { type DeviceChoice, type DeviceInfo, type DeviceName } from '../../protocol/inspection';
import { GraphBuilder } from '../onnx/builder';
import type { Feeds, Program } from '../onnx/graph';
import { floats, integers } from '../onnx/tensor';
import { deviceTitle, reasonOf } from './deviceTrouble';
import { createExecutor, type OrtExecutor } from './executor';
import { hasVulkanDriver } from './vulkan';

/** Best first. */
const PREFERENCE: readonly DeviceName[] = ['cuda', 'webgpu', 'dml', 'coreml'];

/** Providers that ONNX Runtime has for a platform; it ignores the others without a word. */
const PLATFORMS: Readonly<Record<DeviceName, readonly NodeJS.Platform[]>> = {
  cpu: ['linux', 'win32', 'darwin'],
  webgpu: ['linux', 'win32', 'darwin'],
  cuda: ['linux', 'win32'],
  dml: ['win32'],
  coreml: ['darwin'],
};

/** Largest relative error against the CPU that still counts as the same number. */
const TOLERANCE = 1e-3;

/** `auto` leaves a provider that takes so much longer than the CPU, as software adapters do. */
const tooSlow = (milliseconds: number, onCpu: number) => milliseconds > 10 + 4 * onCpu;

export interface OpenDevice {
  readonly info: DeviceInfo;
  readonly executor: OrtExecutor;
}

/** Never fails for want of a GPU: falls back to the CPU and says why in `info.fallback`. */
export async function openDevice(choice: DeviceChoice): Promise<OpenDevice> {
  if (choice === 'cpu') return onCpu(undefined);
  const candidates =
    choice === 'auto' ? PREFERENCE.filter(device => absence(device) === undefined) : [choice];
  const reasons: string[] = [];
  for (const device of candidates) {
    const executor = createExecutor(device);
    const reason = absence(device) ?? (await refusal(executor, choice === 'auto'));
    if (reason === undefined) return { info: { name: device, fallback: undefined }, executor };
    reasons.push(reason);
    await executor.release();
  }
  return onCpu(choice === 'auto' ? undefined : `${reasons.join('; ')}. The CPU is used instead.`);
}

function onCpu(fallback: string | undefined): OpenDevice {
  return { info: { name: 'cpu', fallback }, executor: createExecutor('cpu') };
}

/** Why a device cannot be here, as far as is known without asking the runtime; undefined when it may be. */
function absence(device: DeviceName): string | undefined {
  const { platform } = process;
  if (!PLATFORMS[device].includes(platform)) return `${deviceTitle(device)} does not exist on ${platform}`;
  if (device === 'webgpu' && platform === 'linux' && !hasVulkanDriver()) {
    return 'WebGPU needs a Vulkan driver, and none was found';
  }
  return undefined;
}

/** Why an executor cannot be used; undefined when it can. */
async function refusal(executor: OrtExecutor, timed: boolean): Promise<string | undefined> {
  const title = deviceTitle(executor.device);
  const cpu = createExecutor('cpu');
  try {
    const expected = await probe(cpu);
    const found = await probe(executor);
    const largest = expected.values.reduce((max, value) => Math.max(max, Math.abs(value)), 0);
    const error = expected.values.reduce((max, value, i) => {
      const difference = Math.abs(value - found.values[i]!);
      // NaN must not compare as small.
      return difference <= max ? max : Number.isNaN(difference) ? Infinity : difference;
    }, 0);
    if (error > TOLERANCE * largest) {
      return `${title} computes other numbers than the CPU (relative error ${(error / largest).toExponential(1)})`;
    }
    if (timed && tooSlow(found.milliseconds, expected.milliseconds)) {
      return `${title} is slower than the CPU here`;
    }
    return undefined;
  } catch (error) {
    return `${title} could not be opened (${reasonOf(error)})`;
  } finally {
    await cpu.release();
  }
}

interface ProbeResult {
  readonly values: Float32Array;
  readonly milliseconds: number;
}

const HEADS = 4;
const QUERIES = 64;
const KEYS = 512;
const WIDTH = 32;

/** A small masked attention: the operators, shapes and kept keys that inspection lives on. */
async function probe(executor: OrtExecutor): Promise<ProbeResult> {
  const held = executor.hold(FEEDS.k);
  try {
    await executor.run(PROBE, FEEDS);
    const start = performance.now();
    const { y } = await executor.run(PROBE, FEEDS);
    return { values: y!.data as Float32Array, milliseconds: performance.now() - start };
  } finally {
    held.release();
  }
}

const PROBE: Program = {
  key: 'probe',
  build() {
    const g = new GraphBuilder('probe');
    const q = g.input('q', 'float32', [HEADS, QUERIES, WIDTH]);
    const k = g.input('k', 'float32', [HEADS, KEYS, WIDTH]);
    const order = g.input('order', 'int32', [KEYS]);
    const gathered = g.gather(k, order, 1);
    const scores = g.mul(g.matMul(q, g.transpose(gathered, 0, 2, 1)), 1 / Math.sqrt(WIDTH));
    const mask = g.lessOrEqual(g.reduce('ReduceMax', gathered, 2), 0.9999);
    const masked = g.where(g.reshape(mask, [HEADS, 1, KEYS]), scores, -1e30);
    g.output('y', g.matMul(g.softmax(masked), gathered));
    return g.build();
  },
};

const FEEDS = {
  q: floats([HEADS, QUERIES, WIDTH], wave(HEADS * QUERIES * WIDTH, 0.37)),
  k: floats([HEADS, KEYS, WIDTH], wave(HEADS * KEYS * WIDTH, 0.61)),
  order: integers(
    [KEYS],
    Int32Array.from({ length: KEYS }, (_, i) => (i * 7) % KEYS),
  ),
} satisfies Feeds;

function wave(length: number, step: number): Float32Array {
  return Float32Array.from({ length }, (_, i) => Math.sin(i * step));
}
