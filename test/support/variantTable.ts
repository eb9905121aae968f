/**
 * Every variant in the list, without exception: rows against the plain reference, rows against the
 * identity probe, `M v = y`, and statistics against float64 arithmetic, at odd sizes and on each device.
 */

import { afterAll, describe, expect, it } from 'vitest';

import { type DeviceName, SINK_TOKENS, SPAN_MASS, ROW_STAT_NAMES } from '../../src/protocol/inspection';
import { floats } from '../../src/engine/onnx/tensor';
import { createExecutor, type OrtExecutor } from '../../src/engine/runtime/executor';
import { VARIANTS } from '../../src/engine/variants';
import {
  type Attended,
  type Block,
  type Example,
  type Layer,
  type Mixer,
  paddedLength,
} from '../../src/engine/variants/primitives/mixer';
import { normal, random } from './random';

const HEADS = 4;
const GROUPS = 2;
const WIDTH = 16;
const BLOCK = 50;

/** Declares the tests of every variant on a device. */
export function describeVariants(device: DeviceName): void {
  describe(`variants on ${device}`, () => {
    const executor = createExecutor(device, { strict: true });
    afterAll(() => executor.release());

    const table = VARIANTS.flatMap(variant =>
      variant.examples.flatMap((example, number) =>
        sizesOf(device, number).map(tokens => ({
          id: variant.info.id,
          params: example.params,
          variant,
          example,
          tokens,
        })),
      ),
    );

    it.each(table)('$id $params over $tokens tokens', async ({ variant, example, params, tokens }) => {
      const layer = randomLayer(executor, tokens, example);
      const mixer = await variant.open(layer, params);
      const { memory = 0 } = mixer;
      const { y, stats } = await attendAll(mixer, tokens);
      const reference = variant.reference(referenceInputs(layer, Number(params['scale'] ?? 0)), params);
      await checkRows(mixer, reference, tokens, memory, device === 'cpu' ? 1 : 17);

      const probe = await attendAll(await variant.open(identityLayer(layer, memory), params), tokens);
      expect(largestDifference(probe.y, reference)).toBeLessThan(1e-5);

      const product = multiply(probe.y, layer, memory);
      const largest = product.reduce((max, value) => Math.max(max, Math.abs(value)), 0);
      expect(largestDifference(y, product) / largest).toBeLessThan(1e-5);

      if (stats.entropy.length > 0)
        checkStatistics(stats, reference, tokens, memory, params['causal'] !== false);
    });
  });
}

/**
 * A software GPU compiles for seconds at every new shape: each example runs at one of the sizes there, unless
 * LONGSIGHT_EVERY_SIZE is set.
 */
function sizesOf(device: DeviceName, example: number): readonly number[] {
  if (device === 'cpu' || process.env['LONGSIGHT_EVERY_SIZE'] !== undefined) return [63, 111, 257];
  return [example % 2 === 0 ? 63 : 111];
}

function randomLayer(executor: OrtExecutor, tokens: number, example: Example): Layer {
  const uniform = random(tokens);
  const padded = paddedLength(tokens);
  const randomHeads = (heads: number) => {
    const x = floats([heads, padded, WIDTH]);
    for (let h = 0; h < heads; h++) {
      for (let at = 0; at < tokens * WIDTH; at++) x.data[h * padded * WIDTH + at] = 1.5 * normal(uniform);
    }
    return x;
  };
  const units = () =>
    Int32Array.from({ length: tokens }, (_, i) => (i < 20 ? 0 : i < 25 ? 1 : 2 + Math.floor(i / 40)));
  const sizes = { heads: HEADS, tokens, width: WIDTH, normal: () => normal(uniform) };
  const tensors = example.tensors?.(sizes) ?? {};
  return {
    executor,
    index: 0,
    count: 1,
    tokens,
    q: randomHeads(HEADS),
    k: randomHeads(GROUPS),
    v: randomHeads(GROUPS),
    units,
    tensors,
  };
}

/** The layer with values that are rows of the identity, one for every key, those of a memory first. */
function identityLayer(layer: Layer, memory: number): Layer {
  const { tokens } = layer;
  const identity = (groups: number, rows: number, padded: number, first: number) => {
    const v = floats([groups, padded, memory + tokens]);
    for (let g = 0; g < groups; g++) {
      for (let j = 0; j < rows; j++) v.data[(g * padded + j) * (memory + tokens) + first + j] = 1;
    }
    return v;
  };
  const v = identity(GROUPS, tokens, paddedLength(tokens), memory);
  if (memory === 0) return { ...layer, v };
  return { ...layer, v, tensors: { ...layer.tensors, mem_v: identity(HEADS, memory, memory, 0) } };
}

async function attendAll(mixer: Mixer, tokens: number) {
  const stats = { entropy: [] as number[], span: [] as number[], sink: [] as number[], peak: [] as number[] };
  const blocks: (Block & Attended)[] = [];
  for (let start = 0; start < tokens; start += BLOCK) {
    const end = Math.min(tokens, start + BLOCK);
    blocks.push({ start, end, ...(await mixer.attend({ start, end })) });
  }
  const width = blocks[0]!.y.length / HEADS / (blocks[0]!.end - blocks[0]!.start);
  const y = new Float32Array(HEADS * tokens * width);
  for (const block of blocks) {
    const length = block.end - block.start;
    for (let h = 0; h < HEADS; h++) {
      y.set(
        block.y.subarray(h * length * width, (h + 1) * length * width),
        (h * tokens + block.start) * width,
      );
      for (const name of block.stats === undefined ? [] : ROW_STAT_NAMES) {
        block.stats![name].subarray(h * length, (h + 1) * length).forEach((value, b) => {
          stats[name][h * tokens + block.start + b] = value;
        });
      }
    }
  }
  return { y, stats };
}

/** Every `step`-th row of every head: a software GPU takes its time over each. */
async function checkRows(
  mixer: Mixer,
  reference: Float64Array,
  tokens: number,
  memory: number,
  step: number,
): Promise<void> {
  const length = memory + tokens;
  for (let row = HEADS * tokens - 1; row >= 0; row -= step) {
    const { keys, weights } = await mixer.row(Math.floor(row / tokens), row % tokens);
    const found = new Float32Array(length);
    keys.forEach((key, at) => (found[key] = weights[at]!));
    const expected = reference.subarray(row * length, (row + 1) * length);
    expect(largestDifference(found, expected)).toBeLessThan(1e-5);
  }
}

function referenceInputs(layer: Layer, given: number) {
  const { tokens } = layer;
  const scale = given === 0 ? 1 / Math.sqrt(WIDTH) : given;
  const compact = (x: Layer['q']) => {
    const flat = new Float32Array(HEADS * tokens * WIDTH);
    const heads = x.shape[0]!;
    for (let h = 0; h < HEADS; h++) {
      const from = Math.floor((h * heads) / HEADS) * x.shape[1]! * WIDTH;
      flat.set(x.data.subarray(from, from + tokens * WIDTH), h * tokens * WIDTH);
    }
    return flat;
  };
  const q = compact(layer.q);
  const k = compact(layer.k);
  const score = (h: number, i: number, j: number) => {
    let sum = 0;
    for (let d = 0; d < WIDTH; d++)
      sum += q[(h * tokens + i) * WIDTH + d]! * k[(h * tokens + j) * WIDTH + d]!;
    return sum * scale;
  };
  return {
    heads: HEADS,
    tokens,
    score,
    q,
    k,
    width: WIDTH,
    scale,
    units: layer.units,
    tensors: layer.tensors,
  };
}

/** `M` times the values, a memory's first. */
function multiply(m: Float32Array, { v, tokens, tensors }: Layer, memory: number): Float64Array {
  const y = new Float64Array(HEADS * tokens * WIDTH);
  const length = memory + tokens;
  for (let h = 0; h < HEADS; h++) {
    const from = Math.floor((h * GROUPS) / HEADS) * v.shape[1]! * WIDTH;
    const remembered = tensors['mem_v']?.data.subarray(h * memory * WIDTH, (h + 1) * memory * WIDTH);
    for (let i = 0; i < tokens; i++) {
      for (let j = 0; j < length; j++) {
        const weight = m[(h * tokens + i) * length + j]!;
        const [values, at] = j < memory ? [remembered!, j * WIDTH] : [v.data, from + (j - memory) * WIDTH];
        for (let e = 0; e < WIDTH; e++) y[(h * tokens + i) * WIDTH + e]! += weight * values[at + e]!;
      }
    }
  }
  return y;
}

function largestDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  expect(a.length).toBe(b.length);
  let largest = 0;
  for (let at = 0; at < a.length; at++) {
    const difference = Math.abs(a[at]! - b[at]!);
    if (!(difference <= largest)) largest = Number.isNaN(difference) ? Infinity : difference;
  }
  return largest;
}

function checkStatistics(
  stats: Record<'entropy' | 'span' | 'sink' | 'peak', number[]>,
  m: Float64Array,
  tokens: number,
  memory: number,
  causal: boolean,
): void {
  const length = memory + tokens;
  for (let row = 0; row < HEADS * tokens; row++) {
    const i = memory + (row % tokens);
    const weights = m.subarray(row * length, (row + 1) * length);
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    const entropy = weights.reduce((sum, w) => (w > 0 ? sum - (w / total) * Math.log(w / total) : sum), 0);
    expect(Math.abs(stats.entropy[row]! - entropy)).toBeLessThan(2e-5);
    expect(Math.abs(stats.peak[row]! - Math.max(...weights))).toBeLessThan(1e-5);
    const sink = weights.subarray(0, SINK_TOKENS).reduce((sum, weight) => sum + weight, 0);
    expect(Math.abs(stats.sink[row]! - sink)).toBeLessThan(1e-5);
    // A span is right when it holds the mass and one token less does not, up to rounding at the edge.
    const within = (span: number) =>
      weights.reduce((sum, w, j) => {
        const inside = causal ? i - j < span : Math.abs(i - j) < span;
        return inside ? sum + w : sum;
      }, 0);
    const span = stats.span[row]!;
    if (total === 0) {
      expect(span).toBe(0);
      continue;
    }
    expect(Number.isInteger(span)).toBe(true);
    expect(within(span)).toBeGreaterThan((SPAN_MASS - 1e-5) * total);
    expect(within(span - 1)).toBeLessThan((SPAN_MASS + 1e-5) * total);
  }
}
