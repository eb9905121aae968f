/** Scores that a model bends: every variant that takes terms of the scores takes the cap, too. */

import { afterAll, describe, expect, it } from 'vitest';

import { floats } from '../../src/engine/onnx/tensor';
import { createExecutor } from '../../src/engine/runtime/executor';
import { variantById } from '../../src/engine/variants';
import { takesScoreTerms } from '../../src/engine/variants/modifier';
import { type Layer, paddedLength, type ReferenceInputs } from '../../src/engine/variants/primitives/mixer';
import { normal, random } from '../support/random';

const HEADS = 4;
const GROUPS = 2;
const WIDTH = 8;
const TOKENS = 111;
const CAP = 2.5;

const executor = createExecutor('cpu');
afterAll(() => executor.release());

function randomLayer(): Layer {
  const uniform = random(3);
  const padded = paddedLength(TOKENS);
  const heads = (count: number) => {
    const x = floats([count, padded, WIDTH]);
    for (let h = 0; h < count; h++) {
      for (let at = 0; at < TOKENS * WIDTH; at++) x.data[h * padded * WIDTH + at] = 1.7 * normal(uniform);
    }
    return x;
  };
  const units = () => Int32Array.from({ length: TOKENS }, (_, i) => Math.floor(i / 30));
  const parts = { q: heads(HEADS), k: heads(GROUPS), v: heads(GROUPS) };
  return {
    ...parts,
    executor,
    index: 0,
    count: 1,
    tokens: TOKENS,
    units,
    tensors: {},
    position: { softcap: CAP },
  };
}

/** What a reference reads, its scores bent. */
function bentInputs(layer: Layer): ReferenceInputs {
  const scale = 1 / Math.sqrt(WIDTH);
  const rows = (x: Layer['q'], head: number) => {
    const start = head * paddedLength(TOKENS) * WIDTH;
    return x.data.subarray(start, start + TOKENS * WIDTH);
  };
  const q = Float32Array.from(Array.from({ length: HEADS }, (_, h) => [...rows(layer.q, h)]).flat());
  const k = Float32Array.from(
    Array.from({ length: HEADS }, (_, h) => [...rows(layer.k, Math.floor((h * GROUPS) / HEADS))]).flat(),
  );
  return {
    ...{ heads: HEADS, tokens: TOKENS, q, k, width: WIDTH, scale, units: layer.units, tensors: {} },
    score(head, i, j) {
      let product = 0;
      for (let d = 0; d < WIDTH; d++) {
        product += q[(head * TOKENS + i) * WIDTH + d]! * k[(head * TOKENS + j) * WIDTH + d]!;
      }
      return CAP * Math.tanh((product * scale) / CAP);
    },
  };
}

describe('bent scores', () => {
  it.each([
    { id: 'dense', params: {} },
    { id: 'dense', params: { causal: false } },
    { id: 'local', params: { window: 20, sinks: 3 } },
    { id: 'local', params: { window: 20, causal: false } },
    { id: 'strided', params: { stride: 16 } },
    { id: 'longformer', params: { window: 12 } },
    { id: 'bigbird', params: { block: 16 } },
    { id: 'vertical-slash', params: { columns: 20, slashes: 20 } },
    { id: 'ring', params: { shards: 3 } },
    { id: 'document-mask', params: {} },
  ])('of $id $params equal the plain reference', async ({ id, params }) => {
    expect(takesScoreTerms(variantById(id))).toBe(true);
    const layer = randomLayer();
    const mixer = await variantById(id).open(layer, params);
    const m = variantById(id).reference(bentInputs(layer), params);
    const { stats } = await mixer.attend({ start: 0, end: TOKENS });
    for (let head = 0; head < HEADS; head++) {
      for (const query of [0, 1, 40, TOKENS - 1]) {
        const row = await mixer.row(head, query);
        const expected = m.subarray((head * TOKENS + query) * TOKENS, (head * TOKENS + query + 1) * TOKENS);
        const found = new Float64Array(TOKENS);
        row.keys.forEach((key, at) => (found[key] = row.weights[at]!));
        found.forEach((weight, j) => expect(Math.abs(weight - expected[j]!)).toBeLessThan(1e-5));
        const entropy = expected.reduce((sum, p) => (p > 0 ? sum - p * Math.log(p) : sum), 0);
        expect(Math.abs(stats!.entropy[head * TOKENS + query]! - entropy)).toBeLessThan(1e-4);
      }
    }
  });

  it('stay bent under a position modifier, which adds to them before', async () => {
    const layer = randomLayer();
    const bare = { ...layer, q: floats(layer.q.shape) };
    const mixer = await variantById('bias-alibi').open(bare, {});
    const [first, last] = [await mixer.row(0, 3), await mixer.row(0, 100)];
    // Far keys all reach the lower end of the cap: with no content, e^-cap of the nearest key's weight.
    expect(first.weights[3]! / first.weights[0]!).toBeLessThan(Math.exp(CAP));
    expect(last.weights[100]! / last.weights[0]!).toBeCloseTo(Math.exp(CAP), 1);
  });

  it('are not for variants without a softmax over scores', () => {
    for (const id of ['linear', 'delta', 'lsh', 'performer', 'hierarchical']) {
      expect(takesScoreTerms(variantById(id))).toBe(false);
    }
    expect(takesScoreTerms(variantById('bias-alibi'))).toBe(true);
    const opened = variantById('performer').open(randomLayer(), {});
    return expect(opened).rejects.toThrow("within ±2.5, which the variant 'performer' cannot do");
  });
});
