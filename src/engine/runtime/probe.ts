/** Whether an execution provider computes what the CPU computes, tried on a small attention. */

import { performance } from 'node:perf_hooks';

import type { Precision } from '../../protocol/inspection';
import { GraphBuilder } from '../onnx/builder';
import type { Feeds, Program } from '../onnx/graph';
import { floats, integers } from '../onnx/tensor';
import { deviceTitle, reasonOf } from './deviceTrouble';
import { createExecutor, type OrtExecutor } from './executor';

const HEADS = 4;
const QUERIES = 64;
const KEYS = 512;
const WIDTH = 32;

/** Largest relative error against the CPU that still counts as the same number. */
const TOLERANCE: Readonly<Record<Precision, number>> = {
  float32: 1e-3,
  // Sums of `WIDTH` products in 11 bits, where each step, and each factor, may be off by half of the last one.
  float16: (WIDTH + 2) * 2 ** -11,
};

export interface ProbeOptions {
  /** That of the executor. */
  readonly precision: Precision;
  /** Whether one that is much slower than the CPU is refused, as software adapters are. */
  readonly timed: boolean;
}

/** Why an executor cannot be used, as a sentence without its full stop; undefined when it can. */
export async function refusal(
  executor: OrtExecutor,
  { precision, timed }: ProbeOptions,
): Promise<string | undefined> {
  const device = deviceTitle(executor.device);
  const title = precision === 'float32' ? device : `${precision} on ${device}`;
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
    if (error > TOLERANCE[precision] * largest) {
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

function tooSlow(milliseconds: number, onCpu: number): boolean {
  return milliseconds > 10 + 4 * onCpu;
}

interface ProbeResult {
  readonly values: Float32Array;
  readonly milliseconds: number;
}

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

/** In steps that a half has too, so that the mask is the same in every precision. */
function wave(length: number, step: number): Float32Array {
  return Float32Array.from({ length }, (_, i) => Math.round(512 * Math.sin(i * step)) / 512);
}
