/**
 * Attention in float16 against the same in float32. On the CPU ONNX Runtime computes half-precision operators through
 * casts, so that the graphs of a GPU run there; what its own sums in halves add is in `precision.webgpu.test.ts`.
 */

import { tmpdir } from 'node:os';
import { afterAll, describe, expect, it } from 'vitest';

import { prepare, run } from '../../src/engine/inspect';
import type { Inspection } from '../../src/engine/inspection';
import { createExecutor } from '../../src/engine/runtime/executor';
import { TensorStore } from '../../src/engine/tensorStore';
import { VARIANTS } from '../../src/engine/variants';
import type { MixerRow } from '../../src/engine/variants/primitives/mixer';
import type { InspectRequest } from '../../src/protocol/engine';
import { EVERYWHERE, type Precision, PRECISIONS, SPAN_MASS } from '../../src/protocol/inspection';
import { attendAll, bounds, expectAttended, expectWithin } from '../support/attended';
import { LAB_BASE } from '../support/folders';
import { exampleLayer, HEADS, randomLayer } from '../support/randomLayer';

const float32 = createExecutor('cpu');
const float16 = createExecutor('cpu', { precision: 'float16' });
afterAll(async () => {
  await float32.release();
  await float16.release();
});

describe('attention in float16', () => {
  it.each([
    { id: 'dense', params: {} },
    { id: 'local', params: { window: 40, sinks: 3 } },
    { id: 'block-topk', params: { block: 16, keep: 3 } },
  ])('$id is as near to float32 as the roundings of its scores let it be', async ({ id, params }) => {
    const tokens = 150;
    const layer = randomLayer(float32, tokens);
    const halved = { ...layer, executor: float16 };
    const [expected, found] = [await attendAll(layer, id, params), await attendAll(halved, id, params)];
    // Queries, keys and their product are each rounded once.
    const within = bounds(layer, 3);
    expect(within.weight).toBeLessThan(0.05);
    expectAttended(found, expected, within);
    expect(found.outputs).not.toEqual(expected.outputs);

    const held = float16.hold(layer.k, layer.v);
    for (let head = 0; head < HEADS; head++) {
      for (let token = 0; token < tokens; token += 7) {
        const [row, plain] = [await found.mixer.row(head, token), await expected.mixer.row(head, token)];
        expect(row.keys).toEqual(plain.keys);
        plain.weights.forEach((weight, at) => {
          expect(Math.abs(row.weights[at]! - weight)).toBeLessThanOrEqual(within.weight * weight + 1e-5);
        });
        const span = found.stats.span[head * tokens + token]!;
        expect(massWithin(plain, token, span)).toBeGreaterThanOrEqual(SPAN_MASS - within.weight);
        expect(massWithin(plain, token, span - 1)).toBeLessThanOrEqual(SPAN_MASS + within.weight);
      }
    }
    held.release();
  });

  it.each(VARIANTS.map(variant => ({ id: variant.info.id, example: variant.examples[0]! })))(
    'leaves $id what it is',
    async ({ id, example }) => {
      const tokens = 131;
      const expected = await attendAll(exampleLayer(float32, tokens, example), id, example.params);
      const found = await attendAll(exampleLayer(float16, tokens, example), id, example.params);
      // A choice among almost equal keys may fall otherwise, in few rows.
      expect(norm(found.outputs.map((value, at) => value - expected.outputs[at]!))).toBeLessThan(
        0.01 * norm(expected.outputs),
      );
    },
  );

  it('attends to keys beyond the range of halves', async () => {
    const layer = randomLayer(float32, 80);
    // Scores are as they were, but no half is as large as these keys.
    for (let at = 0; at < layer.k.data.length; at++) layer.k.data[at]! *= 2 ** 20;
    for (let at = 0; at < layer.q.data.length; at++) layer.q.data[at]! *= 2 ** -20;
    const expected = await attendAll(layer, 'dense', {});
    const found = await attendAll({ ...layer, executor: float16 }, 'dense', {});
    expectWithin(found.stats.entropy, expected.stats.entropy, 0.05);
    expectWithin(found.outputs, expected.outputs, 0.1);
  });
});

describe('an inspection in float16', () => {
  const request: InspectRequest = {
    id: 'document',
    text: 'for (const line of lines) {\n  total += line.length;\n}\n'.repeat(6),
    model: LAB_BASE,
    variant: { id: 'native', params: {} },
    schedule: EVERYWHERE,
    device: 'cpu',
    maxTokens: 1000,
  };

  async function inspect(
    precision: Precision,
    earlier?: Inspection,
    text = request.text,
  ): Promise<Inspection> {
    const executor = precision === 'float16' ? float16 : float32;
    const open = { info: { name: 'cpu', precision, fallback: undefined }, executor } as const;
    const store = new TensorStore({ directory: tmpdir(), budget: 2 ** 30 });
    const hooks = { progress: () => undefined, cancelled: () => false };
    const opening = { store, listener: hooks, graphProgram: '' };
    const prepared = await prepare({ ...request, text }, open, opening);
    await run(prepared, open, hooks, earlier);
    return prepared.inspection;
  }

  it('is labelled, tells what it is, and has almost the loss of float32', async () => {
    const [exact, half] = [await inspect('float32'), await inspect('float16')];
    expect(exact.summary().device.precision).toBe('float32');
    expect(exact.notes.join(' ')).not.toContain('float16');
    expect(half.summary().device.precision).toBe('float16');
    expect(half.notes.join(' ')).toMatch(/are float16, .* on real GPUs are unmeasured\./);
    const change = Math.abs(half.summary().loss! - exact.summary().loss!);
    expect(change).toBeGreaterThan(0);
    expect(change).toBeLessThan(0.01);
  });

  it('takes nothing over from one in another precision', async () => {
    const edited = `${request.text}total = 0;\n`;
    for (const before of PRECISIONS) {
      const earlier = await inspect(before);
      for (const now of PRECISIONS) {
        const { kept } = await inspect(now, earlier, edited);
        if (now === before) expect(kept).toBeGreaterThan(20);
        else expect(kept).toBe(0);
      }
    }
  });
});

function massWithin({ keys, weights }: MixerRow, token: number, span: number): number {
  return weights.reduce((mass, weight, at) => (keys[at]! > token - span ? mass + weight : mass), 0);
}

function norm(x: readonly number[]): number {
  return Math.hypot(...x);
}
