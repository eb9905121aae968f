/** The mixers of Mamba and Mamba-2 against plain recurrences, one another, and case files as published code has them. */

import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';

import { checkCase } from '../../src/engine/check/check';
import { describeMemory } from '../../src/engine/analysis/memory';
import { writeSafetensors } from '../../src/engine/model/safetensors';
import { floats, type FloatTensor } from '../../src/engine/onnx/tensor';
import { createExecutor } from '../../src/engine/runtime/executor';
import { variantById } from '../../src/engine/variants';
import type { Layer, Mixer } from '../../src/engine/variants/primitives/mixer';
import { inFolder } from '../support/folders';
import { normal, random } from '../support/random';
import { HEADS, product, randomLayer, referenceInputs, vectorAt, WIDTH } from '../support/randomLayer';

const VALUES = WIDTH + 3;

const executor = createExecutor('cpu');
afterAll(() => executor.release());

function drawn(shape: readonly number[], of: (x: number) => number, seed = 7): FloatTensor {
  const uniform = random(seed);
  const x = floats(shape);
  x.data.forEach((_, at) => (x.data[at] = of(normal(uniform))));
  return x;
}

const steps = (...shape: number[]) => drawn(shape, x => 0.1 * Math.exp(0.7 * x));
const rates = (...shape: number[]) => drawn(shape, x => -0.3 * Math.exp(x), 9);

/** Every tensor of a Mamba layer, with steps and rates of its own for each channel. */
const ownOf = (tokens: number) => ({
  delta: steps(HEADS, tokens, VALUES),
  A: rates(HEADS, VALUES, WIDTH),
  D: drawn([HEADS, VALUES], x => x, 5),
});

async function outputs(mixer: Mixer, tokens: number, block = tokens): Promise<Float32Array> {
  const y = new Float32Array(HEADS * tokens * VALUES);
  for (let start = 0; start < tokens; start += block) {
    const end = Math.min(tokens, start + block);
    const part = (await mixer.attend({ start, end })).y;
    const size = (end - start) * VALUES;
    for (let head = 0; head < HEADS; head++) {
      y.set(part.subarray(head * size, (head + 1) * size), (head * tokens + start) * VALUES);
    }
  }
  return y;
}

/** `h = exp(ΔA) h + ΔBu`, token after token; the state `[E, S]` of every head after the last. */
function plainScan(layer: Layer, { delta, A, D }: ReturnType<typeof ownOf>) {
  const { tokens } = layer;
  const y = new Float64Array(HEADS * tokens * VALUES);
  const states = Array.from({ length: HEADS }, (_, head) => {
    const state = new Float64Array(VALUES * WIDTH);
    for (let t = 0; t < tokens; t++) {
      const [C, B, u] = [vectorAt(layer.q, head, t), vectorAt(layer.k, head, t), vectorAt(layer.v, head, t)];
      for (let e = 0; e < VALUES; e++) {
        const step = delta.data[(head * tokens + t) * VALUES + e]!;
        let read = D.data[head * VALUES + e]! * u[e]!;
        for (let s = 0; s < WIDTH; s++) {
          const rate = A.data[(head * VALUES + e) * WIDTH + s]!;
          state[e * WIDTH + s] = state[e * WIDTH + s]! * Math.exp(step * rate) + step * B[s]! * u[e]!;
          read += C[s]! * state[e * WIDTH + s]!;
        }
        y[(head * tokens + t) * VALUES + e] = read;
      }
    }
    return state;
  });
  return { y, states };
}

/** Largest difference, relative to the largest expected number. */
function difference(found: ArrayLike<number>, expected: ArrayLike<number>): number {
  expect(found.length).toBe(expected.length);
  let [largest, gap] = [0, 0];
  for (let at = 0; at < found.length; at++) {
    largest = Math.max(largest, Math.abs(expected[at]!));
    const error = Math.abs(found[at]! - expected[at]!);
    if (!(error <= gap)) gap = Number.isNaN(error) ? Infinity : error;
  }
  return gap / largest;
}

describe('mamba', () => {
  it.each([1, 63, 111, 700])(
    'equals the plain recurrence over %i tokens, channel by channel',
    async tokens => {
      const own = ownOf(tokens);
      const layer = randomLayer(executor, tokens, own);
      const mixer = await variantById('mamba').open(layer, {});
      const { y } = plainScan(layer, own);
      expect(difference(await outputs(mixer, tokens, 100), y)).toBeLessThan(1e-5);
    },
  );

  it('answers blocks out of order and again', async () => {
    const layer = randomLayer(executor, 700, ownOf(700));
    const expected = await outputs(await variantById('mamba').open(layer, {}), 700);
    const mixer = await variantById('mamba').open(layer, {});
    for (const start of [600, 100, 0, 600, 300]) {
      const { y } = await mixer.attend({ start, end: start + 100 });
      const whole = expected.subarray((2 * 700 + start) * VALUES, (2 * 700 + start + 100) * VALUES);
      expect(difference(y.subarray(200 * VALUES, 300 * VALUES), whole)).toBeLessThan(1e-5);
    }
  });

  it.each([-1, 0, VALUES - 1])('shows the rows of channel %i as the definition has them', async channel => {
    const layer = randomLayer(executor, 111, ownOf(111));
    const mixer = await variantById('mamba').open(layer, { channel });
    const m = variantById('mamba').reference(referenceInputs(layer), { channel });
    for (const [head, query] of [
      [0, 0],
      [3, 57],
      [1, 110],
    ] as const) {
      const { weights } = await mixer.row(head, query);
      const from = (head * 111 + query) * 111;
      expect(difference(weights, m.subarray(from, from + query + 1))).toBeLessThan(1e-5);
    }
  });

  it('mixes each channel by the rows of that channel', async () => {
    const { delta, A } = ownOf(111);
    const layer = randomLayer(executor, 111, { delta, A });
    const y = await outputs(await variantById('mamba').open(layer, {}), 111);
    for (const channel of [0, 4, VALUES - 1]) {
      const m = variantById('mamba').reference(referenceInputs(layer), { channel });
      const found = Float64Array.from({ length: HEADS * 111 }, (_, row) => y[row * VALUES + channel]!);
      const expected = found.map((_, row) => {
        const head = Math.floor(row / 111);
        let sum = 0;
        for (let j = 0; j < 111; j++) sum += m[row * 111 + j]! * vectorAt(layer.v, head, j)[channel]!;
        return sum;
      });
      expect(difference(found, expected)).toBeLessThan(1e-5);
    }
  });

  it('with one rate and step for all channels and rows is ssd', async () => {
    const dt = steps(HEADS, 300);
    const A = rates(HEADS);
    const perRow = floats(
      [HEADS, WIDTH],
      Float32Array.from({ length: HEADS * WIDTH }, (_, at) => A.data[Math.floor(at / WIDTH)]!),
    );
    const one = await variantById('ssd').open(randomLayer(executor, 300, { dt, A }), {});
    const other = await variantById('mamba').open(randomLayer(executor, 300, { delta: dt, A: perRow }), {});
    expect(difference(await outputs(other, 300), await outputs(one, 300))).toBeLessThan(1e-5);
    const [row, same] = [await other.row(2, 250), await one.row(2, 250)];
    expect(difference(row.weights, same.weights)).toBeLessThan(1e-5);
  });

  it('forgets everything where a rate is infinite', async () => {
    const A = floats([HEADS, WIDTH]);
    A.data.fill(-Infinity);
    const layer = randomLayer(executor, 63, { A });
    const mixer = await variantById('mamba').open(layer, { step: 2 });
    const { weights } = await mixer.row(1, 60);
    const own = 2 * product(vectorAt(layer.q, 1, 60), vectorAt(layer.k, 1, 60));
    expect(weights[60]! / own).toBeCloseTo(1, 5);
    expect(weights.slice(0, 60).every(weight => Math.abs(weight) < 1e-30)).toBe(true);
  });

  it.each([-1, 5])('remembers a state a channel, here %i', async channel => {
    const own = ownOf(700);
    const layer = randomLayer(executor, 700, own);
    const mixer = await variantById('mamba').open(layer, { channel });
    const head = 3;
    const ref = { layer: 0, head, token: 699 };
    const memory = await describeMemory(mixer, { ref, title: 'Memory', tokens: 700, limit: 10 });
    if (memory?.kind !== 'state') throw new Error('expected a state');
    const shown = channel < 0 ? Array.from({ length: VALUES }, (_, e) => e) : [channel];
    expect(memory).toMatchObject({ rows: WIDTH, columns: shown.length });
    const state = plainScan(layer, own).states[head]!;
    const squares = shown.reduce((sum, e) => {
      const column = state.subarray(e * WIDTH, (e + 1) * WIDTH);
      return sum + product(column, column);
    }, 0);
    expect(memory.norm.at(-1)! / Math.sqrt(squares)).toBeCloseTo(1, 4);
    const step = (t: number) =>
      shown.reduce((sum, e) => sum + own.delta.data[(head * 700 + t) * VALUES + e]! / shown.length, 0);
    const first = memory.at[0]!;
    const mean =
      Array.from({ length: first + 1 }, (_, t) => step(t)).reduce((a, b) => a + b, 0) / (first + 1);
    expect(memory.beta![0]! / mean).toBeCloseTo(1, 4);
    memory.halfLives.forEach((tokens, s) => {
      const left = (count: number) =>
        shown.reduce((sum, e) => {
          let waited = 0;
          for (let t = 0; t < count; t++) waited += own.delta.data[(head * 700 + 699 - t) * VALUES + e]!;
          return sum + Math.exp(own.A.data[(head * VALUES + e) * WIDTH + s]! * waited) / shown.length;
        }, 0);
      expect(left(tokens)).toBeLessThanOrEqual(0.5 + 1e-4);
      expect(left(tokens - 1)).toBeGreaterThan(0.5 - 1e-4);
    });
  });

  it.each([
    [{ delta: floats([HEADS, 62]) }, /'delta' is \[4, 62\], expected \[4, 63\] or \[4, 63, 11\]/],
    [{ A: floats([HEADS, 5]) }, /'A' is \[4, 5\], expected \[4, 8\] or \[4, 11, 8\]/],
    [{ D: floats([HEADS, 5]) }, /'D' is \[4, 5\], expected \[4\] or \[4, 11\]/],
  ])('says what it expects of its tensors', async (tensors: Record<string, FloatTensor>, message) => {
    await expect(variantById('mamba').open(randomLayer(executor, 63, tensors), {})).rejects.toThrow(message);
  });
});

describe('ssd', () => {
  it('with equal steps and the rates of retention is retention', async () => {
    const layer = randomLayer(executor, 300);
    const retention = await variantById('retention').open(layer, { scale: 1 });
    const dt = floats([HEADS, 300]);
    dt.data.fill(0.5);
    const A = floats(
      [HEADS],
      Float32Array.from({ length: HEADS }, (_, h) => 2 * Math.log1p(-(2 ** (-5 - h)))),
    );
    const ssd = await variantById('ssd').open(randomLayer(executor, 300, { dt, A }), {});
    const doubled = (await outputs(ssd, 300)).map(value => 2 * value);
    expect(difference(doubled, await outputs(retention, 300))).toBeLessThan(1e-5);
    const plain = await variantById('ssd').open(layer, {});
    expect(difference(await outputs(plain, 300), await outputs(retention, 300))).toBeLessThan(1e-5);
  });

  it('adds the skip beside its rows', async () => {
    const own = { dt: steps(HEADS, 111), A: rates(HEADS) };
    const D = drawn([HEADS], x => x, 5);
    const without = await outputs(await variantById('ssd').open(randomLayer(executor, 111, own), {}), 111);
    const layer = randomLayer(executor, 111, { ...own, D });
    const mixer = await variantById('ssd').open(layer, {});
    const expected = without.map((value, at) => {
      const row = Math.floor(at / VALUES);
      const head = Math.floor(row / 111);
      return value + D.data[head]! * vectorAt(layer.v, head, row % 111)[at % VALUES]!;
    });
    expect(difference(await outputs(mixer, 111), expected)).toBeLessThan(1e-5);
  });

  it('remembers what every step wrote', async () => {
    const own = { dt: steps(HEADS, 700), A: rates(HEADS) };
    const layer = randomLayer(executor, 700, own);
    const mixer = await variantById('ssd').open(layer, {});
    const ref = { layer: 0, head: 3, token: 699 };
    const memory = await describeMemory(mixer, { ref, title: 'Memory', tokens: 700, limit: 10 });
    if (memory?.kind !== 'state') throw new Error('expected a state');
    const state = new Float64Array(WIDTH * VALUES);
    for (let t = 0; t < 700; t++) {
      const step = own.dt.data[3 * 700 + t]!;
      const [B, x] = [vectorAt(layer.k, 3, t), vectorAt(layer.v, 3, t)];
      state.forEach((value, at) => {
        const fresh = step * B[Math.floor(at / VALUES)]! * x[at % VALUES]!;
        state[at] = value * Math.exp(step * own.A.data[3]!) + fresh;
      });
    }
    expect(memory.norm.at(-1)! / Math.sqrt(product(state, state))).toBeCloseTo(1, 4);
    expect(memory.halfLives).toHaveLength(1);
    expect(memory.beta!.length).toBe(memory.norm.length);
  });
});

describe('case files', () => {
  const N = 37;
  const E = 6;
  const S = 5;
  const file = (shape: readonly number[], data: ArrayLike<number>) => ({
    ...{ dtype: 'F32' as const, shape },
    data: Float32Array.from(data),
  });

  /** As `selective_scan` takes them: `u`, `delta [E, N]`, `A [E, S]`, `B`, `C [S, N]`, `D [E]`. */
  function selectiveScan() {
    const u = drawn([E, N], x => x, 1).data;
    const delta = drawn([E, N], x => 0.2 * Math.exp(x), 2).data;
    const A = drawn([E, S], x => -Math.exp(x), 3).data;
    const B = drawn([S, N], x => x, 4).data;
    const C = drawn([S, N], x => x, 5).data;
    const D = drawn([E], x => x, 6).data;
    const y = new Float64Array(E * N);
    const every = new Float64Array(E * N * N);
    for (let e = 0; e < E; e++) {
      for (let j = 0; j < N; j++) {
        let waited = 0;
        for (let i = j; i < N; i++) {
          if (i > j) waited += delta[e * N + i]!;
          let weight = 0;
          for (let s = 0; s < S; s++) {
            weight += C[s * N + i]! * Math.exp(A[e * S + s]! * waited) * B[s * N + j]! * delta[e * N + j]!;
          }
          every[(e * N + i) * N + j] = weight;
          y[e * N + i]! += weight * u[e * N + j]! + (i === j ? D[e]! * u[e * N + j]! : 0);
        }
      }
    }
    const mean = Float64Array.from({ length: N * N }, (_, at) => {
      let sum = 0;
      for (let e = 0; e < E; e++) sum += Math.abs(every[e * N * N + at]!) / E;
      return sum;
    });
    return { u, delta, A, B, C, D, y, every, mean };
  }

  function turned(data: ArrayLike<number>, rows: number): Float64Array {
    const columns = data.length / rows;
    return Float64Array.from(
      { length: data.length },
      (_, at) => data[(at % rows) * columns + Math.floor(at / rows)]!,
    );
  }

  const check = (variant: string, tensors: Parameters<typeof writeSafetensors>[1], params = {}) =>
    inFolder(async folder => {
      const path = join(folder, 'case.safetensors');
      await writeSafetensors(path, tensors, { variant, params: JSON.stringify(params) });
      return checkCase(path, executor);
    });

  const given = selectiveScan();
  const scan = {
    ...{ delta: file([E, N], given.delta), A: file([E, S], given.A), B: file([S, N], given.B) },
    ...{ C: file([S, N], given.C), D: file([E], given.D) },
  };
  const first = { ...scan, u: file([E, N], given.u), 'expect.y': file([E, N], given.y) };
  const last = {
    ...{ x: file([1, N, E], turned(given.u, E)), delta: file([1, N, E], turned(given.delta, E)) },
    ...{
      A: scan.A,
      D: scan.D,
      B: file([1, N, S], turned(given.B, S)),
      C: file([1, N, S], turned(given.C, S)),
    },
    'expect.y': file([1, N, E], turned(given.y, E)),
  };

  it.each([
    ['features first, mean rows', { ...first, 'expect.m': file([N, N], given.mean) }, {}],
    ['features first, rows of every channel', { ...first, 'expect.m': file([E, N, N], given.every) }, {}],
    [
      'features first, magnitudes of every channel',
      { ...first, 'expect.m': file([E, N, N], given.every.map(Math.abs)) },
      {},
    ],
    [
      'features first, one channel',
      { ...first, 'expect.m': file([1, N, N], given.every.subarray(2 * N * N, 3 * N * N)) },
      { channel: 2 },
    ],
    ['tokens first, mean rows', { ...last, 'expect.m': file([1, N, N], given.mean) }, {}],
    ['tokens first, rows of every channel', { ...last, 'expect.m': file([E, N, N], given.every) }, {}],
  ])('of mamba, %s', async (_, tensors, params) => {
    expect(await check('mamba', tensors, params)).toMatchObject({ status: 'PASS', message: undefined });
  });

  it('of mamba fail where the numbers differ', async () => {
    const wrong = {
      ...first,
      'expect.y': file(
        [E, N],
        given.y.map(value => value * 1.01),
      ),
    };
    expect((await check('mamba', wrong)).status).toBe('FAIL');
    const rows = {
      ...first,
      'expect.m': file(
        [N, N],
        given.mean.map(value => value * 1.01),
      ),
    };
    expect((await check('mamba', rows)).status).toBe('FAIL');
  });

  it.each([HEADS, 2])('of ssd with %i groups', async groups => {
    const layer = randomLayer(executor, N);
    const own = { dt: steps(HEADS, N), A: rates(HEADS) };
    const flat = (x: FloatTensor, heads: number) => {
      const width = x.shape[2]!;
      const rows = Array.from({ length: heads * N }, (_, row) =>
        vectorAt(x, Math.floor((Math.floor(row / N) * HEADS) / heads), row % N),
      );
      return file(
        [heads, N, width],
        rows.flatMap(row => Array.from(row)),
      );
    };
    const [C, B, x] = [flat(layer.q, groups), flat(layer.k, groups), flat(layer.v, HEADS)];
    const m = new Float64Array(HEADS * N * N);
    const y = new Float64Array(HEADS * N * VALUES);
    for (let h = 0; h < HEADS; h++) {
      const g = Math.floor((h * groups) / HEADS);
      for (let j = 0; j < N; j++) {
        let waited = 0;
        for (let i = j; i < N; i++) {
          if (i > j) waited += own.dt.data[h * N + i]!;
          let score = 0;
          for (let s = 0; s < WIDTH; s++) {
            score += C.data[(g * N + i) * WIDTH + s]! * B.data[(g * N + j) * WIDTH + s]!;
          }
          const weight = score * Math.exp(own.A.data[h]! * waited) * own.dt.data[h * N + j]!;
          m[(h * N + i) * N + j] = weight;
          for (let e = 0; e < VALUES; e++) {
            y[(h * N + i) * VALUES + e]! += weight * x.data[(h * N + j) * VALUES + e]!;
          }
        }
      }
    }
    const result = await check('ssd', {
      ...{ x, B, C, dt: file([HEADS, N], own.dt.data), A: file([HEADS], own.A.data) },
      ...{ 'expect.y': file([HEADS, N, VALUES], y), 'expect.m': file([HEADS, N, N], m) },
    });
    expect(result).toMatchObject({ status: 'PASS', message: undefined });
  });
});
