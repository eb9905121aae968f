import { expect, it } from 'vitest';

import { type Attention, openForward, runForward } from '../../bench/forward';
import { fusedAttention } from '../../bench/fusedAttention';
import { materialise } from '../../bench/materialisedTask';
import { floats } from '../../src/engine/onnx/tensor';

/** Causal attention by plain loops, over the keys and values of all blocks so far. */
function plainAttention(heads: number, groups: number, width: number): Attention {
  let keys: Float64Array[][] = [];
  let values: Float64Array[][] = [];
  return (_, start, { q, k, v }) => {
    if (start === 0) {
      keys = Array.from({ length: groups }, () => []);
      values = Array.from({ length: groups }, () => []);
    }
    const length = q.shape[1]!;
    const row = (x: typeof q, head: number, at: number) => {
      const from = (head * length + at) * width;
      return Float64Array.from(x.data.subarray(from, from + width));
    };
    const y = floats([heads, length, width]);
    for (let at = 0; at < length; at++) {
      for (let group = 0; group < groups; group++) {
        keys[group]!.push(row(k, group, at));
        values[group]!.push(row(v, group, at));
      }
      for (let head = 0; head < heads; head++) {
        const group = Math.floor((head * groups) / heads);
        const query = row(q, head, at);
        const powers = keys[group]!.map(key =>
          Math.exp(key.reduce((sum, item, d) => sum + item * query[d]!, 0) / Math.sqrt(width)),
        );
        const total = powers.reduce((sum, power) => sum + power, 0);
        for (let d = 0; d < width; d++) {
          y.data[(head * length + at) * width + d] =
            values[group]!.reduce((sum, value, j) => sum + powers[j]! * value[d]!, 0) / total;
        }
      }
    }
    return Promise.resolve(y);
  };
}

it('the plain forward pass computes the model, a block at a time', async () => {
  const forward = await openForward(150);
  const { heads, keyValueHeads: groups, headWidth: width } = forward.decoder.info;
  const fused = await runForward(forward, 64, fusedAttention(forward.executor, { heads, groups, width }));
  const plain = await runForward(forward, 64, plainAttention(heads, groups, width));
  expect(fused.length).toBe(150 * forward.decoder.hidden);
  const largest = plain.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
  const difference = plain.reduce((most, x, at) => Math.max(most, Math.abs(x - fused[at]!)), 0);
  expect(difference / largest).toBeLessThan(1e-4);
  await forward.executor.release();
});

it('materialised attention is written out whole', async () => {
  const { bytes, tokens } = await materialise({ tokens: 64 });
  expect(tokens).toBe(64);
  // Four layers, six heads; half of every matrix is zeros, of two bytes each.
  expect(bytes).toBeGreaterThan(4 * 6 * 64 * 64 * 2);
});
