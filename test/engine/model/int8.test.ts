/** Weights in 8 bits: the quantiser and the product against plain loops, and whole models against float32. */

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';

import { createEngine } from '../../../src/engine/engine';
import { byteKind, int8Product } from '../../../src/engine/model/int8Product';
import { quantizeMatrix } from '../../../src/engine/model/quantize';
import { readFloats, readHeader, writeSafetensors } from '../../../src/engine/model/safetensors';
import { GraphBuilder } from '../../../src/engine/onnx/builder';
import type { Executor } from '../../../src/engine/onnx/graph';
import { floats } from '../../../src/engine/onnx/tensor';
import { createExecutor } from '../../../src/engine/runtime/executor';
import { EVERYWHERE, type WeightFormat } from '../../../src/protocol/inspection';
import { type ConfigFields, writeRandomCheckpoint } from '../../support/checkpoints';
import { inFolder, LAB_BASE } from '../../support/folders';
import { normal, random } from '../../support/random';

const ROOT = join(import.meta.dirname, '../../..');

const executor = createExecutor('cpu');
afterAll(() => executor.release());

function normals(count: number, seed: number): Float32Array {
  const uniform = random(seed);
  return Float32Array.from({ length: count }, () => normal(uniform));
}

describe('the quantiser', () => {
  // The largest is read in several pieces.
  it.each([
    { dtype: 'F32', shape: [7, 5] },
    { dtype: 'F16', shape: [33, 12] },
    { dtype: 'BF16', shape: [1700, 900] },
  ] as const)('equals a plain loop: $dtype $shape', async ({ dtype, shape }) => {
    await inFolder(async folder => {
      const [rows, columns] = shape;
      const data = normals(rows * columns, rows);
      data.fill(0, 0, columns);
      const file = join(folder, 'w.safetensors');
      await writeSafetensors(file, { w: { dtype, shape, data } });
      const entry = (await readHeader(file)).tensors.get('w')!;
      const stored = await readFloats(entry);
      for (const outputs of [0, 1] as const) {
        const channels = shape[outputs];
        const inputs = shape[1 - outputs]!;
        const at = (channel: number, input: number) =>
          stored[outputs === 0 ? channel * columns + input : input * columns + channel]!;
        const { values, scales } = quantizeMatrix(entry, outputs);
        let wrong = 0;
        for (let channel = 0; channel < channels; channel++) {
          let peak = 0;
          for (let input = 0; input < inputs; input++) peak = Math.max(peak, Math.abs(at(channel, input)));
          const scale = Math.fround(peak === 0 ? 1 : peak / 127);
          if (scales[channel] !== scale) wrong += 1;
          for (let input = 0; input < inputs; input++) {
            const value = Math.floor(at(channel, input) * (1 / scale) + 0.5);
            if (values[outputs === 0 ? channel * inputs + input : input * channels + channel] !== value + 0)
              wrong += 1;
          }
        }
        expect(wrong).toBe(0);
      }
    });
  });

  it('refuses weights that are not finite', async () => {
    await inFolder(async folder => {
      const file = join(folder, 'w.safetensors');
      for (const wrong of [NaN, -Infinity]) {
        const data = Float32Array.of(1, 2, wrong, 4);
        await writeSafetensors(file, { w: { dtype: 'F32', shape: [2, 2], data } });
        const entry = (await readHeader(file)).tensors.get('w')!;
        expect(() => quantizeMatrix(entry, 0)).toThrow('w holds numbers that are not finite');
      }
    });
  });
});

it.each(['int8', 'uint8'] as const)(
  'multiplies %s exactly: a step for each token, a scale for each channel',
  async kind => {
    const [tokens, inputs, outputs] = [9, 130, 21];
    const x = normals(tokens * inputs, 3);
    // Tokens of very different sizes, and one of zeros.
    for (let token = 0; token < tokens; token++) {
      for (let input = 0; input < inputs; input++)
        x[token * inputs + input]! *= token === 4 ? 0 : 10 ** (token - 4);
    }
    const values = Int8Array.from(normals(inputs * outputs, 4), value =>
      Math.max(-127, Math.min(127, 60 * value)),
    );
    const scales = normals(outputs, 5).map(value => Math.abs(value) + 0.1);
    const matrix = { values, scales, shape: [inputs, outputs], outputs: 1 } as const;
    const program = {
      key: `${kind} product`,
      build() {
        const g = new GraphBuilder('int8 product');
        g.output('y', int8Product(g, g.input('x', 'float32', ['B', inputs]), matrix, kind));
        return g.build();
      },
    };
    const { y } = await executor.run(program, { x: floats([tokens, inputs], x) });
    for (let token = 0; token < tokens; token++) {
      const row = x.subarray(token * inputs, (token + 1) * inputs);
      const step = Math.fround(Math.max(...row.map(Math.abs), 1e-30) / 127);
      for (let output = 0; output < outputs; output++) {
        let sum = 0;
        row.forEach((value, input) => {
          sum += halfToEven(Math.fround(value / step)) * values[input * outputs + output]!;
        });
        const expected = sum * step * scales[output]!;
        const found = y!.data[token * outputs + output] as number;
        expect(Math.abs(found - expected)).toBeLessThanOrEqual(1e-6 * Math.abs(expected));
      }
    }
  },
);

function halfToEven(value: number): number {
  const floor = Math.floor(value);
  if (value - floor !== 0.5) return Math.round(value);
  return floor % 2 === 0 ? floor : floor + 1;
}

it('asks the processor which bytes it multiplies exactly', async () => {
  const kind = await byteKind(executor);
  expect(['int8', 'uint8']).toContain(kind);
  // As the probe reads them: a product that overflowed would be far too small.
  const clipped: Executor = {
    ...executor,
    run: async () => Promise.resolve({ y: floats([1, 16], new Float32Array(16).fill(4096)) }),
  };
  expect(await byteKind(clipped)).toBe('uint8');
});

describe('a model with 8-bit weights', () => {
  const engine = createEngine({ started: () => undefined, progress: () => undefined, log: () => undefined });
  afterAll(() => engine.close('int8'));
  const ids = Array.from({ length: 300 }, (_, t) => (t * t * 11 + t * 5 + 2) % 83);
  const asked = {
    id: 'int8',
    text: '',
    variant: { id: 'native', params: {} },
    schedule: EVERYWHERE,
  } as const;

  async function run(model: string, weights: WeightFormat, folder: string, text?: string) {
    const logits = join(folder, `${weights}.out`);
    const read = text === undefined ? { ids } : { text };
    const given = { ...read, model, logits, weights, device: 'auto', maxTokens: 5000 } as const;
    const summary = await engine.inspect({ ...asked, ...given });
    const [written] = (await readHeader(logits)).tensors.values();
    return { summary, logits: await readFloats(written!) };
  }

  /** `|a - b| / |b|` */
  function distance(a: Float32Array, b: Float32Array): number {
    let off = 0;
    let size = 0;
    a.forEach((value, at) => {
      off += (value - b[at]!) ** 2;
      size += b[at]! ** 2;
    });
    return Math.sqrt(off / size);
  }

  it('is labelled, runs on the CPU, and stays near the bundled model', async () => {
    await inFolder(async folder => {
      const text = (await readFile(join(ROOT, 'examples/field-guide.md'), 'utf8')).slice(0, 2000);
      const own = await run(LAB_BASE, 'float', folder, text);
      const int8 = await run(LAB_BASE, 'int8', folder, text);
      expect(int8.summary.weights).toBe('int8');
      expect(int8.summary.device.name).toBe('cpu');
      expect(int8.summary.notes.join(' ')).toContain('8-bit');
      expect(own.summary.notes.join(' ')).not.toContain('8-bit');
      const gap = distance(int8.logits, own.logits);
      expect(gap).toBeGreaterThan(0);
      expect(gap).toBeLessThan(0.03);
      expect(Math.abs(int8.summary.loss! - own.summary.loss!)).toBeLessThan(0.02);
    });
  });

  const SIZES: ConfigFields = {
    ...{ vocab_size: 83, hidden_size: 48, intermediate_size: 76, num_hidden_layers: 2 },
    ...{ num_attention_heads: 3, max_position_embeddings: 320 },
  };
  it.each<[string, ConfigFields]>([
    [
      'GPT-2, laid out the other way',
      { model_type: 'gpt2', n_embd: 48, n_layer: 2, n_head: 3, n_positions: 320 },
    ],
    ['Phi-3, of fused projections', { model_type: 'phi3', num_key_value_heads: 1 }],
    ['BERT, of biases', { model_type: 'bert' }],
  ])('is near float32: %s', async (_, fields) => {
    await inFolder(async folder => {
      await writeRandomCheckpoint(folder, { ...SIZES, ...fields }, { dtype: 'BF16' });
      const own = await run(folder, 'float', folder);
      const int8 = await run(folder, 'int8', folder);
      expect(distance(int8.logits, own.logits)).toBeLessThan(0.1);
      expect(distance(int8.logits, own.logits)).toBeGreaterThan(0);
    });
  });

  it('is refused on other devices', async () => {
    const run = engine.inspect({
      ...asked,
      ids,
      model: LAB_BASE,
      weights: 'int8',
      device: 'webgpu',
      maxTokens: 5000,
    });
    await expect(run).rejects.toThrow('on the CPU only; found the device webgpu');
  });
});
