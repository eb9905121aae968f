/** What is told of memories that hold stretches of the text, against the variants' plain references. */

import { afterAll, describe, expect, it } from 'vitest';

import { describeMemory } from '../../src/engine/analysis/memory';
import { createExecutor } from '../../src/engine/runtime/executor';
import { variantById, VARIANTS } from '../../src/engine/variants';
import type { Layer } from '../../src/engine/variants/primitives/mixer';
import { memoryTensors } from '../../src/engine/variants/primitives/remembered';
import type { MemorySlot, SlotMemory } from '../../src/protocol/memory';
import { normal, random } from '../support/random';
import { HEADS, product, randomLayer, referenceInputs, vectorAt, WIDTH } from '../support/randomLayer';

const executor = createExecutor('cpu');
afterAll(() => executor.release());

const HEAD = 2;

interface Opened {
  readonly layer: Layer;
  readonly memory: SlotMemory;
  /** `|M|` of the row over the memory's entries and the document's. */
  readonly row: Float64Array;
  /** Entries before the document. */
  readonly before: number;
}

async function opened(
  id: string,
  params: Record<string, unknown>,
  tokens: number,
  token: number,
  given = 0,
): Promise<Opened> {
  const uniform = random(9);
  const sizes = { heads: HEADS, tokens, width: WIDTH, normal: () => normal(uniform) };
  const tensors = given === 0 ? {} : memoryTensors(sizes, given);
  const layer = randomLayer(executor, tokens, tensors);
  const square = { ...layer, v: layer.k };
  const mixer = await variantById(id).open(square, params);
  const memory = await describeMemory(mixer, {
    ref: { layer: 0, head: HEAD, token },
    title: 'Memory',
    tokens,
    limit: 1000,
  });
  if (memory?.kind !== 'slots') throw new Error('expected slots');
  const m = variantById(id).reference(referenceInputs(layer, Number(params['scale'] ?? 0)), params);
  const length = given + tokens;
  const row = m.slice((HEAD * tokens + token) * length, (HEAD * tokens + token + 1) * length).map(Math.abs);
  return { layer, memory, row, before: given };
}

/** Entries of the row that a slot was made from. */
function entriesOf({ ranges, given }: MemorySlot, before: number): number[] {
  const listed = (pairs: Int32Array, offset: number) => {
    const entries: number[] = [];
    for (let at = 0; at < pairs.length; at += 2) {
      for (let j = pairs[at]!; j < pairs[at + 1]!; j++) entries.push(j + offset);
    }
    return entries;
  };
  return [...listed(given, 0), ...listed(ranges, before)];
}

const TABLE: readonly (readonly [string, Record<string, unknown>, number])[] = [
  ['snapkv', { prompt: 50, budget: 20, probe: 9, pool: 5, sinks: 2, window: 6 }, 0],
  ['recurrent-memory', { segment: 20, memory: 31 }, 0],
  ['recurrent-memory', { segment: 20, memory: 31 }, 25],
  ['recurrent-memory', { segment: 9, memory: 4 }, 7],
  ['recurrent-memory', {}, 13],
  ['memorizing', { segment: 20, k: 8 }, 0],
  ['memorizing', { segment: 20, k: 8 }, 70],
  ['memory-caching', { segment: 20, scale: 0.3 }, 0],
  ['memory-caching', { segment: 13, k: 2, scale: 0.3 }, 0],
  ['memory-caching', { segment: 'paragraph', scale: 0.3 }, 0],
  ['vq', { codes: 12, seed: 5 }, 0],
  ['vq', { codes: 12, causal: false }, 0],
  ['segmented', { segment: 16 }, 0],
  ['combiner', { segment: 10 }, 0],
  ['adaptive-mass', { inner: 'snapkv', prompt: 50, budget: 20, probe: 9, gamma: 0.8 }, 0],
];

const CASES = TABLE.flatMap(([id, params, given]) =>
  [
    [63, 62],
    [111, 110],
    [111, 57],
    [111, 0],
  ].map(([tokens, token]) => ({ id, params, given, tokens: tokens!, token: token! })),
);

describe('slots of', () => {
  it.each(CASES)('$id $params with $given given, token $token of $tokens', async given => {
    const { memory, row, before } = await opened(
      given.id,
      given.params,
      given.tokens,
      given.token,
      given.given,
    );
    const total = row.reduce((sum, weight) => sum + weight, 0);
    const position = before + given.token;
    const seen = new Set<number>();
    for (const slot of memory.slots) {
      const entries = entriesOf(slot, before);
      expect(slot.tokens).toBe(entries.length);
      const mass = entries.reduce((sum, entry) => sum + row[entry]!, 0);
      expect(slot.read).toBeCloseTo(mass / total, 5);
      expect(slot.age).toBe(entries.length === 0 ? undefined : Math.max(0, position - entries.at(-1)!));
      if (slot.status === 'evicted' && (slot.since ?? 0) <= given.token) expect(mass).toBe(0);
      if (slot.status === 'empty') expect(entries).toEqual([]);
      for (const entry of entries) expect(seen.has(entry)).toBe(false);
      entries.forEach(entry => seen.add(entry));
    }
    // Every entry that the row weighs stands in one slot.
    row.forEach((weight, entry) => {
      if (weight > 1e-9) expect(seen.has(entry)).toBe(true);
    });
    const reads = memory.slots.map(({ read }) => read);
    expect(reads).toEqual([...reads].sort((a, b) => b - a));
    const open = memory.slots
      .filter(({ status }) => status === 'open')
      .reduce((sum, { read }) => sum + read, 0);
    expect(memory.read).toBeCloseTo(1 - open, 5);
    expect(memory.total).toBe(memory.slots.length);
  });

  it('snapkv say what was kept of the prompt, and when', async () => {
    const params = { prompt: 50, budget: 20, probe: 9, pool: 5, sinks: 2, window: 6 };
    const { memory, row } = await opened('snapkv', params, 111, 110);
    expect([memory.held, memory.evicted]).toEqual([20, 30]);
    for (const slot of memory.slots) {
      const weighed = entriesOf(slot, 0).every(entry => row[entry]! > 0);
      expect(weighed).toBe(slot.status !== 'evicted');
      if (slot.status !== 'open') expect(slot.since).toBe(50);
    }
    // Sinks and window aside, what was kept had more attention than what was not.
    const strengths = (status: string) =>
      memory.slots.filter(slot => slot.status === status && slot.ranges[0]! > 2 && slot.ranges[1]! < 44);
    const least = Math.min(...strengths('kept').map(slot => slot.strength!));
    const most = Math.max(...strengths('evicted').map(slot => slot.strength!));
    expect(least).toBeGreaterThan(most);
  });

  it('snapkv in the prompt will be evicted, and are read until then', async () => {
    const params = { prompt: 50, budget: 20, probe: 9, pool: 5, sinks: 2, window: 6 };
    const { memory } = await opened('snapkv', params, 111, 49);
    const evicted = memory.slots.filter(({ status }) => status === 'evicted');
    expect(evicted.length).toBeGreaterThan(0);
    for (const slot of evicted) {
      expect(slot.since).toBe(50);
      expect(slot.read).toBeGreaterThan(0);
    }
  });

  it('recurrent-memory age by segments and leave with the first segment that cannot see them', async () => {
    const { memory } = await opened('recurrent-memory', { segment: 20, memory: 31 }, 111, 110, 25);
    const byLabel = (label: string, status: string) =>
      memory.slots.find(slot => slot.label === label && slot.status === status);
    expect(byLabel('segment 6', 'open')).toMatchObject({ segments: 0, tokens: 11, age: 0 });
    expect(byLabel('segment 5', 'kept')).toMatchObject({ segments: 1, tokens: 20, since: 100, age: 11 });
    expect(byLabel('segment 4', 'kept')).toMatchObject({ segments: 2, tokens: 11 });
    // Tokens 60 to 68 were last seen from the segment that starts at 80.
    expect(byLabel('segment 4', 'evicted')).toMatchObject({ segments: 2, tokens: 9, since: 100 });
    expect(byLabel('segment 3', 'evicted')).toMatchObject({ segments: 3, tokens: 20, since: 100 });
    expect(byLabel('segment 2', 'evicted')).toMatchObject({ since: 80 });
    expect(byLabel('given memory', 'evicted')).toMatchObject({ tokens: 25, since: 40 });
    expect(memory.evicted).toBe(25 + 69);
    expect(memory.held).toBe(31);
  });

  it('memorizing are the retrieved keys with their products', async () => {
    const { memory, layer } = await opened('memorizing', { segment: 20, k: 8 }, 111, 110);
    const retrieved = memory.slots.filter(({ status }) => status === 'retrieved');
    const query = vectorAt(layer.q, HEAD, 110);
    const products = Array.from({ length: 100 }, (_, j) => product(query, vectorAt(layer.k, HEAD, j)));
    const best = products
      .map((score, key) => ({ score, key }))
      .sort((a, b) => b.score - a.score)
      .slice(0, 8);
    expect(retrieved).toHaveLength(8);
    for (const slot of retrieved) {
      const { score } = best.find(({ key }) => key === slot.ranges[0])!;
      expect(slot.strength).toBeCloseTo(score, 4);
      expect(slot.segments).toBe(5 - Math.floor(slot.ranges[0]! / 20));
    }
  });

  it('memory-caching carry the gate of their segment', async () => {
    const { memory, layer } = await opened('memory-caching', { segment: 20, scale: 0.3 }, 111, 110);
    expect(memory.slots.reduce((sum, { strength }) => sum + strength!, 0)).toBeCloseTo(1, 5);
    const query = vectorAt(layer.q, HEAD, 110);
    const pooled = (start: number, end: number) => {
      let sum = 0;
      for (let j = start; j < end; j++) sum += product(query, vectorAt(layer.k, HEAD, j));
      return sum / (end - start);
    };
    const scores = Array.from({ length: 6 }, (_, c) => pooled(20 * c, Math.min(111, 20 * c + 20)));
    const whole = scores.reduce((sum, score) => sum + Math.exp(score), 0);
    for (const slot of memory.slots)
      expect(slot.strength).toBeCloseTo(Math.exp(scores[slot.ranges[0]! / 20]!) / whole, 4);
  });

  it('vq count their tokens; codes without any are dead', async () => {
    const { memory } = await opened('vq', { codes: 12, seed: 5 }, 111, 57);
    expect(memory.slots).toHaveLength(12);
    expect(memory.held).toBe(58);
    for (const slot of memory.slots) expect(slot.strength).toBe(slot.tokens);
  });
});

describe('a memory', () => {
  it('is cut to the slots that are read most', async () => {
    const mixer = await variantById('segmented').open(randomLayer(executor, 111), { segment: 4 });
    const ref = { layer: 0, head: HEAD, token: 110 };
    const all = await describeMemory(mixer, { ref, title: '', tokens: 111, limit: 1000 });
    const some = await describeMemory(mixer, { ref, title: '', tokens: 111, limit: 5 });
    if (all?.kind !== 'slots' || some?.kind !== 'slots') throw new Error('expected slots');
    expect(some.slots).toEqual(all.slots.slice(0, 5));
    expect(some.total).toBe(28);
    expect(some.read).toBe(all.read);
  });

  it('is none where every key stays as it is', async () => {
    for (const id of ['dense', 'local', 'strided']) {
      const mixer = await variantById(id).open(randomLayer(executor, 63), {});
      const ref = { layer: 0, head: 0, token: 5 };
      expect(await describeMemory(mixer, { ref, title: '', tokens: 63, limit: 9 })).toBeUndefined();
    }
  });

  it('is there for every variant whose rows are read from one', async () => {
    const found = [];
    for (const variant of VARIANTS) {
      const mixer = await variant.open(randomLayer(executor, 63), {});
      if (mixer.memoryAt !== undefined) found.push(variant.info.id);
    }
    expect(found).toEqual(
      expect.arrayContaining([
        ...['snapkv', 'vq', 'segmented', 'combiner', 'performer', 'linear', 'gla', 'retention', 'delta'],
        ...['recurrent-memory', 'memorizing', 'memory-caching'],
      ]),
    );
  });

  it('passes through a position modifier', async () => {
    const layer = randomLayer(executor, 63);
    const mixer = await variantById('bias-alibi').open(layer, { inner: 'snapkv', prompt: 40, budget: 9 });
    const ref = { layer: 0, head: HEAD, token: 62 };
    const memory = await describeMemory(mixer, { ref, title: '', tokens: 63, limit: 99 });
    if (memory?.kind !== 'slots') throw new Error('expected slots');
    const { keys } = await mixer.row(HEAD, 62);
    expect(memory.held + 23).toBe(keys.length);
  });
});
