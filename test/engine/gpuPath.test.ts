/** What attention does for a GPU, on the CPU: keys stay on the device, shapes are few, results are the same. */

import { afterAll, describe, expect, it } from 'vitest';

import { attendLayer, blockLength } from '../../src/engine/attention';
import { GraphBuilder } from '../../src/engine/onnx/builder';
import { resized, roundedRows, roundedUp } from '../../src/engine/onnx/rounding';
import { floats } from '../../src/engine/onnx/tensor';
import { createExecutor } from '../../src/engine/runtime/executor';
import { roundedFeeds } from '../../src/engine/runtime/rounded';
import { VARIANTS } from '../../src/engine/variants';
import { keyLength } from '../../src/engine/variants/primitives/keys';
import { Cancelled } from '../../src/protocol/problem';
import { attendAll, stateOf } from '../support/attended';
import { likeGpu } from '../support/likeGpu';
import { exampleLayer, HEADS, randomLayer } from '../support/randomLayer';

const cpu = createExecutor('cpu');
const gpu = likeGpu();
afterAll(async () => {
  await cpu.release();
  await gpu.release();
});

/** The whole layer, and a row of it. */
async function attendWithRow(...[layer, id, params]: Parameters<typeof attendAll>) {
  const attended = await attendAll(layer, id, params);
  return { ...attended, row: await attended.mixer.row(HEADS - 1, layer.tokens - 2) };
}

describe('attention as a GPU takes it equals attention on the CPU', () => {
  it.each([
    ['dense', {}, 300],
    ['dense', { causal: false }, 111],
    ['dense', {}, 17],
    ['local', { window: 40, sinks: 3 }, 300],
    ['bias-alibi', {}, 300],
    ['block-topk', { block: 32, keep: 3 }, 200],
    ['topk', { k: 9 }, 150],
    ['bigbird', {}, 200],
    ['longformer', {}, 200],
    ['segmented', {}, 200],
  ])('%s %o over %i tokens', async (id, params, tokens) => {
    const expected = await attendWithRow(randomLayer(cpu, tokens), id, params);
    const found = await attendWithRow(randomLayer(gpu, tokens), id, params);
    expectClose(found.outputs, expected.outputs);
    for (const name of ['entropy', 'sink', 'peak'] as const) {
      expectClose(found.stats[name], expected.stats[name]);
    }
    expect(found.row.keys).toEqual(expected.row.keys);
    expectClose(found.row.weights, expected.row.weights);
    expect(gpu.held.size).toBe(0);
  });
});

it.each(VARIANTS.map(variant => ({ id: variant.info.id, example: variant.examples[0]! })))(
  'so it is for $id',
  async ({ id, example }) => {
    const tokens = 131;
    const expected = await attendWithRow(exampleLayer(cpu, tokens, example), id, example.params);
    const found = await attendWithRow(exampleLayer(gpu, tokens, example), id, example.params);
    expectClose(found.outputs, expected.outputs);
    expectClose(found.stats.entropy, expected.stats.entropy);
    expect(found.row.keys).toEqual(expected.row.keys);
    expectClose(found.row.weights, expected.row.weights);
  },
);

it('gives the rows of a block, while the keys are held and afterwards', async () => {
  const layer = randomLayer(gpu, 100);
  const { mixer } = await stateOf(layer, 'dense', {});
  const plain = await stateOf(randomLayer(cpu, 100), 'dense', {});
  const expected = await plain.mixer.rows!({ start: 40, end: 63 });
  const held = gpu.hold(layer.k, layer.v);
  for (const isHeld of [true, false]) {
    if (!isHeld) held.release();
    const rows = await mixer.rows!({ start: 40, end: 63 });
    for (const query of [40, 62]) {
      expect(rows(1, query).keys).toEqual(expected(1, query).keys);
      expectClose(rows(1, query).weights, expected(1, query).weights);
    }
  }
});

it.each(['dense', 'local', 'bias-alibi'])('meets few shapes in a long document: %s', async id => {
  const countOf = async (tokens: number) => {
    const executor = likeGpu();
    await attendAll(randomLayer(executor, tokens), id, {});
    await executor.release();
    return executor.shapes.size;
  };
  const [shorter, longer] = [await countOf(1500), await countOf(6001)];
  const exact = Math.ceil(6001 / 128);
  expect(longer).toBeLessThan(exact / 2);
  // Two lengths of keys for every doubling; a block may have half the queries at a boundary.
  expect(longer - shorter).toBeLessThanOrEqual(6);
});

describe("a layer's keys and values", () => {
  it.each([
    { how: 'the layer is done', error: undefined },
    { how: 'a run fails', error: new Error('device lost') },
    { how: 'the user cancels', error: new Cancelled() },
  ])('are held in all of its blocks and given back when $how', async ({ error }) => {
    const layer = randomLayer(gpu, 600);
    const { state, mixer } = await stateOf(layer, 'dense', {});
    let blocks = 0;
    const attended = attendLayer(state, { mixer, own: undefined, from: 0 }, async () => {
      expect(gpu.held).toEqual(new Set([layer.k, layer.v]));
      blocks += 1;
      if (error !== undefined && blocks === 2) await Promise.reject(error);
    });
    if (error === undefined) await attended;
    else await expect(attended).rejects.toBe(error);
    expect(blocks).toBe(error === undefined ? Math.ceil(600 / blockLength([mixer], 0, 600, HEADS)) : 2);
    expect(gpu.held.size).toBe(0);
  });
});

describe('rounding', () => {
  it('adds at most half, in two lengths for every doubling', () => {
    const lengths = new Set<number>();
    for (let length = 1; length <= 2 ** 13; length++) {
      const rounded = roundedUp(length, 64);
      expect(rounded).toBeGreaterThanOrEqual(length);
      if (length > 64) expect(rounded).toBeLessThanOrEqual(length * 2 - 1);
      if (length > 128) expect(rounded).toBeLessThanOrEqual(length * 1.5);
      expect(rounded % 64).toBe(0);
      lengths.add(rounded);
    }
    expect([...lengths].slice(0, 6)).toEqual([64, 128, 192, 256, 384, 512]);
    expect(lengths.size).toBe(2 * Math.log2(2 ** 13 / 64));
    expect([0, 1, 2, 16, 17, 129].map(roundedRows)).toEqual([0, 1, 16, 16, 32, 256]);
  });

  it('leaves whole tiles as they are where shapes cost nothing', () => {
    expect([0, 1, 64, 65, 300].map(count => keyLength(count, false))).toEqual([64, 64, 64, 128, 320]);
    expect([0, 1, 64, 65, 300].map(count => keyLength(count, true))).toEqual([64, 64, 64, 128, 384]);
  });

  it('cuts and lengthens the parts of an array, of any element', () => {
    const x = Float32Array.of(1, 2, 3, 4).subarray(0, 4);
    expect(resized(x, 2, 2)).toBe(x);
    expect([...resized(x, 2, 3)]).toEqual([1, 2, 0, 3, 4, 0]);
    expect([...resized(BigInt64Array.of(1n, 2n, 3n, 4n).subarray(2), 2, 1)]).toEqual([3n]);
  });

  it('adds rows to the inputs of a program and drops them from its results', () => {
    const g = new GraphBuilder('middle');
    const x = g.input('x', 'float32', [2, 'B', 3]);
    g.input('scale', 'float32', []);
    g.output('y', g.reduce('ReduceSum', x, 2));
    const { inputs, outputs } = g.build();
    const data = Float32Array.from({ length: 2 * 5 * 3 }, (_, at) => at);
    const feeds = { x: floats([2, 5, 3], data), scale: floats([]) };
    const rounded = roundedFeeds(inputs, feeds, 'B');
    expect(rounded.feeds['x']!.shape).toEqual([2, 16, 3]);
    expect([...(rounded.feeds['x']!.data as Float32Array).subarray(48, 51)]).toEqual([15, 16, 17]);
    expect(rounded.feeds['scale']).toBe(feeds.scale);
    const result = floats(
      [2, 16],
      Float32Array.from({ length: 32 }, (_, at) => at),
    );
    expect(rounded.cut(outputs[0]!, result)).toEqual(
      floats([2, 5], Float32Array.of(0, 1, 2, 3, 4, 16, 17, 18, 19, 20)),
    );
    expect(roundedFeeds(inputs, feeds, undefined).feeds).toBe(feeds);
  });
});

function expectClose(found: ArrayLike<number>, expected: ArrayLike<number>): void {
  expect(found.length).toBe(expected.length);
  let worst = 0;
  for (let at = 0; at < found.length; at++) {
    if (Number.isNaN(found[at]!) && Number.isNaN(expected[at]!)) continue;
    const difference = Math.abs(found[at]! - expected[at]!);
    if (!(difference <= worst)) worst = Number.isNaN(difference) ? Infinity : difference;
  }
  expect(worst).toBeLessThan(1e-5);
}
