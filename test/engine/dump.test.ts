import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { createEngine } from '../../src/engine/engine';
import { openDump } from '../../src/engine/dump';
import { type TensorData, writeSafetensors } from '../../src/engine/model/safetensors';
import { EVERYWHERE } from '../../src/protocol/inspection';
import { inFolder } from '../support/folders';
import { normal, random } from '../support/random';

const [HEADS, GROUPS, TOKENS, WIDTH] = [4, 2, 37, 8];
const WORDS = Array.from({ length: TOKENS }, (_, token) => (token % 5 === 4 ? '\n' : `w${token % 7} `));

const uniform = random(11);
function tensor(...shape: readonly number[]): TensorData & { dtype: 'F32' } {
  const size = shape.reduce((product, length) => product * length, 1);
  return { dtype: 'F32', shape, data: Float32Array.from({ length: size }, () => normal(uniform)) };
}

function twoLayers(): Record<string, TensorData> {
  return Object.fromEntries(
    [0, 1].flatMap(layer => [
      [`layers.${layer}.q`, tensor(HEADS, TOKENS, WIDTH)],
      [`layers.${layer}.k`, tensor(GROUPS, TOKENS, WIDTH)],
      [`layers.${layer}.v`, tensor(GROUPS, TOKENS, WIDTH + 2)],
    ]),
  );
}

async function withDump<T>(
  tensors: Readonly<Record<string, TensorData>>,
  metadata: Readonly<Record<string, string>>,
  use: (path: string) => Promise<T>,
): Promise<T> {
  return inFolder(async folder => {
    const path = join(folder, 'run.safetensors');
    await writeSafetensors(path, tensors, metadata);
    return use(path);
  });
}

const engine = createEngine({ started: () => undefined, progress: () => undefined, log: () => undefined });

function inspect(model: string, changes: object = {}) {
  return engine.inspect({
    id: 'dump',
    text: '',
    model,
    variant: { id: 'native', params: {} },
    schedule: EVERYWHERE,
    device: 'cpu',
    maxTokens: 1000,
    ...changes,
  });
}

/** Softmax of a query over the keys before it, by plain loops. */
function denseRow(tensors: Readonly<Record<string, TensorData>>, layer: number, head: number, token: number) {
  const q = tensors[`layers.${layer}.q`]!.data;
  const k = tensors[`layers.${layer}.k`]!.data;
  const group = Math.floor((head * GROUPS) / HEADS);
  const scores = Array.from({ length: token + 1 }, (_, j) => {
    let sum = 0;
    for (let d = 0; d < WIDTH; d++) {
      sum += q[(head * TOKENS + token) * WIDTH + d]! * k[(group * TOKENS + j) * WIDTH + d]!;
    }
    return Math.exp(sum / Math.sqrt(WIDTH));
  });
  const total = scores.reduce((sum, score) => sum + score, 0);
  return scores.map(score => score / total);
}

describe('a tensor dump', () => {
  it('opens like a model: its own tokens and text, exact rows, any variant laid over it', async () => {
    const tensors = twoLayers();
    await withDump(tensors, { tokens: JSON.stringify(WORDS), name: 'my run' }, async path => {
      const summary = await inspect(path);
      expect(summary).toMatchObject({ tokens: TOKENS, layers: 2, heads: HEADS, loss: undefined });
      expect(summary.model).toMatchObject({
        name: 'my run',
        architecture: 'tensor dump',
        keyValueHeads: GROUPS,
      });
      expect(summary.variant.id).toBe('dense');
      expect(await engine.dumpText(path)).toBe(WORDS.join(''));
      expect((await engine.tokenDetail('dump', 3)).text).toBe(WORDS[3]);
      const table = await engine.tokens('dump');
      expect(table.ids[0]).toBe(table.ids[7]);
      const [layer, head, token] = [1, 3, 30];
      const [row] = await engine.rows([{ id: 'dump', layer, head, token, top: TOKENS, profile: 0 }]);
      const expected = denseRow(tensors, layer, head, token);
      for (const { index, weight } of row!.keys) expect(weight).toBeCloseTo(expected[index]!, 5);
      expect((await engine.stats('dump', { layer, head })).peak[token]).toBeCloseTo(Math.max(...expected), 5);

      const shadow = await inspect(path, {
        variant: { id: 'local', params: { window: 5 } },
        schedule: { ...EVERYWHERE, mode: 'shadow' },
      });
      expect(shadow.layerVariants.map(({ id }) => id)).toEqual(['local', 'local']);
      const [against] = await engine.rows([
        { id: 'dump', layer, head, token, top: 1, profile: 0, against: true },
      ]);
      const recall = expected.slice(-5).reduce((sum, weight) => sum + weight, 0);
      expect(against!.against!.recall).toBeCloseTo(recall, 5);
    });
  });

  it('places tokens by offsets in code points, beside a text with emoji', async () => {
    const text = 'a 🙂🙂 long sight';
    const offsets = { dtype: 'I64', shape: [3, 2], data: Int32Array.of(0, 1, 2, 4, 5, 9) } as const;
    const tensors = { q: tensor(1, 3, 4), k: tensor(1, 3, 4), v: tensor(1, 3, 4), offsets };
    await withDump(tensors, { text, tokens: '["a","x","long"]' }, async path => {
      const { source } = await openDump(path);
      const { starts, ends } = source.table;
      expect([...starts].map((start, token) => text.slice(start, ends[token]))).toEqual([
        'a',
        '🙂🙂',
        'long',
      ]);
    });
  });

  it('places tokens that cover nothing after the token before them', async () => {
    const offsets = { dtype: 'I64', shape: [1, 4, 2], data: Int32Array.of(0, 0, 0, 2, 2, 5, 0, 0) } as const;
    const tensors = { q: tensor(1, 4, 4), k: tensor(1, 4, 4), v: tensor(1, 4, 4), offsets };
    await withDump(tensors, { text: 'to be' }, async path => {
      const { starts, ends } = (await openDump(path)).source.table;
      expect([...starts]).toEqual([0, 0, 2, 5]);
      expect([...ends]).toEqual([0, 2, 5, 5]);
    });
  });

  it('attends as a case file names it', async () => {
    const tensors = { q: tensor(2, 9, 4), k: tensor(2, 9, 4), v: tensor(2, 9, 4) };
    await withDump(tensors, { variant: 'local', params: '{"window": 3}' }, async path => {
      const summary = await inspect(path);
      expect(summary.variant).toEqual({ id: 'local', params: { window: 3 } });
      const [row] = await engine.rows([{ id: 'dump', layer: 0, head: 1, token: 8, top: 9, profile: 0 }]);
      expect(row!.admitted).toBe(3);
      expect(await engine.dumpText(path)).toBe('0 1 2 3 4 5 6 7 8 ');
    });
  });

  it('has no logits to write', async () => {
    await withDump(twoLayers(), {}, async path => {
      await expect(inspect(path, { logits: `${path}.logits` })).rejects.toThrow(/no model to make logits/);
    });
  });

  it.each([
    { tensors: { x: tensor(2) }, metadata: {}, says: /no tensor dump: expected tensors q, k and v/ },
    { tensors: { q: tensor(1, 3, 4), k: tensor(1, 2, 4), v: tensor(1, 3, 4) }, metadata: {}, says: /'k' is/ },
    {
      tensors: {
        'layers.1.q': tensor(1, 3, 4),
        'layers.1.k': tensor(1, 3, 4),
        'layers.1.v': tensor(1, 3, 4),
      },
      metadata: {},
      says: /no layers\.0\.q/,
    },
    {
      tensors: { q: tensor(1, 3, 4), k: tensor(1, 3, 4), v: tensor(1, 3, 4) },
      metadata: { tokens: '["one"]' },
      says: /JSON list of 3 texts; it is a list of 1/,
    },
    {
      tensors: {
        q: tensor(1, 1, 4),
        k: tensor(1, 1, 4),
        v: tensor(1, 1, 4),
        offsets: { dtype: 'I64', shape: [1, 2], data: Int32Array.of(0, 99) } as const,
      },
      metadata: { text: 'short' },
      says: /covers character 99, but the text has 5/,
    },
    {
      tensors: {
        q: tensor(1, 2, 4),
        k: tensor(1, 2, 4),
        v: tensor(1, 2, 4),
        offsets: { dtype: 'I64', shape: [2, 2], data: Int32Array.of(2, 4, 0, 2) } as const,
      },
      metadata: { text: 'short' },
      says: /token 1 covers characters 0 to 2, which is out of order after 2 to 4/,
    },
    {
      tensors: {
        q: { dtype: 'F32', shape: [0, 2 ** 40, 64], data: new Float32Array(0) } as const,
        k: { dtype: 'F32', shape: [0, 2 ** 40, 64], data: new Float32Array(0) } as const,
        v: { dtype: 'F32', shape: [0, 2 ** 40, 64], data: new Float32Array(0) } as const,
      },
      metadata: {},
      says: /q is \[0, 1099511627776, 64\]; expected at least one head, token and feature/,
    },
    {
      tensors: {
        q: tensor(1, 2, 4),
        k: tensor(1, 2, 4),
        v: tensor(1, 2, 4),
        ids: { dtype: 'I64', shape: [3], data: Int32Array.of(1, 2, 3) } as const,
      },
      metadata: {},
      says: /'ids' is \[3\], expected \[2\]/,
    },
  ])('is refused in a sentence: $says', async ({ tensors, metadata, says }) => {
    await withDump(tensors as Record<string, TensorData>, metadata as Record<string, string>, async path => {
      await expect(inspect(path)).rejects.toThrow(says);
    });
  });
});
