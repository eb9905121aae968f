/** The reference that the engine is held against is itself held against a trained model. */

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openCheckpoint } from '../../../src/engine/model/checkpoint';
import { openTokenizer } from '../../../src/engine/text/tokenizer';
import { inFolder, LAB_BASE } from '../../support/folders';
import { writeRandomLlama } from '../../support/checkpoints';
import { llamaForward } from '../../support/llamaReference';
import { random } from '../../support/random';
import { rotaryFrequencies } from '../../support/ropeReference';

const SOURCE = join(import.meta.dirname, '..', '..', '..', 'node_modules', 'commander', 'lib', 'command.js');

function mean(values: Float64Array): number {
  const known = values.filter(value => !Number.isNaN(value));
  return known.reduce((sum, value) => sum + value, 0) / known.length;
}

describe('the reference model', () => {
  it('predicts source code as well as the checkpoint says, and shuffled code badly', async () => {
    const checkpoint = await openCheckpoint(LAB_BASE);
    const tokenizer = await openTokenizer(LAB_BASE, checkpoint.config.vocabSize);
    const ids = tokenizer.encode(await readFile(SOURCE, 'utf8')).ids.slice(0, 256);
    const run = await llamaForward(checkpoint, ids);
    expect(mean(run.loss)).toBeGreaterThan(1.8);
    expect(mean(run.loss)).toBeLessThan(3.2);

    const uniform = random(5);
    const shuffled = [...ids.subarray(0, 128)]
      .map(id => ({ id, key: uniform() }))
      .sort((a, b) => a.key - b.key)
      .map(({ id }) => id);
    expect(mean((await llamaForward(checkpoint, shuffled)).loss)).toBeGreaterThan(mean(run.loss) + 2);
  }, 180_000);

  it('copies what it has seen once', async () => {
    const checkpoint = await openCheckpoint(LAB_BASE);
    const uniform = random(6);
    const once = Array.from({ length: 96 }, () => 1 + Math.floor(uniform() * 4095));
    const { loss } = await llamaForward(checkpoint, [...once, ...once]);
    expect(mean(loss.subarray(0, 96))).toBeGreaterThan(7);
    expect(mean(loss.subarray(104))).toBeLessThan(1.5);
  }, 180_000);

  it('gives causal distributions, cut by the mask, that explain the output', async () => {
    await inFolder(async folder => {
      await writeRandomLlama(folder, { tie_word_embeddings: false, attention_bias: true, mlp_bias: true });
      const checkpoint = await openCheckpoint(folder);
      const ids = Array.from({ length: 33 }, (_, t) => (t * 37) % 263);
      const run = await llamaForward(checkpoint, ids, (i, j, layer) => layer === 1 || i - j < 5);
      for (const [layer, head] of [
        [0, 0],
        [1, 3],
        [2, 2],
      ] as const) {
        const weights = run.attention(layer, head);
        for (let i = 0; i < 33; i++) {
          const row = weights.subarray(i * 33, (i + 1) * 33);
          expect(row.reduce((sum, value) => sum + value, 0)).toBeCloseTo(1, 12);
          row.forEach((weight, j) => {
            const seen = j <= i && (layer === 1 || i - j < 5);
            if (!seen) expect(weight).toBe(0);
          });
        }
      }
      expect(run.logits(32)).toHaveLength(263);
    });
  });

  it('does not see the future', async () => {
    await inFolder(async folder => {
      await writeRandomLlama(folder);
      const checkpoint = await openCheckpoint(folder);
      const a = await llamaForward(checkpoint, [5, 6, 7, 8, 9]);
      const b = await llamaForward(checkpoint, [5, 6, 7, 200, 1]);
      expect(a.logits(2)).toEqual(b.logits(2));
      expect(a.logits(3)).not.toEqual(b.logits(3));
    });
  });

  it('depends on distance only, by rotation', async () => {
    await inFolder(async folder => {
      await writeRandomLlama(folder, { num_hidden_layers: 1 });
      const run = await llamaForward(await openCheckpoint(folder), [3, 9, 4, 3, 9, 4]);
      const [q, k] = [run.q(0), run.k(0)];
      const score = (i: number, j: number): number => {
        let total = 0;
        for (let d = 0; d < 8; d++) total += q[i * 8 + d]! * k[j * 8 + d]!;
        return total;
      };
      expect(score(1, 0)).toBeCloseTo(score(4, 3), 10);
      expect(score(1, 0)).not.toBeCloseTo(score(4, 0), 3);
    });
  });

  it.each([
    { type: 'linear', factor: 2 },
    { type: 'dynamic', factor: 2 },
    { rope_type: 'yarn', factor: 4, original_max_position_embeddings: 64 },
    {
      ...{ rope_type: 'llama3', factor: 8, low_freq_factor: 1, high_freq_factor: 4 },
      original_max_position_embeddings: 64,
    },
  ])('slows the slowest pair as %o asks', rope_scaling => {
    const rope = { width: 16, theta: 10000, context: 256 };
    const plain = rotaryFrequencies(rope, 512).frequencies;
    const { frequencies } = rotaryFrequencies({ ...rope, scaling: rope_scaling }, 512);
    const ratio = plain.at(-1)! / frequencies.at(-1)!;
    // Dynamic stretches the slowest pair by factor * N / L - (factor - 1) = 3.
    expect(ratio).toBeCloseTo(rope_scaling.type === 'dynamic' ? 3 : rope_scaling.factor, 6);
    if (rope_scaling.type !== 'linear') expect(frequencies[0]).toBe(1);
  });
});
