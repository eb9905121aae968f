/** How a model of any architecture is held against its reference. */

import { expect } from 'vitest';
import type { OrtExecutor } from '../../src/engine/runtime/executor';
import { type ConfigFields, type RandomOptions, writeRandomCheckpoint } from './checkpoints';
import { inFolder } from './folders';
import { runModel } from './modelRun';
import type { ReferenceRun } from './reference';

export type Case = [title: string, fields: ConfigFields, options?: RandomOptions];

const TOKENS = 61;

/** A document of 61 tokens, 0 to 96, with repetitions. */
export const IDS = Int32Array.from({ length: TOKENS }, (_, t) => (t * t * 7 + t * 13 + 5) % 97);

/** Logits or last hidden states, and rows of every layer, agree to 1e-4. */
export async function expectEqual(
  executor: OrtExecutor,
  fields: ConfigFields,
  options: RandomOptions | undefined,
  reference: (directory: string) => Promise<ReferenceRun>,
): Promise<void> {
  await inFolder(async folder => {
    await writeRandomCheckpoint(folder, fields, options);
    const run = await runModel(folder, IDS, executor);
    const expected = await reference(folder);
    expect(run.last).toHaveLength(expected.last.length);
    expect(largestGap(run.last, expected.last)).toBeLessThan(1e-4);
    const { layers, heads } = run.decoder.info;
    for (let layer = 0; layer < layers; layer++) {
      for (const query of [0, 1, 17, TOKENS - 1]) {
        const head = (layer + query) % heads;
        const row = await run.row(layer, head, query);
        const own = expected.attention(layer, head).subarray(query * TOKENS, (query + 1) * TOKENS);
        expect(largestGap(row, own)).toBeLessThan(1e-4);
      }
    }
  });
}

function largestGap(found: ArrayLike<number>, expected: ArrayLike<number>): number {
  let gap = 0;
  for (let at = 0; at < expected.length; at++) gap = Math.max(gap, Math.abs(found[at]! - expected[at]!));
  return gap;
}
