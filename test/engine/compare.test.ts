/** Comparisons against brute force over the reference's whole attention matrices. */

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';

import { createEngine } from '../../src/engine/engine';
import { openCheckpoint } from '../../src/engine/model/checkpoint';
import { readSchedule } from '../../src/engine/scheduleFile';
import { kindOf, scheduleOf } from '../../src/engine/compare/sweep';
import type { Comparison } from '../../src/protocol/comparison';
import { EVERYWHERE, type VariantChoice } from '../../src/protocol/inspection';
import { SMALL_LLAMA, writeRandomLlama } from '../support/checkpoints';
import { Cancelled, Problem } from '../../src/protocol/problem';
import { inFolder, LAB_BASE } from '../support/folders';
import { llamaForward, type LlamaRun } from '../support/llamaReference';

const TEXT = `A window forgets, a sink remembers. What a model looks at is not what it needs: some heads look at
the last few words and no further, some at the first word and nothing else, and a few look far back for the
one place that matters. The question is which is which, and what is lost when the far ones are cut short.
A window forgets, a sink remembers; the one place that matters is far back.`;

const engine = createEngine({ started: () => undefined, progress: () => undefined, log: () => undefined });
const CANDIDATES: readonly VariantChoice[] = [
  { id: 'local', params: { window: 12 } },
  { id: 'topk', params: { k: 12 } },
  { id: 'local', params: { window: 12, sinks: 2 } },
  { id: 'linear', params: {} },
  { id: 'local', params: { window: 0 } },
];

let tokens: number;
let reference: LlamaRun;
let comparison: Comparison;

beforeAll(async () => {
  const request = { text: TEXT, model: LAB_BASE, device: 'cpu', maxTokens: 10_000 } as const;
  await engine.inspect({
    ...request,
    id: 'base',
    variant: { id: 'native', params: {} },
    schedule: EVERYWHERE,
  });
  const { ids } = await engine.tokens('base');
  tokens = ids.length;
  reference = await llamaForward(await openCheckpoint(LAB_BASE), ids);
  comparison = await engine.compare({ id: 'compare', of: 'base', candidates: CANDIDATES, live: true });
}, 120_000);

/** Mean over the rows of a head of the dense mass on the keys that `keeps` names. */
function bruteRecall(
  layer: number,
  head: number,
  keeps: (row: Float64Array, i: number, j: number) => boolean,
) {
  const attention = reference.attention(layer, head);
  let sum = 0;
  for (let i = 0; i < tokens; i++) {
    const row = attention.subarray(i * tokens, i * tokens + i + 1);
    row.forEach((weight, j) => (sum += keeps(row, i, j) ? weight : 0));
  }
  return sum / tokens;
}

const inTop = (row: Float64Array, j: number, k: number) => row.filter(weight => weight > row[j]!).length < k;

describe('a comparison', () => {
  it.each([
    [0, (_: Float64Array, i: number, j: number) => i - j < 12],
    [1, (row: Float64Array, _: number, j: number) => inTop(row, j, 12)],
    [2, (_: Float64Array, i: number, j: number) => i - j < 12 || j < 2],
  ] as const)('tells the recall of candidate %i in every head, as brute force does', (at, keeps) => {
    const { recall, recallTokens } = comparison.candidates[at]!;
    expect(recallTokens).toBe(tokens);
    recall.forEach((value, index) => {
      const [layer, head] = [Math.floor(index / comparison.heads), index % comparison.heads];
      expect(Math.abs(value - bruteRecall(layer, head, keeps))).toBeLessThan(1e-4);
    });
  });

  it('tells the error of the outputs', () => {
    const [layer, head, group, width] = [2, 3, 1, 32];
    const attention = reference.attention(layer, head);
    const v = reference.v(layer);
    let sum = 0;
    for (let i = 0; i < tokens; i++) {
      const weights = attention.subarray(i * tokens, i * tokens + i + 1);
      const kept = weights.map((weight, j) => (i - j < 12 ? weight : 0));
      const mass = kept.reduce((total, weight) => total + weight, 0);
      let off = 0;
      let size = 0;
      for (let d = 0; d < width; d++) {
        const column = (row: Float64Array) =>
          row.reduce((y, weight, j) => y + weight * v[(group * tokens + j) * width + d]!, 0);
        const dense = column(weights);
        off += (column(kept) / mass - dense) ** 2;
        size += dense ** 2;
      }
      sum += Math.sqrt(off / size);
    }
    const found = comparison.candidates[0]!.error[layer * comparison.heads + head]!;
    expect(found).toBeCloseTo(sum / tokens, 4);
  });

  it('ranks plausibly: the oracle keeps more than a window of its size, sinks help, and so the loss', () => {
    const mean = (at: number) => {
      const { recall } = comparison.candidates[at]!;
      return recall.reduce((sum, value) => sum + value, 0) / recall.length;
    };
    expect(mean(1)).toBeGreaterThan(mean(2));
    expect(mean(2)).toBeGreaterThan(mean(0));
    const losses = comparison.candidates.map(({ live }) => live?.loss);
    expect(losses[1]).toBeLessThan(losses[0]!);
    expect(losses[3]).toBeGreaterThan(losses[0]!);
    const { lossChange } = comparison.candidates[0]!.live!;
    const change = lossChange.slice(1).reduce((sum, value) => sum + value, 0) / (tokens - 1);
    expect(change).toBeCloseTo(losses[0]! - comparison.loss!, 4);
  });

  it('lists the tokens that lose most', () => {
    const [window, , , , wrong] = comparison.candidates;
    const { lossChange } = window!.live!;
    const order = Array.from(lossChange.keys())
      .filter(token => lossChange[token]! > 0)
      .sort((a, b) => lossChange[b]! - lossChange[a]!);
    expect(window!.hurt.map(({ token }) => token)).toEqual(order.slice(0, 16));
    expect(window!.hurt[0]).toEqual({
      token: order[0],
      error: window!.tokenError[order[0]!],
      lossChange: lossChange[order[0]!],
    });
    expect(wrong!.hurt).toEqual([]);
  });

  it('counts the keys that queries are computed with', async () => {
    await inFolder(async folder => {
      await writeRandomLlama(folder, SMALL_LLAMA);
      const ids = Array.from({ length: 1500 }, (_, at) => (at * at) % 263);
      const native = { variant: { id: 'native', params: {} }, schedule: EVERYWHERE };
      const request = { text: '', model: folder, ids, device: 'cpu', maxTokens: 2000 } as const;
      await engine.inspect({ ...request, ...native, id: 'long' });
      const candidates = [8, 256].map(window => ({ id: 'local', params: { window } }));
      const { keys, candidates: found } = await engine.compare({
        id: 'k',
        of: 'long',
        candidates,
        live: false,
      });
      expect(keys).toBeGreaterThan(750);
      expect(found[1]!.keys).toBeLessThan(keys);
      expect(found[0]!.keys).toBeLessThan(found[1]!.keys);
      expect(found[0]!.keys).toBeGreaterThan(8);
    });
  });

  it('tells what decoding keeps, a layer and in all', () => {
    const [layers, groups, width] = [4, 3, 32];
    const bytes = (each: number) => 4 * groups * each;
    expect(comparison.memory).toBe(layers * bytes(tokens * 2 * width));
    const layer = comparison.candidates.slice(0, 4).map(({ layerMemory }) => layerMemory[2]);
    const [window, oracle, withSinks] = [12, tokens, 14].map(count => bytes(count * 2 * width));
    expect(layer).toEqual([window, oracle, withSinks, bytes(width * (width + 1))]);
    for (const { memory, layerMemory } of [comparison, ...comparison.candidates.slice(0, 4)]) {
      expect(layerMemory).toHaveLength(layers);
      expect(memory).toBe(layerMemory.reduce((sum, each) => sum + each, 0));
    }
  });

  it('tells of a candidate that cannot run and goes on with the others', () => {
    expect(comparison.candidates[4]!.problem).toMatch(/'window' of 'local' takes a whole number from 1/);
    expect(comparison.candidates[4]!.live).toBeUndefined();
  });

  it.each([
    { own: 'dense', candidate: { window: 4, causal: false }, keeps: (i: number, j: number) => i - j < 4 },
    {
      own: 'a window',
      candidate: { window: 4, sinks: 2 },
      keeps: (i: number, j: number) => i - j < 4 || j < 2,
    },
  ])('counts only what the own attention weighs: $own, $candidate', async ({ own, candidate, keeps }) => {
    await inFolder(async folder => {
      const windowed = {
        ...SMALL_LLAMA,
        model_type: 'mistral',
        architectures: ['MistralForCausalLM'],
        sliding_window: 8,
      };
      await writeRandomLlama(folder, own === 'dense' ? SMALL_LLAMA : windowed);
      const ids = Array.from({ length: 40 }, (_, at) => (at * at) % 263);
      const request = { text: '', model: folder, ids, device: 'cpu', maxTokens: 100 } as const;
      await engine.inspect({
        ...request,
        id: 'own',
        variant: { id: 'native', params: {} },
        schedule: EVERYWHERE,
      });
      const candidates = [{ id: 'local', params: candidate }];
      await engine.inspect({
        ...request,
        id: 'shadow',
        variant: candidates[0]!,
        schedule: { ...EVERYWHERE, mode: 'shadow' },
      });
      const { candidates: found } = await engine.compare({ id: 'c', of: 'own', candidates, live: false });
      const { recall } = found[0]!;
      for (const [layer, head] of [
        [0, 0],
        [1, 3],
        [2, 2],
      ] as const) {
        let sum = 0;
        for (let token = 0; token < ids.length; token++) {
          const [row] = await engine.rows([{ id: 'own', layer, head, token, top: 40, profile: 0 }]);
          for (const { index, weight } of row!.keys) if (keeps(token, index)) sum += weight;
        }
        expect(recall[layer * 4 + head]).toBeCloseTo(sum / ids.length, 4);
        const stats = await engine.stats('shadow', { layer, head });
        expect(stats.recall.reduce((total, share) => total + share, 0)).toBeCloseTo(sum, 3);
      }
    });
  });

  it('waits for an inspection to be whole, and ends for a newer one under its id', async () => {
    const request = { text: TEXT, model: LAB_BASE, device: 'cpu', maxTokens: 10_000 } as const;
    const native = { variant: { id: 'native', params: {} }, schedule: EVERYWHERE };
    let early: Promise<unknown> | undefined;
    const watched = createEngine({
      started: ({ id }) => {
        const compared = watched.compare({ id: 'early', of: id, candidates: [], live: false });
        early = compared.catch((error: unknown) => error);
      },
      progress: () => undefined,
      log: () => undefined,
    });
    await watched.inspect({ ...request, ...native, id: 'document' });
    expect(await early).toEqual(
      new Problem('This document is still being inspected. Compare when it is done.'),
    );
    const compare = { id: 'twice', of: 'document', candidates: CANDIDATES.slice(0, 2), live: false };
    const [first, second] = await Promise.allSettled([watched.compare(compare), watched.compare(compare)]);
    expect(first).toMatchObject({ status: 'rejected', reason: new Cancelled() });
    expect(second.status).toBe('fulfilled');
  });

  it('needs a baseline that ran with its own attention', async () => {
    await engine.inspect({
      id: 'cut',
      text: TEXT,
      model: LAB_BASE,
      device: 'cpu',
      maxTokens: 10_000,
      variant: { id: 'local', params: { window: 3 } },
      schedule: EVERYWHERE,
    });
    await expect(engine.compare({ id: 'c', of: 'cut', candidates: [], live: false })).rejects.toThrow(
      /Inspect with the variant 'native', or in shadow/,
    );
  });
});

describe('rows of a variant laid over a run', () => {
  const top = { top: 10_000, profile: 64, against: true };
  const base = (layer: number, head: number) => ({ id: 'base', layer, head, token: tokens - 5, ...top });

  it.each([
    { id: 'local', params: { window: 12, sinks: 2 } },
    { id: 'topk', params: { k: 9 } },
    { id: 'lsh', params: {} },
    { id: 'linear', params: {} },
    { id: 'dense', params: {} },
  ])('equal those of a shadow run: $id', async variant => {
    const request = { text: TEXT, model: LAB_BASE, device: 'cpu', maxTokens: 10_000 } as const;
    await engine.inspect({ ...request, id: 'beside', variant, schedule: { ...EVERYWHERE, mode: 'shadow' } });
    const places = [base(0, 1), base(3, 2)];
    const laid = await engine.rows(places.map(place => ({ ...place, variant })));
    const shadow = await engine.rows(places.map(place => ({ ...place, id: 'beside' })));
    expect(laid.map(({ beside: _, ...row }) => row)).toEqual(shadow);
    await engine.close('beside');
  });

  it('say what the run has and they lack', async () => {
    const variant = { id: 'local', params: { window: 12, sinks: 2 } };
    const [row] = await engine.rows([base(1, 3)]);
    const [laid] = await engine.rows([{ ...base(1, 3), variant }]);
    const { token } = base(1, 3);
    const outside = row!.keys.filter(({ index }) => token - index >= 12 && index >= 2);
    expect(laid!.beside!.lacks).toEqual(outside.slice(0, 8));
    expect(laid!.beside!.adds).toEqual([]);
    expect(laid!.beside!.shared).toBe(1);
    const lost = outside.reduce((sum, { weight }) => sum + weight, 0);
    expect(laid!.beside!.kept).toBeCloseTo(1 - lost, 5);
    expect(laid!.beside!.kept).toBeCloseTo(laid!.against!.recall, 5);
    const [native] = await engine.rows([{ ...base(1, 3), variant: { id: 'native', params: {} } }]);
    expect(native!.keys).toEqual(row!.keys);
  });

  it('lie over a live run of another variant, and are held against dense there', async () => {
    const live = { id: 'local', params: { window: 3 } };
    await engine.inspect({
      id: 'windowed',
      text: TEXT,
      model: LAB_BASE,
      device: 'cpu',
      maxTokens: 10_000,
      variant: live,
      schedule: EVERYWHERE,
    });
    const variant = { id: 'local', params: { window: 9 } };
    const [laid] = await engine.rows([{ ...base(2, 0), id: 'windowed', variant }]);
    expect(laid!.admitted).toBe(9);
    expect(laid!.beside!.lacks).toEqual([]);
    expect(laid!.beside!.adds.length).toBe(6);
    expect(laid!.against!.missed.length).toBe(8);
  });

  it('tell of a variant that cannot open, and go on with the next', async () => {
    const wrong = { id: 'local', params: { window: 0 } };
    await expect(engine.rows([{ ...base(0, 0), variant: wrong }])).rejects.toThrow(
      /'window' of 'local' takes a whole number from 1/,
    );
    await expect(engine.rows([{ ...base(0, 0), variant: { id: 'nothing', params: {} } }])).rejects.toThrow(
      Problem,
    );
    const windows = [4, 5, 6, 7, 4];
    for (const window of windows) {
      const [laid] = await engine.rows([{ ...base(0, 0), variant: { id: 'local', params: { window } } }]);
      expect(laid!.admitted).toBe(window);
    }
  });
});

describe('a sweep', () => {
  it('finds the smallest budget that keeps the recall, a head, and a schedule that runs', async () => {
    const windows = [4, 64, 16, 1024];
    const candidates = windows.map(window => ({ id: 'local', params: { window } }));
    const sweep = { count: windows.length, param: 'window', target: 0.9 };
    const unswept = { id: 'local', params: { window: 1 } };
    const all = [unswept, ...candidates];
    const swept = await engine.compare({ id: 's', of: 'base', candidates: all, live: false, sweep });
    const { budgets, schedule, values } = swept.sweep!;
    expect(values).toEqual([4, 16, 64, 1024]);
    expect(budgets).toHaveLength(swept.layers * swept.heads);
    for (const { layer, head, value, recall } of budgets) {
      const smallest = windows
        .toSorted((a, b) => a - b)
        .find(window => bruteRecall(layer, head, (_, i, j) => i - j < window) >= 0.9);
      expect(value).toBe(smallest);
      expect(recall).toBeGreaterThanOrEqual(0.9);
    }
    const need = Math.max(...budgets.filter(({ layer }) => layer === 0).map(({ value }) => Number(value)));
    expect(schedule.others[0]).toEqual({ layers: '0', variant: { id: 'local', params: { window: need } } });
    await inFolder(async folder => {
      const file = join(folder, 'schedule.json');
      await writeFile(file, JSON.stringify(schedule));
      expect(await readSchedule(file)).toEqual(schedule);
      await writeFile(file, '{"layers": 3}');
      await expect(readSchedule(file)).rejects.toThrow(/is no schedule/);
    });
  });

  it('says what heads do in the model itself', async () => {
    const sweep = { count: 1, param: 'window', target: 0.9 };
    const candidates = [{ id: 'local', params: { window: 8 } }];
    const swept = await engine.compare({ id: 's', of: 'base', candidates, live: false, sweep });
    for (const { layer, head, kind } of swept.sweep!.budgets) {
      const { span, sink } = await engine.stats('base', { layer, head });
      const mean = (values: Float32Array) => values.reduce((sum, value) => sum + value, 0) / tokens;
      expect(kind).toBe(kindOf(mean(span), mean(sink), tokens));
    }
    expect(kindOf(10, 0.5, 1000)).toBe('sink');
    expect(kindOf(62, 0.4, 1000)).toBe('local');
    expect(kindOf(63, 0.4, 1000)).toBe('retrieving');
  });

  it('leaves a layer alone where no budget is enough', () => {
    const budgets = [
      { layer: 0, head: 0, value: 8, recall: 0.95 },
      { layer: 0, head: 1, value: undefined, recall: 0.5 },
      { layer: 1, head: 0, value: 4, recall: 0.99 },
      { layer: 1, head: 1, value: 16, recall: 0.97 },
    ];
    expect(scheduleOf(budgets, { id: 'topk', params: { k: 4, causal: false } }, 'k').others).toEqual([
      { layers: '1', variant: { id: 'topk', params: { causal: false, k: 16 } } },
    ]);
  });
});
