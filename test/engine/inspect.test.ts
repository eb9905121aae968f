/** The whole pipeline against a forward pass by plain loops that shares nothing with the graph builder. */

import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';

import type { InspectRequest } from '../../src/protocol/engine';
import { EVERYWHERE, type InspectionSummary, type Progress, type Row } from '../../src/protocol/inspection';
import { Cancelled, Problem } from '../../src/protocol/problem';
import { createEngine } from '../../src/engine/engine';
import { openCheckpoint } from '../../src/engine/model/checkpoint';
import { readFloats, readHeader } from '../../src/engine/model/safetensors';
import { openRowWriter } from '../../src/engine/model/writeRows';
import { writeRandomLlama } from '../support/checkpoints';
import { devicesUnderTest } from '../support/devices';
import { inFolder, LAB_BASE } from '../support/folders';
import { llamaForward } from '../support/llamaReference';

const TEXT = `export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const position = (sorted.length - 1) * share;
  const below = Math.floor(position);
  const above = Math.ceil(position);
  return sorted[below] + (sorted[above] - sorted[below]) * (position - below);
}

// The median is the quantile at one half: quantile(values, 0.5).
export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}
`;

const events: Progress[] = [];
const starts: InspectionSummary[] = [];
const engine = createEngine({
  started: summary => starts.push(summary),
  progress: progress => events.push(progress),
  log: () => undefined,
});

function request(changes: Partial<InspectRequest> = {}): InspectRequest {
  return {
    id: 'document',
    text: TEXT,
    model: LAB_BASE,
    variant: { id: 'dense', params: {} },
    schedule: EVERYWHERE,
    device: 'cpu',
    maxTokens: 100_000,
    ...changes,
  };
}

/** A row laid out over the document. */
function spread({ keys }: Row, tokens: number): Float64Array {
  const row = new Float64Array(tokens);
  for (const { index, weight } of keys) row[index] = weight;
  return row;
}

async function expectRows(
  id: string,
  tokens: number,
  heads: readonly [number, number][],
  of: (layer: number, head: number) => Float64Array,
) {
  const queries = [0, 1, Math.floor(tokens / 2), tokens - 1];
  for (const [layer, head] of heads) {
    const expected = of(layer, head);
    const rows = await engine.rows(
      queries.map(token => ({ id, layer, head, token, top: tokens, profile: 0 })),
    );
    rows.forEach((row, at) => {
      const token = queries[at]!;
      const found = spread(row, tokens);
      found.forEach((weight, j) =>
        expect(Math.abs(weight - expected[token * tokens + j]!)).toBeLessThan(1e-4),
      );
      expect(row.mass).toBeCloseTo(1, 5);
    });
  }
}

describe.each(devicesUnderTest())('inspection on %s', device => {
  it('equals plain loops on the bundled model: rows and losses', { timeout: 240_000 }, async () => {
    const text = device === 'cpu' ? TEXT : TEXT.slice(0, 300);
    const summary = await engine.inspect(request({ text, device }));
    expect(summary.device.name).toBe(device);
    const { ids } = await engine.tokens('document');
    const reference = await llamaForward(await openCheckpoint(LAB_BASE), ids);
    await expectRows(
      'document',
      ids.length,
      [
        [0, 0],
        [1, 3],
        [3, 5],
      ],
      (layer, head) => reference.attention(layer, head),
    );
    const losses = await engine.losses('document');
    expect(losses[0]).toBeNaN();
    losses
      .slice(1)
      .forEach((loss, at) => expect(Math.abs(loss - reference.loss[at + 1]!)).toBeLessThan(2e-3));
    const mean = reference.loss.slice(1).reduce((sum, loss) => sum + loss, 0) / (ids.length - 1);
    expect(Math.abs(summary.loss! - mean)).toBeLessThan(2e-4);
  });
});

it.each([
  { id: 'local', params: { window: 7, sinks: 2 }, admits: (i: number, j: number) => i - j < 7 || j < 2 },
  { id: 'local', params: { window: 40 }, admits: (i: number, j: number) => i - j < 40 },
])('feels $id $params in every layer', async ({ id, params, admits }) => {
  await engine.inspect(request({ variant: { id, params } }));
  const { ids } = await engine.tokens('document');
  const reference = await llamaForward(await openCheckpoint(LAB_BASE), ids, admits);
  await expectRows(
    'document',
    ids.length,
    [
      [0, 1],
      [3, 2],
    ],
    (layer, head) => reference.attention(layer, head),
  );
});

it('lays a variant beside the dense model in shadow: same loss, and its rows on the same q, k and v', async () => {
  const window = 7;
  const variant = { id: 'local', params: { window } };
  const schedule = { ...EVERYWHERE, mode: 'shadow', layers: '1-2' } as const;
  const dense = await engine.inspect(request());
  const shadow = await engine.inspect(request({ variant, schedule }));
  expect(shadow.loss).toBeCloseTo(dense.loss!, 6);
  expect(shadow.layerVariants.map(({ id }) => id)).toEqual(['dense', 'local', 'local', 'dense']);
  const { ids } = await engine.tokens('document');
  const reference = await llamaForward(await openCheckpoint(LAB_BASE), ids);
  const tokens = ids.length;
  const [layer, head, token] = [2, 4, tokens - 3];
  const full = reference.attention(layer, head).subarray(token * tokens, (token + 1) * tokens);
  const kept = full.map((weight, j) => (token - j < window ? weight : 0));
  const recall = kept.reduce((sum, weight) => sum + weight, 0);
  const [row] = await engine.rows([
    { id: 'document', layer, head, token, top: tokens, profile: 0, against: true },
  ]);
  spread(row!, tokens).forEach((weight, j) =>
    expect(Math.abs(weight - kept[j]! / recall)).toBeLessThan(1e-4),
  );
  expect(row!.against!.recall).toBeCloseTo(recall, 4);
  const missed = full.map((weight, j) => (token - j < window ? 0 : weight));
  expect(row!.against!.missed[0]!.index).toBe(missed.indexOf(Math.max(...missed)));
  const { error, recall: recalls } = await engine.stats('document', { layer, head });
  expect(recalls[token]).toBeCloseTo(recall, 4);
  expect(recalls[3]).toBe(1);
  expect(error[token]).toBeCloseTo(row!.against!.error, 4);
  expect(error[0]).toBe(0);
  const [own] = await engine.rows([
    { id: 'document', layer: 0, head, token, top: 1, profile: 0, against: true },
  ]);
  expect(own!.against).toBeUndefined();
});

describe('an edited document', () => {
  const text = TEXT.repeat(4);
  const at = text.indexOf('// The median', 2 * TEXT.length);
  const edited = `${text.slice(0, at)}// ${text.slice(at)}`;

  it.each([
    { variant: { id: 'dense', params: {} }, mode: 'live' },
    { variant: { id: 'local', params: { window: 20 } }, mode: 'shadow' },
    { variant: { id: 'gla', params: {} }, mode: 'live' },
  ] as const)(
    'is computed from the first changed token on: $variant.id, $mode',
    async ({ variant, mode }) => {
      const options = { variant, schedule: { ...EVERYWHERE, mode } };
      const before = await engine.inspect(request({ ...options, id: 'before', text }));
      const fresh = await engine.inspect(request({ ...options, id: 'fresh', text: edited }));
      const next = await engine.inspect(request({ ...options, id: 'next', text: edited, basis: 'before' }));
      expect(before.kept).toBe(0);
      expect(next.kept).toBeGreaterThan(before.tokens / 2 - 5);
      expect(next.kept).toBeLessThan(before.tokens * 0.75);
      expect(next.loss).toBeCloseTo(fresh.loss!, 5);
      const head = { layer: 3, head: 2 };
      const [one, other] = [await engine.stats('next', head), await engine.stats('fresh', head)];
      const last = fresh.tokens - 1;
      for (const token of [3, next.kept - 1, next.kept, next.kept + 1, last]) {
        const rows = await engine.rows(
          ['next', 'fresh'].map(id => ({ id, ...head, token, top: 40, profile: 0 })),
        );
        expect(rows[0]!.entropy).toBeCloseTo(rows[1]!.entropy, 4);
        for (const [rank, { weight }] of rows[0]!.keys.entries()) {
          expect(weight).toBeCloseTo(rows[1]!.keys[rank]!.weight, 4);
        }
        if (variant.id !== 'gla') expect(one.entropy[token]).toBeCloseTo(other.entropy[token]!, 4);
      }
      expect(one.entropy[last]).toBeCloseTo(other.entropy[last]!, 4);
      const known = (values: Float32Array) => values.reduce((sum, x) => sum + (Number.isNaN(x) ? 0 : 1), 0);
      expect(known(one.entropy)).toBe(known(other.entropy));
      expect((await engine.tokenDetail('next', next.kept)).predictions[0]!.id).toBe(
        (await engine.tokenDetail('fresh', next.kept)).predictions[0]!.id,
      );
      for (const id of ['before', 'fresh', 'next']) await engine.close(id);
    },
  );

  it.each([
    { variant: { id: 'dense', params: { causal: false } } },
    { variant: { id: 'dense', params: {} }, schedule: { ...EVERYWHERE, mode: 'shadow' as const } },
    { variant: { id: 'local', params: {} } },
    { variant: { id: 'dense', params: {} }, ids: [1, 2, 3, 4] },
  ])('is computed anew where something else changed too: %j', async changes => {
    await engine.inspect(request({ id: 'before', text: TEXT, variant: { id: 'dense', params: {} } }));
    const next = await engine.inspect(request({ ...changes, id: 'next', text: `${TEXT}x`, basis: 'before' }));
    expect(next.kept).toBe(0);
  });

  it('costs what follows the edit, and nothing where nothing changed', async () => {
    events.length = 0;
    await engine.inspect(request({ id: 'before', text }));
    const next = await engine.inspect(request({ id: 'next', text, basis: 'before' }));
    expect(next.kept).toBe(next.tokens - 1);
    await expect(engine.inspect(request({ id: 'third', text, basis: 'nothing' }))).resolves.toMatchObject({
      kept: 0,
    });
  });
});

it('lets every layer have a variant of its own, and the layers above feel it', async () => {
  const schedule = {
    mode: 'live',
    layers: '0',
    others: [{ layers: '2', variant: { id: 'local', params: { window: 3 } } }],
  } as const;
  await engine.inspect(request({ variant: { id: 'local', params: { window: 9 } }, schedule }));
  const { ids } = await engine.tokens('document');
  const windows = [9, Infinity, 3, Infinity];
  const reference = await llamaForward(
    await openCheckpoint(LAB_BASE),
    ids,
    (i, j, layer) => i - j < windows[layer]!,
  );
  await expectRows(
    'document',
    ids.length,
    [
      [0, 1],
      [1, 2],
      [2, 3],
      [3, 0],
    ],
    (layer, head) => reference.attention(layer, head),
  );
});

it('runs token ids without a tokeniser and writes the logits', async () => {
  await inFolder(async folder => {
    await writeRandomLlama(folder, {});
    await rm(join(folder, 'tokenizer.json'), { force: true });
    const logits = join(folder, 'out.safetensors');
    const ids = [3, 1, 4, 1, 5];
    const summary = await engine.inspect(request({ ids, text: '', model: folder, logits }));
    expect(summary.tokens).toBe(5);
    const reference = await llamaForward(await openCheckpoint(folder), Int32Array.from(ids));
    const entry = (await readHeader(logits)).tensors.get('logits')!;
    expect(entry.shape).toEqual([5, summary.model.vocabulary]);
    const written = await readFloats(entry);
    const probabilities = written.subarray(summary.model.vocabulary, 2 * summary.model.vocabulary);
    const total = probabilities.reduce((sum, logit) => sum + Math.exp(logit), 0);
    expect(Math.log(total) - probabilities[4]!).toBeCloseTo(reference.loss[2]!, 3);
    await expect(engine.inspect(request({ ids: [1e6], model: folder }))).rejects.toThrow(/vocabulary/);
  });
});

it.each([
  { dtype: 'F32', shards: 1, fields: { attention_bias: true, tie_word_embeddings: false } },
  { dtype: 'F16', shards: 3, fields: { num_key_value_heads: 4 } },
  { dtype: 'BF16', shards: 2, fields: { num_key_value_heads: 1, mlp_bias: true } },
  {
    dtype: 'F32',
    shards: 1,
    fields: { rope_scaling: { rope_type: 'yarn', factor: 4, original_max_position_embeddings: 64 } },
  },
  {
    dtype: 'F32',
    shards: 1,
    fields: {
      rope_scaling: {
        rope_type: 'llama3',
        factor: 8,
        low_freq_factor: 1,
        high_freq_factor: 4,
        original_max_position_embeddings: 128,
      },
    },
  },
  {
    dtype: 'F32',
    shards: 1,
    fields: { rope_scaling: { type: 'dynamic', factor: 2 }, max_position_embeddings: 64 },
  },
] as const)(
  'equals plain loops on a random $dtype checkpoint in $shards files with $fields',
  async ({ dtype, shards, fields }) => {
    await inFolder(async folder => {
      await writeRandomLlama(folder, fields, { dtype, shards });
      await engine.inspect(request({ id: 'random', model: folder, text: TEXT.slice(0, 130) }));
      const { ids } = await engine.tokens('random');
      const reference = await llamaForward(await openCheckpoint(folder), ids);
      await expectRows(
        'random',
        ids.length,
        [
          [0, 0],
          [2, 3],
        ],
        (layer, head) => reference.attention(layer, head),
      );
      const losses = await engine.losses('random');
      losses
        .slice(1)
        .forEach((loss, at) => expect(Math.abs(loss - reference.loss[at + 1]!)).toBeLessThan(1e-3));
    });
  },
);

it('says how far it is with a fraction that never falls, and starts with the tokens known', async () => {
  events.length = 0;
  starts.length = 0;
  await engine.inspect(request({ text: TEXT.repeat(13) }));
  expect(starts).toHaveLength(1);
  expect(starts[0]!.tokens).toBeGreaterThan(2000);
  const fractions = events.map(({ fraction }) => fraction);
  expect([...fractions].sort((a, b) => a - b)).toEqual(fractions);
  expect(fractions.at(-1)).toBeGreaterThan(0.99);
  expect(fractions.length).toBeGreaterThan(5);
});

it('reports statistics that follow from its own rows', async () => {
  const summary = await engine.inspect(
    request({ variant: { id: 'segmented', params: { segment: 24, gate: 0.4 } } }),
  );
  const head = { layer: 2, head: 4 };
  const stats = await engine.stats('document', head);
  for (const token of [0, 23, 24, 100, summary.tokens - 1]) {
    const [row] = await engine.rows([{ id: 'document', ...head, token, top: 4, profile: 16 }]);
    expect(stats.entropy[token]).toBeCloseTo(row!.entropy, 4);
    expect(stats.span[token]).toBe(row!.span);
    expect(stats.sink[token]).toBeCloseTo(row!.sink, 5);
    expect(stats.peak[token]).toBeCloseTo(row!.peak, 5);
    expect(row!.profile.reduce((sum, mass) => sum + mass, 0)).toBeCloseTo(
      row!.histogram.mass.reduce((a, b) => a + b, 0),
      5,
    );
  }
  const overview = await engine.overview('document');
  const mean = stats.entropy.reduce((sum, value) => sum + value, 0) / summary.tokens;
  expect(overview.stats.entropy[2 * summary.heads + 4]).toBeCloseTo(mean, 4);
});

it('shows segments with the mass of a row, and the text where a variant plans nothing', async () => {
  const row = { layer: 1, head: 0, token: 60 };
  await engine.inspect(request({ variant: { id: 'segmented', params: { segment: 20 } } }));
  const planned = await engine.structure({ id: 'document', row, limit: 1000 });
  expect(planned.nodes[3]!.ranges).toEqual(Int32Array.of(60, 80));
  expect(planned.nodes.reduce((sum, { mass }) => sum + mass, 0)).toBeCloseTo(1, 5);
  expect((await engine.tokenDetail('document', 60)).path).toEqual(['segment 4']);
  const cut = await engine.structure({ id: 'document', row, limit: 2 });
  expect(cut.total).toBe(planned.nodes.length);
  expect(cut.nodes.map(({ label }) => label)).toContain('segment 4');

  await engine.inspect(request());
  const text = await engine.structure({ id: 'document', row, limit: 1000 });
  expect(text.nodes.filter(({ kind }) => kind === 'paragraph')).toHaveLength(2);
  expect((await engine.tokenDetail('document', 60)).path[0]).toBe('paragraph 1');
});

it('explains a token: its loss, and what the model expected', async () => {
  await engine.inspect(request());
  const losses = await engine.losses('document');
  const token = losses.indexOf(Math.min(...losses.slice(1)));
  const detail = await engine.tokenDetail('document', token);
  expect(detail.predictions[0]!.id).toBe(detail.id);
  expect(-detail.predictions[0]!.logProbability).toBeCloseTo(detail.loss!, 4);
  expect((await engine.tokenDetail('document', 0)).predictions).toEqual([]);
});

it('has the loss of a trained model on source code', { timeout: 120_000 }, async () => {
  const text = (await readFile('node_modules/commander/lib/command.js', 'utf8')).slice(0, 6000);
  const { loss, tokens } = await engine.inspect(request({ text }));
  expect(tokens).toBeGreaterThan(1500);
  expect(loss).toBeGreaterThan(1.5);
  expect(loss).toBeLessThan(3.3);
});

describe('trouble', () => {
  it('stops within 200 ms of a cancellation, and keeps the earlier inspection', async () => {
    const before = await engine.inspect(request({ id: 'long' }));
    const run = engine
      .inspect(request({ id: 'long', text: TEXT.repeat(60) }))
      .catch((error: unknown) => error);
    await new Promise(resolveLater => setTimeout(resolveLater, 300));
    const asked = performance.now();
    expect(await engine.cancel('long')).toBe(true);
    expect(await run).toBeInstanceOf(Cancelled);
    // The machine may be busy: the bound of the product is 200 ms on a quiet one.
    expect(performance.now() - asked).toBeLessThan(2000);
    expect((await engine.tokens('long')).ids).toHaveLength(before.tokens);
    expect((await engine.inspect(request({ id: 'long' }))).tokens).toBe(before.tokens);
  });

  it.each([
    { changes: { text: '' }, says: /empty/ },
    { changes: { text: 'a\0b' }, says: /NUL/ },
    { changes: { maxTokens: 10 }, says: /tokens, more than the limit of 10/ },
    { changes: { model: '/nowhere/model' }, says: /There is no folder/ },
    { changes: { variant: { id: 'magic', params: {} } }, says: /no attention variant 'magic'/ },
    {
      changes: { variant: { id: 'local', params: { window: 0 } } },
      says: /'window' of 'local' takes a whole number/,
    },
    { changes: { variant: { id: 'local', params: { widow: 3 } } }, says: /no parameter 'widow'/ },
  ])('answers $changes with a sentence', async ({ changes, says }) => {
    const error = await engine.inspect(request(changes)).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(Problem);
    expect((error as Problem).message).toMatch(says);
  });

  it('answers questions about what is not there with a sentence', async () => {
    await engine.inspect(request());
    const ask = (layer: number, head: number, token: number) =>
      engine.rows([{ id: 'document', layer, head, token, top: 1, profile: 0 }]);
    await expect(ask(9, 0, 0)).rejects.toThrow(/layers 0 to 3/);
    await expect(ask(0, 6, 0)).rejects.toThrow(/heads 0 to 5/);
    await expect(ask(0, 0, 1e6)).rejects.toThrow(/tokens 0 to/);
    await engine.close('document');
    await expect(ask(0, 0, 0)).rejects.toThrow(/not inspected/);
  });
});

afterAll(() => engine.close('document'));

describe('a file of logits', () => {
  it('never takes the place of the weights', async () => {
    await inFolder(async folder => {
      await writeRandomLlama(folder);
      const logits = join(folder, 'model.safetensors');
      const before = await readFile(logits);
      const written = engine.inspect(request({ id: 'logits', model: folder, ids: [1, 2], logits }));
      await expect(written).rejects.toThrow(/holds the weights of the model/);
      expect((await readFile(logits)).equals(before)).toBe(true);
    });
  });

  it('is whole or not there', async () => {
    await inFolder(async folder => {
      const path = join(folder, 'logits');
      const half = await openRowWriter(path, 'logits', [2, 3]);
      await half.write(Float32Array.of(1, 2, 3));
      await half.discard();
      expect(await readdir(folder)).toEqual([]);
      const whole = await openRowWriter(path, 'logits', [1, 3]);
      await whole.write(Float32Array.of(1, 2, 3));
      await whole.finish();
      expect(await readdir(folder)).toEqual(['logits']);
      expect([...(await readFloats((await readHeader(path)).tensors.get('logits')!))]).toEqual([1, 2, 3]);
      await expect(openRowWriter(join(folder, 'none', 'x'), 'logits', [1, 1])).rejects.toThrow(Problem);
    });
  });
});
