/** The statistics of a longer document against plain float64 loops over the variant's own reference. */

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { createExecutor, type OrtExecutor } from '../../src/engine/runtime/executor';
import { floats, type FloatTensor } from '../../src/engine/onnx/tensor';
import { variantById } from '../../src/engine/variants';
import { type BlockStats, type Layer, paddedLength } from '../../src/engine/variants/primitives/mixer';
import { SINK_TOKENS, SPAN_MASS } from '../../src/protocol/inspection';
import { devicesUnderTest } from '../support/devices';
import { normal, random } from '../support/random';

const TOKENS = 1111;
const HEADS = 4;
const GROUPS = 2;
const WIDTH = 16;
const BLOCK = 256;
const SCALE = 1 / Math.sqrt(WIDTH);
/** Statistics are exact to this; a span may differ only where the mass is so near to the share. */
const TOLERANCE = 1e-5;

const CASES = [
  { id: 'dense', params: {} },
  { id: 'local', params: { window: 200, sinks: 4 } },
  { id: 'block-topk', params: { block: 64, keep: 5 } },
  { id: 'bias-alibi', params: {} },
] as const;

const inputs = layerInputs();
const references = new Map<string, Float64Array>();

beforeAll(() => {
  for (const { id, params } of CASES) references.set(id, reference(id, params));
});

describe.each(devicesUnderTest())('statistics of 1,111 tokens on %s', device => {
  const executor = createExecutor(device, { strict: true });
  afterAll(() => executor.release());

  it.each(CASES)('$id', { timeout: 300_000 }, async ({ id, params }) => {
    const layer = { ...inputs, executor } satisfies Layer;
    const stats = await attendAll(layer, id, params);
    const m = references.get(id)!;
    const worst = { entropy: 0, sink: 0, peak: 0 };
    const wrongSpans: string[] = [];
    for (let row = 0; row < HEADS * TOKENS; row++) {
      const expected = statisticsOf(m.subarray(row * TOKENS, (row + 1) * TOKENS), row % TOKENS);
      for (const name of ['entropy', 'sink', 'peak'] as const) {
        const difference = Math.abs(stats[name][row]! - expected[name]);
        // NaN must not compare as small.
        if (!(difference <= worst[name])) worst[name] = Number.isNaN(difference) ? Infinity : difference;
      }
      const span = stats.span[row]!;
      if (!expected.spans.includes(span)) {
        wrongSpans.push(`head ${Math.floor(row / TOKENS)}, token ${row % TOKENS}: ${span}`);
      }
    }
    expect(worst.entropy).toBeLessThan(TOLERANCE);
    expect(worst.sink).toBeLessThan(TOLERANCE);
    expect(worst.peak).toBeLessThan(TOLERANCE);
    expect(wrongSpans).toEqual([]);
  });
});

function layerInputs(): Omit<Layer, 'executor'> {
  const uniform = random(TOKENS);
  const padded = paddedLength(TOKENS);
  const heads = (count: number) => {
    const x = floats([count, padded, WIDTH]);
    for (let h = 0; h < count; h++) {
      for (let at = 0; at < TOKENS * WIDTH; at++) x.data[h * padded * WIDTH + at] = normal(uniform);
    }
    return x;
  };
  return {
    index: 0,
    count: 1,
    tokens: TOKENS,
    q: heads(HEADS),
    k: heads(GROUPS),
    v: heads(GROUPS),
    units: undefined,
    tensors: {},
  };
}

function reference(id: string, params: Readonly<Record<string, unknown>>): Float64Array {
  const q = perHead(inputs.q);
  const k = perHead(inputs.k);
  return variantById(id).reference(
    {
      heads: HEADS,
      tokens: TOKENS,
      score(h, i, j) {
        let sum = 0;
        for (let d = 0; d < WIDTH; d++) {
          sum += q[(h * TOKENS + i) * WIDTH + d]! * k[(h * TOKENS + j) * WIDTH + d]!;
        }
        return sum * SCALE;
      },
      q,
      k,
      width: WIDTH,
      scale: SCALE,
      units: undefined,
      tensors: {},
    },
    params,
  );
}

/** `[G, P, D]`, repeated for each query head and without padding: `[H, N, D]`. */
function perHead(x: FloatTensor): Float32Array {
  const [groups, padded] = x.shape as [number, number];
  const flat = new Float32Array(HEADS * TOKENS * WIDTH);
  for (let h = 0; h < HEADS; h++) {
    const from = Math.floor((h * groups) / HEADS) * padded * WIDTH;
    flat.set(x.data.subarray(from, from + TOKENS * WIDTH), h * TOKENS * WIDTH);
  }
  return flat;
}

async function attendAll(
  layer: Layer & { readonly executor: OrtExecutor },
  id: string,
  params: Readonly<Record<string, unknown>>,
): Promise<BlockStats> {
  const mixer = await variantById(id).open(layer, params);
  const all = () => new Float32Array(HEADS * TOKENS).fill(NaN);
  const stats = { entropy: all(), span: all(), sink: all(), peak: all() };
  const held = layer.executor.hold(layer.k, layer.v);
  for (let start = 0; start < TOKENS; start += BLOCK) {
    const end = Math.min(TOKENS, start + BLOCK);
    const attended = await mixer.attend({ start, end });
    const length = end - start;
    for (const name of ['entropy', 'span', 'sink', 'peak'] as const) {
      for (let h = 0; h < HEADS; h++) {
        const part = attended.stats![name].subarray(h * length, (h + 1) * length);
        stats[name].set(part, h * TOKENS + start);
      }
    }
  }
  held.release();
  return stats;
}

/** `spans`: the smallest window that holds the share, and others where that hangs on a rounding. */
function statisticsOf(weights: Float64Array, token: number) {
  let [entropy, sink, peak] = [0, 0, 0];
  weights.forEach((weight, j) => {
    if (weight > 0) entropy -= weight * Math.log(weight);
    if (j < SINK_TOKENS) sink += weight;
    peak = Math.max(peak, weight);
  });
  const spans: number[] = [];
  let mass = 0;
  for (let span = 1; span <= token + 1; span++) {
    const before = mass;
    mass += weights[token + 1 - span]!;
    if (before < SPAN_MASS + TOLERANCE && mass >= SPAN_MASS - TOLERANCE) spans.push(span);
  }
  return { entropy, sink, peak, spans };
}
