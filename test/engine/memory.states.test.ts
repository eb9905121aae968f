/** What is told of matrix states, against plain loops in float64. */

import { afterAll, describe, expect, it } from 'vitest';

import { describeMemory } from '../../src/engine/analysis/memory';
import { sampledCounts } from '../../src/engine/analysis/state';
import { floats } from '../../src/engine/onnx/tensor';
import { createExecutor } from '../../src/engine/runtime/executor';
import { variantById } from '../../src/engine/variants';
import type { Layer } from '../../src/engine/variants/primitives/mixer';
import type { StateMemory } from '../../src/protocol/memory';
import { normal, random } from '../support/random';
import { HEADS, product, randomLayer, referenceInputs, vectorAt, WIDTH } from '../support/randomLayer';
import { symmetricEigen } from '../support/spectrum';

const VALUES = WIDTH + 3;
const HEAD = 3;

const executor = createExecutor('cpu');
afterAll(() => executor.release());

interface Case {
  readonly id: string;
  readonly params: Record<string, unknown>;
  readonly tensors?: (tokens: number) => Layer['tensors'];
  /** The log decay of a feature at a token. */
  readonly decay?: (layer: Layer, token: number, d: number) => number;
  readonly feature?: (x: number) => number;
  readonly beta?: (layer: Layer, token: number) => number;
}

const phi = (x: number) => (x > 0 ? x + 1 : Math.exp(x));

const CASES: readonly Case[] = [
  { id: 'linear', params: {}, feature: phi },
  { id: 'retention', params: { scale: 0.7 }, decay: () => Math.log(1 - 2 ** (-5 - HEAD)) },
  { id: 'gla', params: { half_life: 20 }, decay: () => -Math.LN2 / 20 },
  {
    id: 'gla',
    params: {},
    tensors: tokens => ({ g: logDecays([HEADS, tokens, WIDTH]) }),
    decay: (layer, token, d) => layer.tensors['g']!.data[(HEAD * layer.tokens + token) * WIDTH + d]!,
  },
  {
    id: 'delta',
    params: { strength: 0.8 },
    beta: (layer, token) => 0.8 / squared(vectorAt(layer.k, HEAD, token)),
  },
  {
    id: 'delta',
    params: {},
    tensors: tokens => ({ beta: betas([HEADS, tokens]) }),
    beta: (layer, token) => layer.tensors['beta']!.data[HEAD * layer.tokens + token]!,
  },
];

/** 700 tokens are beyond the first state that a scan keeps. */
const SIZES = [1, 63, 111, 700];

const TABLE = CASES.flatMap(given => SIZES.map(tokens => ({ ...given, tokens })));

describe('the state of', () => {
  it.each(TABLE)('$id $params over $tokens tokens', async given => {
    const { layer, memory } = await opened(given, given.tokens);
    const states = plainStates(given, layer);
    expect(memory).toMatchObject({ rows: WIDTH, columns: VALUES, token: given.tokens - 1, head: HEAD });
    expect(memory.at.at(-1)).toBe(given.tokens - 1);
    expect(memory.at.length).toBeLessThanOrEqual(128);
    memory.at.forEach((token, t) => {
      const state = states[token]!;
      expect(memory.norm[t]! / Math.sqrt(squared(state))).toBeCloseTo(1, 4);
      expect(memory.rank[t]).toBeCloseTo(rankOf(state), 2);
    });

    const last = states.at(-1)!;
    const { values, vectors } = symmetricEigen(gram(last), WIDTH);
    const energy = squared(last);
    memory.directions.forEach((direction, rank) => {
      expect(direction.energy).toBeCloseTo(values[rank]! / energy, 4);
      const expected = nearest(given, layer, vectors[rank]!);
      direction.tokens.forEach(({ token, cosine }, place) => {
        expect(Math.abs(cosine)).toBeCloseTo(Math.abs(expected[place]!.cosine), 3);
        expect(Math.abs(expected.find(other => other.token === token)!.cosine)).toBeCloseTo(
          Math.abs(cosine),
          3,
        );
      });
      expect(direction.tokens).toHaveLength(Math.min(6, given.tokens));
      expect(direction.tokens[0]!.cosine).toBeGreaterThan(0);
    });
    expect(memory.directions).toHaveLength(Math.min(4, given.tokens));
  });

  const short = TABLE.filter(({ tokens }) => tokens < 200);
  it.each(short)('$id $params over $tokens tokens is read as its rows say', async given => {
    const { layer, memory } = await opened(given, given.tokens);
    const { tokens } = given;
    const variant = variantById(given.id);
    const m = variant.reference(referenceInputs(layer, Number(given.params['scale'] ?? 0)), given.params);
    const row = m.subarray((HEAD * tokens + tokens - 1) * tokens, (HEAD * tokens + tokens) * tokens);
    const total = row.reduce((sum, weight) => sum + Math.abs(weight), 0);
    memory.read.forEach((share, t) => {
      const part = row.slice(t === 0 ? 0 : memory.at[t - 1]! + 1, memory.at[t]! + 1);
      expect(share).toBeCloseTo(part.reduce((sum, weight) => sum + Math.abs(weight), 0) / total, 5);
    });
    // What the directions read adds up to the whole where they are all there is.
    const read = memory.directions.reduce((sum, direction) => sum + direction.read, 0);
    if (given.tokens === 1) expect(read).toBeCloseTo(1, 5);
    else expect(read).toBeLessThan(1.00001);
    const ask = asked(given, layer, tokens - 1);
    const { values, vectors } = symmetricEigen(gram(plainStates(given, layer).at(-1)!), WIDTH);
    const parts = vectors.map((vector, rank) => Math.max(0, values[rank]!) * product(vector, ask) ** 2);
    const whole = parts.reduce((sum, part) => sum + part, 0);
    memory.directions.forEach((direction, rank) =>
      expect(direction.read).toBeCloseTo(parts[rank]! / whole, 3),
    );
  });

  it.each(TABLE)('$id $params over $tokens tokens: writes', async given => {
    const { layer, memory } = await opened(given, given.tokens);
    memory.at.forEach((end, t) => {
      const start = t === 0 ? 0 : memory.at[t - 1]! + 1;
      let written = 0;
      let betas = 0;
      for (let token = start; token <= end; token++) {
        const beta = given.beta?.(layer, token) ?? 1;
        betas += beta;
        written +=
          beta * Math.sqrt(squared(keyed(given, layer, token)) * squared(vectorAt(layer.v, HEAD, token)));
      }
      expect(memory.written[t]! / (written / (end + 1 - start))).toBeCloseTo(1, 4);
      if (given.beta === undefined) expect(memory.beta).toBeUndefined();
      else expect(memory.beta![t]).toBeCloseTo(betas / (end + 1 - start), 5);
    });
  });

  it('performer reads what its graph computes', async () => {
    for (const params of [{ features: 20 }, { features: 20, causal: false }]) {
      const layer = randomLayer(executor, 111);
      const mixer = await variantById('performer').open(layer, params);
      const contents = await mixer.memoryAt!(HEAD, 70);
      if (contents.kind !== 'state') throw new Error('expected a state');
      const answer = new Float64Array(VALUES);
      await contents.trace(Int32Array.of(contents.tokens), state => {
        state.forEach((x, at) => (answer[at % VALUES]! += x * contents.query[Math.floor(at / VALUES)]!));
      });
      const { y } = await mixer.attend({ start: 0, end: 111 });
      const output = y.subarray((HEAD * 111 + 70) * VALUES, (HEAD * 111 + 71) * VALUES);
      // The same up to the denominator.
      const cosine = product(answer, output) / Math.sqrt(squared(answer) * squared(output));
      expect(cosine).toBeCloseTo(1, 5);
    }
  });

  it('a long document is sampled at states that the scan keeps', async () => {
    const contents = await (
      await variantById('retention').open(randomLayer(executor, 700), {})
    ).memoryAt!(HEAD, 699);
    if (contents.kind !== 'state') throw new Error('expected a state');
    const long = { ...contents, tokens: 20_000_000, apart: 312_512, rows: 64, columns: 64 };
    const counts = sampledCounts(long);
    expect(counts.at(-1)).toBe(20_000_000);
    expect(counts.length).toBeGreaterThanOrEqual(16);
    counts.slice(0, -1).forEach(count => expect(count % 312_512).toBe(0));
    const wide = sampledCounts({ ...contents, tokens: 5000, rows: 256, columns: 256 });
    expect(wide.length).toBeLessThanOrEqual(16);
  });
});

describe('a state', () => {
  const tensors = (strength: number) => {
    const beta = floats([HEADS, 63]);
    beta.data.fill(strength);
    return { beta };
  };

  it('of zeros has no directions', async () => {
    const layer = randomLayer(executor, 63, tensors(0));
    const memory = await stateOf(await variantById('delta').open(layer, {}), layer, 62);
    expect([...memory.norm, ...memory.rank].every(x => x === 0)).toBe(true);
    expect(memory.directions).toEqual([]);
    expect(memory.overwrites).toEqual([]);
  });

  it('that has overflowed is no number, and is told all the same', async () => {
    const layer = randomLayer(executor, 63, tensors(1e38));
    const memory = await stateOf(await variantById('delta').open(layer, {}), layer, 62);
    expect(memory.norm.at(-1)).not.toBeLessThan(Infinity);
    expect(memory.rank.at(-1)).toBeNaN();
    expect(memory.directions).toEqual([]);
  });
});

describe('half-lives', () => {
  it('are those of constant decays, also before half of a write is lost', async () => {
    const retention = CASES[1]!;
    for (const tokens of [10, 700]) {
      const { memory } = await opened(retention, tokens);
      expect(memory.halfLives[0]! / (Math.log(0.5) / Math.log(1 - 2 ** -8))).toBeCloseTo(1, 4);
    }
    expect((await opened(CASES[2]!, 111)).memory.halfLives[0]).toBeCloseTo(20, 4);
    expect((await opened(CASES[0]!, 111)).memory.halfLives).toHaveLength(0);
  });

  it('follow the decays back from the token', async () => {
    const { layer, memory } = await opened(CASES[3]!, 700);
    expect(memory.halfLives).toHaveLength(WIDTH);
    memory.halfLives.forEach((tokens, d) => {
      const left = (count: number) => {
        let sum = 0;
        for (let j = 0; j < count; j++) sum += CASES[3]!.decay!(layer, 699 - j, d);
        return sum;
      };
      expect(left(Math.floor(tokens))).toBeGreaterThanOrEqual(-Math.LN2 - 1e-5);
      expect(left(Math.ceil(tokens))).toBeLessThanOrEqual(-Math.LN2 + 1e-5);
    });
  });
});

describe('overwrites', () => {
  it.each(TABLE.filter(({ beta }) => beta))('of $id $params over $tokens tokens', async given => {
    const { layer, memory } = await opened(given, given.tokens);
    const { removed, shares } = plainErasures(given, layer);
    const token = given.tokens - 1;
    const fresh = (j: number) =>
      given.beta!(layer, j) *
      Math.sqrt(squared(vectorAt(layer.k, HEAD, j)) * squared(vectorAt(layer.v, HEAD, j)));
    const strongest = (eraser: number, count: number) =>
      Array.from(shares[eraser]!, (share, written) => ({
        token: eraser,
        written,
        share,
        amount: share * fresh(written),
      }))
        .sort((a, b) => b.amount - a.amount)
        .slice(0, count);
    const erasers = Array.from(removed, (_, at) => at)
      .filter(at => at !== token && removed[at]! > 0)
      .sort((a, b) => removed[b]! - removed[a]!)
      .slice(0, 5);
    const expected = [...strongest(token, 6), ...erasers.flatMap(at => strongest(at, 2))];
    expect(memory.overwrites).toHaveLength(expected.length);
    memory.overwrites.forEach((found, at) => {
      expect([found.token, found.written]).toEqual([expected[at]!.token, expected[at]!.written]);
      expect(found.share).toBeCloseTo(expected[at]!.share, 5);
      expect(found.amount / expected[at]!.amount).toBeCloseTo(1, 3);
    });
  });

  it('a repeated key takes all of its earlier write', async () => {
    const layer = randomLayer(executor, 63);
    const { k } = layer;
    const from = (1 * k.shape[1]! + 11) * WIDTH;
    k.data.copyWithin((1 * k.shape[1]! + 12) * WIDTH, from, from + WIDTH);
    const mixer = await variantById('delta').open(layer, { strength: 1 });
    const memory = await stateOf(mixer, layer, 12);
    const own = memory.overwrites.find(({ token, written }) => token === 12 && written === 11)!;
    expect(own.share).toBeCloseTo(1, 5);
  });
});

async function opened(given: Case, tokens: number) {
  const layer = randomLayer(executor, tokens, given.tensors?.(tokens));
  const mixer = await variantById(given.id).open(layer, given.params);
  return { layer, memory: await stateOf(mixer, layer, tokens - 1) };
}

async function stateOf(
  mixer: Parameters<typeof describeMemory>[0],
  layer: Layer,
  token: number,
): Promise<StateMemory> {
  const ref = { layer: 0, head: HEAD, token };
  const memory = await describeMemory(mixer, { ref, title: 'Memory', tokens: layer.tokens, limit: 100 });
  if (memory?.kind !== 'state') throw new Error('expected a state');
  return memory;
}

function keyed({ feature }: Case, layer: Layer, token: number): Float64Array {
  const key = vectorAt(layer.k, HEAD, token);
  return feature === undefined ? key : key.map(feature);
}

function asked({ feature }: Case, layer: Layer, token: number): Float64Array {
  const query = vectorAt(layer.q, HEAD, token);
  return feature === undefined ? query : query.map(feature);
}

/** `[D * E]` after every token. */
function plainStates(given: Case, layer: Layer): Float64Array[] {
  let state = new Float64Array(WIDTH * VALUES);
  return Array.from({ length: layer.tokens }, (_, token) => {
    const key = keyed(given, layer, token);
    const value = vectorAt(layer.v, HEAD, token);
    const beta = given.beta?.(layer, token);
    const held = new Float64Array(VALUES);
    state.forEach((x, at) => (held[at % VALUES]! += x * key[Math.floor(at / VALUES)]!));
    state = state.map((x, at) => {
      const [d, e] = [Math.floor(at / VALUES), at % VALUES];
      if (beta !== undefined) return x + beta * key[d]! * (value[e]! - held[e]!);
      return x * Math.exp(given.decay?.(layer, token, d) ?? 0) + key[d]! * value[e]!;
    });
    return state;
  });
}

/** Every write as a vector of its own, from which each later key takes its part. */
function plainErasures(given: Case, layer: Layer) {
  const writes: Float64Array[] = [];
  const shares: Float64Array[] = [];
  const removed: number[] = [];
  const states = plainStates(given, layer);
  for (let token = 0; token < layer.tokens; token++) {
    const key = vectorAt(layer.k, HEAD, token);
    const beta = given.beta!(layer, token);
    shares.push(
      Float64Array.from(writes, (write, j) => {
        const part = beta * product(key, write);
        const fresh = given.beta!(layer, j) * Math.sqrt(squared(vectorAt(layer.k, HEAD, j)));
        const taken = key.map(x => part * x);
        taken.forEach((x, d) => (write[d]! -= x));
        return Math.sqrt(squared(taken)) / fresh;
      }),
    );
    const before = states[token - 1];
    const held = new Float64Array(VALUES);
    before?.forEach((x, at) => (held[at % VALUES]! += x * key[Math.floor(at / VALUES)]!));
    removed.push(beta * Math.sqrt(squared(key) * squared(held)));
    writes.push(key.map(x => beta * x));
  }
  return { shares, removed };
}

function nearest(given: Case, layer: Layer, vector: Float64Array) {
  return Array.from({ length: layer.tokens }, (_, token) => {
    const key = keyed(given, layer, token);
    return { token, cosine: product(vector, key) / Math.sqrt(squared(key)) };
  }).sort((a, b) => Math.abs(b.cosine) - Math.abs(a.cosine));
}

function gram(state: Float64Array): Float64Array {
  return Float64Array.from({ length: WIDTH * WIDTH }, (_, at) => {
    const row = (d: number) => state.subarray(d * VALUES, (d + 1) * VALUES);
    return product(row(Math.floor(at / WIDTH)), row(at % WIDTH));
  });
}

function rankOf(state: Float64Array): number {
  const values = symmetricEigen(gram(state), WIDTH).values.map(value => Math.sqrt(Math.max(0, value)));
  const total = values.reduce((sum, value) => sum + value, 0);
  return Math.exp(
    -values.reduce((sum, value) => (value > 0 ? sum + (value / total) * Math.log(value / total) : sum), 0),
  );
}

function squared(x: ArrayLike<number>): number {
  return product(x, x);
}

function logDecays(shape: readonly number[]) {
  const uniform = random(3);
  const g = floats(shape);
  g.data.forEach((_, at) => (g.data[at] = -0.03 * Math.exp(normal(uniform))));
  return g;
}

function betas(shape: readonly number[]) {
  const uniform = random(4);
  const beta = floats(shape);
  beta.data.forEach((_, at) => (beta.data[at] = 0.15 * uniform()));
  return beta;
}
