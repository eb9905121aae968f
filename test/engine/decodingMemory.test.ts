/** What decoding keeps, of every variant and every example, against plain statements of what stays. */

import { afterAll, describe, expect, it } from 'vitest';

import type { ParamValue } from '../../src/protocol/inspection';
import { floats } from '../../src/engine/onnx/tensor';
import { createExecutor } from '../../src/engine/runtime/executor';
import { variantById, VARIANTS } from '../../src/engine/variants';
import { cached, keptBy } from '../../src/engine/variants/primitives/kept';
import type { Example, Layer, Mixer, TextUnit, Variant } from '../../src/engine/variants/primitives/mixer';
import { normal, random } from '../support/random';
import { GROUPS as G, HEADS as H, randomLayer, referenceInputs, WIDTH as D } from '../support/randomLayer';

const N = 113;
const LAST = N - 1;
const executor = createExecutor('cpu', { strict: true });
afterAll(() => executor.release());

/** Tokens of a word, a sentence and a paragraph. */
const UNITS: Readonly<Record<TextUnit, number>> = { word: 3, sentence: 11, paragraph: 40 };

interface Case {
  readonly variant: Variant;
  readonly layer: Layer;
  readonly mixer: Mixer;
  /** `E` */
  readonly E: number;
  /** Numbers of a token's keys and values. */
  readonly token: number;
  readonly given: Example['params'];
  number(name: string): number;
  is(name: string, value: ParamValue): boolean;
}

type Statement = (of: Case) => number;

const everything: Statement = ({ token }) => N * token;
const stateOfQueryHeads: Statement = ({ E }) => H * D * E;

/** Tokens that some row from the last on weighs, by the reference over a document three times as long. */
const stillRead: Statement = ({ variant, given, token, is }) => {
  if (is('causal', false)) return N * token;
  const tokens = 3 * N;
  const inputs = { ...referenceInputs(randomLayer(executor, 1)), heads: 1, tokens, score: () => 0 };
  const m = variant.reference(inputs, given);
  const read = Array.from({ length: N }, (_, j) =>
    Array.from({ length: tokens - LAST }, (_, at) => m[(LAST + at) * tokens + j]!).some(weight => weight > 0),
  );
  return read.filter(Boolean).length * token;
};

const ofInner: Statement = of => STATEMENTS[(of.given['inner'] as string | undefined) ?? 'dense']!(of);

/** Tokens of the last one's segment, and segments before it. */
function segmentsAt(size: unknown): { readonly own: number; readonly before: number } {
  const length = typeof size === 'number' ? size : UNITS[size as TextUnit];
  return { own: (LAST % length) + 1, before: Math.floor(LAST / length) };
}

const STATEMENTS: Readonly<Record<string, Statement>> = {
  dense: everything,
  local: ({ number, is, token }) =>
    (is('causal', false) ? N : Math.min(N, number('window') + number('sinks'))) * token,
  strided: stillRead,
  fixed: stillRead,
  blockwise: stillRead,
  longformer: ({ layer, number, is, token }) => {
    const isGlobal = (i: number) => layer.tensors['global']?.data[i] === 1;
    if (is('causal', false) || isGlobal(LAST)) return N * token;
    const near = (j: number) => LAST - j <= number('window');
    return Array.from({ length: N }, (_, j) => j).filter(j => near(j) || isGlobal(j)).length * token;
  },
  bigbird: everything,
  'vertical-slash': ({ mixer, is, token }) => {
    const nodes = mixer.structure(LAST);
    const of = (kind: string) =>
      nodes.filter(node => node.kind === kind).map(({ ranges }) => positions(ranges));
    const [columns, slashed] = [of('columns'), of('slashes')];
    const lists = [...columns, ...slashed].reduce((sum, list) => sum + list.length, 0);
    if (is('causal', false)) return N * token + lists;
    const kept = Array.from({ length: N }, (_, j) => j).map(j =>
      columns.map((list, head) => {
        const furthest = Math.min(...slashed[head]!);
        return list.includes(j) || j >= furthest;
      }),
    );
    const ofGroup = (group: number) =>
      kept.filter(heads => heads.slice((group * H) / G, ((group + 1) * H) / G).some(Boolean)).length;
    return ((ofGroup(0) + ofGroup(1)) * token) / G + lists;
  },
  'block-topk': ({ number, is, token }) =>
    N * token + G * D * Math.ceil(N / number('block')) + (is('causal', false) ? 0 : H * D),
  quest: ({ number, token }) => N * token + G * 2 * D * Math.ceil(N / number('page')),
  moba: ({ number, token }) => N * token + G * D * Math.ceil(N / number('block')),
  snapkv: ({ mixer, number, token }) => {
    const prompt = number('prompt') || Math.max(0, N - number('probe'));
    const kept = mixer.structure(undefined).filter(({ kind }) => kind === 'kept');
    expect(kept).toHaveLength(G);
    return kept.reduce((sum, { ranges }) => sum + positions(ranges).length + N - prompt, 0) * (token / G);
  },
  topk: everything,
  'adaptive-mass': of =>
    (of.given['inner'] ?? 'local') === 'local'
      ? Math.min(N, Number(of.given['window'] ?? 256)) * of.token
      : N * of.token,
  'adaptive-span': ({ variant, layer, given, token }) => {
    const m = variant.reference(referenceInputs(layer), given);
    const read = (head: number) =>
      m.subarray((head * N + LAST) * N, (head * N + N) * N).filter(weight => weight > 0).length;
    const fitted = layer.tensors['z'] === undefined ? H : 0;
    return ((Math.max(read(0), read(1)) + Math.max(read(2), read(3))) * token) / G + fitted;
  },
  segmented: ({ given, is, token, E }) => {
    const { own, before } = segmentsAt(given['segment']);
    const summary = G * D + (given['pool'] === 'softmax' ? H : G) * E;
    return is('causal', false) ? N * token + (before + 1) * summary : own * token + before * summary + H * D;
  },
  hierarchical: ({ given, number, is, token, E }) => {
    const branch = number('branch');
    const sizes = is('text', false) ? [branch, branch ** 2, branch ** 3] : Object.values(UNITS);
    const upper = sizes.slice(0, number('levels') - 1);
    /** A unit ends where any above it does. */
    const unit = (level: number, i: number) =>
      upper
        .slice(level)
        .map(size => Math.floor(i / size))
        .join();
    const ids = (level: number) => Array.from({ length: N }, (_, i) => unit(level, i));
    const isMean = given['pool'] !== 'softmax';
    const summary = G * D + (isMean ? G : H) * E;
    if (is('causal', false))
      return upper.reduce((sum, _, level) => sum + new Set(ids(level)).size * summary, N * token);
    const held = isMean ? 0 : Math.max(0, upper.length - 1);
    let numbers = ids(held).filter(id => id === ids(held)[LAST]).length * token;
    for (let level = 0; level < upper.length; level++) {
      const inParent = ids(level).filter((_, i) => unit(level + 1, i) === unit(level + 1, LAST));
      numbers += (new Set(inParent).size - 1) * summary + H * D;
      if (isMean && level > 0) numbers += G * (D + E);
    }
    return numbers;
  },
  combiner: ({ number, token, E }) => {
    const { own, before } = segmentsAt(number('segment') || Math.ceil(Math.sqrt(N)));
    return own * token + before * (G * D + H * E) + H * D;
  },
  ring: everything,
  aaren: ({ layer, token, E }) => (layer.tensors['query'] ? H * (1 + 1 + E) : N * token),
  'mixed-span': ({ given, token, is }) => {
    const layers = given['dense_layers'] ?? 1;
    const isDense = layers === 1 || layers === '0,3';
    return (isDense || is('causal', false) ? N : Number(given['window'])) * token;
  },
  'document-mask': ({ layer, is, token }) => {
    const of =
      layer.tensors['document']?.data ?? Array.from({ length: N }, (_, i) => Math.floor(i / UNITS.sentence));
    const own = Array.from(of).filter(id => id === of[LAST]).length;
    return (is('causal', false) ? N : own) * token;
  },
  lsh: ({ layer, number, is, E }) => {
    const rounds = layer.tensors['rotations']?.shape[1] ?? number('rounds');
    return N * (is('shared', false) ? G * D : H * D) + N * G * E + N * H * rounds;
  },
  routing: ({ layer, given, token }) => {
    const fitted = layer.tensors['centroids'] === undefined;
    const count = Number(
      layer.tensors['centroids']?.shape[1] ?? given['clusters'] ?? Math.round(Math.sqrt(N)),
    );
    const window = Number(given['window'] ?? Math.ceil(N / count));
    return N * token + H * count * window + (fitted ? H * count * D : 0);
  },
  vq: ({ layer, number, E }) => {
    const given = layer.tensors['codebook']?.shape[1];
    return given === undefined ? number('codes') * G * (D + E + 1) : given * H * (E + 1);
  },
  linformer: ({ layer, number, token, E }) => {
    const given = layer.tensors['E']?.shape[1];
    return given === undefined ? number('rank') * token : given * H * (D + E);
  },
  nystrom: ({ number, E }) => number('landmarks') * (G * D + H * E),
  performer: ({ layer, number, E }) => {
    const usual = Math.floor(D * Math.log(D));
    const features = layer.tensors['projection']?.shape[0] ?? (number('features') || usual);
    return G * features * (E + 1) + G;
  },
  linear: ({ E }) => G * D * (E + 1),
  nalaformer: ({ E }) => G * 2 * D * (E + 1),
  probsparse: ({ token, E }) => N * token + G * E,
  'bias-shaw': ofInner,
  'bias-t5': ofInner,
  'bias-xl': ofInner,
  'bias-alibi': ofInner,
  rope: ofInner,
  urpe: ofInner,
  'recurrent-memory': ({ layer, number, token, E }) => {
    const given = layer.tensors['mem_k']?.shape[1] ?? 0;
    const segment = number('segment') || (given > 0 ? N : 256);
    const memory = number('memory') || given || segment;
    const start = Math.floor(LAST / segment) * segment;
    const ofDocument = Math.min(memory, start);
    const ofGiven = Math.min(given, memory - ofDocument);
    return (N - start + ofDocument) * token + ofGiven * H * (D + E);
  },
  memorizing: ({ layer, number, token, E }) => {
    const given = layer.tensors['mem_k']?.shape[1] ?? 0;
    if (given === 0) return N * token;
    const segment = number('segment') || N;
    return given * H * (D + E) + ((LAST % segment) + 1) * token;
  },
  gla: stateOfQueryHeads,
  retention: stateOfQueryHeads,
  delta: stateOfQueryHeads,
  'memory-caching': ({ layer, given, E }) => {
    const { before } = segmentsAt(given['segment'] ?? 256);
    const mean = layer.tensors['x']?.shape[1] ?? G * D;
    return (before + 1) * (G * D * E + mean);
  },
  mamba: stateOfQueryHeads,
  ssd: stateOfQueryHeads,
};

function positions(ranges: Int32Array): number[] {
  const all: number[] = [];
  for (let at = 0; at < ranges.length; at += 2)
    for (let j = ranges[at]!; j < ranges[at + 1]!; j++) all.push(j);
  return all;
}

/** Values are wider than keys, but for memories that are given as wide. */
function layerOf(tokens: number, example: Pick<Example, 'tensors'>): Layer {
  const uniform = random(7);
  const tensors = example.tensors?.({ heads: H, tokens, width: D, normal: () => normal(uniform) }) ?? {};
  const layer = randomLayer(executor, tokens, tensors);
  const units = (unit: TextUnit) =>
    Int32Array.from({ length: tokens }, (_, i) => Math.floor(i / UNITS[unit]));
  return { ...layer, units, ...(tensors['mem_v'] && { v: layer.k }) };
}

async function kept(id: string, params: Example['params'], tokens = N, tensors?: Example['tensors']) {
  const layer = layerOf(tokens, tensors ? { tensors } : {});
  return keptBy(await variantById(id).open(layer, params), layer);
}

const TABLE = VARIANTS.flatMap(variant =>
  variant.examples.map(example => ({ id: variant.info.id, params: example.params, variant, example })),
);

describe('what decoding keeps', () => {
  it('is stated of every variant', () => {
    expect(Object.keys(STATEMENTS).sort()).toEqual(VARIANTS.map(({ info }) => info.id).sort());
  });

  it.each(TABLE)('$id $params', async ({ id, params, variant, example }) => {
    const layer = layerOf(N, example);
    const mixer = await variant.open(layer, params);
    const E = layer.v.shape[2]!;
    const valueOf = (name: string) => params[name] ?? variant.info.params[name]?.default;
    const expected = STATEMENTS[id]!({
      variant,
      layer,
      mixer,
      E,
      token: G * (D + E),
      given: params,
      number: name => Number(valueOf(name) ?? 0),
      is: (name, value) => valueOf(name) === value,
    });
    expect(keptBy(mixer, layer)).toBe(expected);
  });

  it.each([
    ['local', { window: 20, sinks: 2 }],
    ['linear', {}],
    ['nalaformer', { causal: true }],
    ['performer', {}],
    ['gla', {}],
    ['retention', {}],
    ['delta', {}],
    ['ssd', {}],
    ['mamba', {}],
    ['vq', { codes: 16 }],
  ] as const)('is the same at any length: %s', async (id, params) => {
    expect(await kept(id, params, 64)).toBe(await kept(id, params, 200));
  });

  it.each([
    ['topk', {}],
    ['quest', { page: 8 }],
    ['moba', { block: 8 }],
    ['block-topk', { block: 8 }],
    ['lsh', {}],
    ['lsh', { shared: false }],
    ['routing', {}],
    ['memorizing', { segment: 16 }],
    ['strided', { stride: 9 }],
    ['probsparse', {}],
  ] as const)('is all keys and values at least where any may be chosen: %s %s', async (id, params) => {
    const layer = layerOf(N, {});
    expect(await kept(id, params)).toBeGreaterThanOrEqual(cached(layer, N));
  });

  it.each([
    ['local', 'window', {}],
    ['local', 'sinks', { window: 8 }],
    ['blockwise', 'back', { block: 8 }],
    ['fixed', 'summary', { block: 16 }],
    ['snapkv', 'budget', { prompt: 90, probe: 9, pool: 3, sinks: 1, window: 2 }],
    ['adaptive-span', 'max_span', { ramp: 2, gamma: 0.9 }],
    ['recurrent-memory', 'memory', { segment: 10 }],
    ['vq', 'codes', {}],
    ['linformer', 'rank', {}],
    ['nystrom', 'landmarks', {}],
    ['routing', 'clusters', { window: 8 }],
  ] as const)('rises with the budget: %s, %s', async (id, name, params) => {
    const sizes = await Promise.all([2, 8, 14].map(value => kept(id, { ...params, [name]: value })));
    expect(sizes[0]).toBeLessThan(sizes[1]!);
    expect(sizes[1]).toBeLessThan(sizes[2]!);
  });

  it('is at most all keys and values with what stays of them', async () => {
    const whole = cached(layerOf(N, {}), N);
    for (const window of [1, 16, N, 500]) {
      const size = await kept('local', { window });
      expect(size).toBe(Math.min(window, N) * G * (D + layerOf(1, {}).v.shape[2]!));
      expect(size).toBeLessThanOrEqual(whole);
    }
    expect(await kept('snapkv', { prompt: N, budget: 8, probe: 4 })).toBe(whole);
    expect(await kept('snapkv', { prompt: 90, budget: 8, probe: 4, window: 2 })).toBeLessThan(whole / 2);
  });

  it('counts the projections that global tokens have to themselves', async () => {
    const layer = layerOf(N, { tensors: () => ({ global: floats([N], new Float32Array(N).fill(1, 0, 1)) }) });
    const { q, k, v } = layer;
    const mixer = await variantById('longformer').open({ ...layer, globals: { q, k, v } }, { window: 4 });
    expect(keptBy(mixer, layer)).toBe(2 * cached(layer, N));
  });
});
