/** A whole inspection on WebGPU, fallback to the CPU forbidden, against the same on the CPU. */

import { tmpdir } from 'node:os';
import { describe, expect, it } from 'vitest';

import { prepare, run } from '../../src/engine/inspect';
import type { Inspection } from '../../src/engine/inspection';
import { TensorStore } from '../../src/engine/tensorStore';
import type { InspectRequest } from '../../src/protocol/engine';
import { type DeviceName, EVERYWHERE } from '../../src/protocol/inspection';
import { devicesUnderTest } from '../support/devices';
import { LAB_BASE } from '../support/folders';
import { watched, type Watched } from '../support/watched';

const TEXT = Array.from(
  { length: 24 },
  (_, at) => `const total${at} = values.slice(${at}).reduce((sum, value) => sum + value, ${at * 7});\n`,
).join('');

/** The windows of two layers, and all that the other two look back on. */
const request: InspectRequest = {
  id: 'document',
  text: TEXT.slice(0, 960),
  model: LAB_BASE,
  variant: { id: 'local', params: { window: 70, sinks: 2 } },
  schedule: { ...EVERYWHERE, layers: '1-2' },
  device: 'cpu',
  maxTokens: 10_000,
};

async function inspect(device: DeviceName): Promise<{ inspection: Inspection; watched: Watched }> {
  const counts = watched(device);
  const { executor } = counts;
  const open = { info: { name: device, precision: 'float32' as const, fallback: undefined }, executor };
  const store = new TensorStore({ directory: tmpdir(), budget: 2 ** 30 });
  const hooks = { progress: () => undefined, cancelled: () => false };
  const prepared = await prepare({ ...request, device }, open, { store, listener: hooks, graphProgram: '' });
  await run(prepared, open, hooks);
  return { inspection: prepared.inspection, watched: counts };
}

describe.runIf(devicesUnderTest().includes('webgpu'))('a whole inspection on WebGPU', () => {
  it('equals the one on the CPU; keys and values cross once a layer', { timeout: 600_000 }, async () => {
    const [onCpu, onGpu] = [await inspect('cpu'), await inspect('webgpu')];
    const [cpu, gpu] = [onCpu.inspection, onGpu.inspection];
    const { tokens } = cpu;
    expect(tokens).toBeGreaterThan(300);
    expect(difference(gpu.losses.subarray(1), cpu.losses.subarray(1))).toBeLessThan(1e-4);
    for (const [index, state] of cpu.layers.entries()) {
      const found = gpu.layers[index]!;
      for (const name of ['entropy', 'sink', 'peak'] as const) {
        expect(difference(found.stats[name], state.stats[name])).toBeLessThan(1e-4);
      }
      for (const name of ['q', 'k', 'v'] as const) {
        expect(difference(found.layer[name].data, state.layer[name].data)).toBeLessThan(1e-4);
      }
      // A span hangs on a rounding where the mass is just at its share.
      const spans = state.stats.span.filter((span, at) => span !== found.stats.span[at]);
      expect(spans.length).toBeLessThan(0.01 * state.stats.span.length);
      expect(onGpu.watched.executor.holds(found.layer.k)).toBe(false);
      const [row, expected] = [await found.mixer!.row(5, tokens - 1), await state.mixer!.row(5, tokens - 1)];
      expect(row.keys).toEqual(expected.keys);
      expect(difference(row.weights, expected.weights)).toBeLessThan(1e-4);
    }
    const { layers, heads, keyValueHeads, headWidth } = gpu.subject.model;
    expect(onGpu.watched.uploads).toBe(2 * layers);
    const { hidden } = gpu.subject.decoder!;
    // Hidden states before and after attention, q, y, keys and values, all rounded up; then what is small.
    const perToken = 2 * hidden + 2 * heads * headWidth + 2 * keyValueHeads * headWidth;
    expect(onGpu.watched.bytes).toBeLessThan(1.5 * 4 * layers * (tokens + 128) * perToken);
    await onCpu.watched.executor.release();
    await onGpu.watched.executor.release();
  });
});

function difference(found: ArrayLike<number>, expected: ArrayLike<number>): number {
  expect(found.length).toBe(expected.length);
  let worst = 0;
  for (let at = 0; at < found.length; at++) {
    const one = Math.abs(found[at]! - expected[at]!);
    // NaN must not compare as small.
    if (!(one <= worst)) worst = Number.isNaN(one) ? Infinity : one;
  }
  return worst;
}
