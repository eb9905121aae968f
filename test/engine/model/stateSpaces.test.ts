/** Mamba and Mamba-2 through the whole pipeline, over several blocks, against plain loops a token at a time. */

import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';

import { createEngine } from '../../../src/engine/engine';
import { parseConfig } from '../../../src/engine/model/architectures';
import { readFloats, readHeader, writeSafetensors } from '../../../src/engine/model/safetensors';
import type { Schedule, VariantChoice } from '../../../src/protocol/inspection';
import { type ConfigFields, type RandomOptions, writeRandomCheckpoint } from '../../support/checkpoints';
import { inFolder } from '../../support/folders';
import { normal, random } from '../../support/random';
import { mamba2Forward, mambaForward } from '../../support/mambaReference';
import type { ReferenceRun } from '../../support/reference';

const engine = createEngine({ started: () => undefined, progress: () => undefined, log: () => undefined });
afterAll(() => engine.close('model'));

/** Two blocks and a part, so that convolutions and states reach across their ends. */
const TOKENS = 530;
const ids = Array.from({ length: TOKENS }, (_, t) => (t * t * 11 + t * 5 + 2) % 83);

const MAMBA: ConfigFields = {
  ...{ model_type: 'mamba', architectures: ['MambaForCausalLM'], vocab_size: 83, hidden_size: 12 },
  ...{ num_hidden_layers: 2, state_size: 4 },
};
const MAMBA2: ConfigFields = {
  ...{ model_type: 'mamba2', architectures: ['Mamba2ForCausalLM'], vocab_size: 83, hidden_size: 20 },
  ...{ num_hidden_layers: 2, state_size: 6, num_heads: 4, head_dim: 10, n_groups: 2 },
};
const LIVE: Schedule = { mode: 'live', layers: 'all', others: [] };
const NATIVE: VariantChoice = { id: 'native', params: {} };

type Forward = (directory: string, ids: ArrayLike<number>) => Promise<ReferenceRun>;

interface Run {
  readonly variant?: VariantChoice;
  readonly schedule?: Schedule;
  readonly logits?: string;
  readonly basis?: string;
  readonly id?: string;
}

function inspect(folder: string, tokens: readonly number[], run: Run = {}) {
  const { variant = NATIVE, schedule = LIVE, id = 'model', logits, basis } = run;
  return engine.inspect({
    ...{
      id,
      text: tokens.join(' '),
      ids: tokens,
      model: folder,
      device: 'cpu',
      maxTokens: 1000,
      variant,
      schedule,
    },
    ...(logits === undefined ? {} : { logits }),
    ...(basis === undefined ? {} : { basis }),
  });
}

async function rowOf(layer: number, head: number, token: number, id = 'model'): Promise<Float64Array> {
  const [row] = await engine.rows([{ id, layer, head, token, top: TOKENS, profile: 0 }]);
  const found = new Float64Array(TOKENS);
  for (const { index, weight } of row!.keys) found[index] = weight;
  return found;
}

function expectClose(found: ArrayLike<number>, expected: ArrayLike<number>): void {
  expect(found.length).toBe(expected.length);
  let gap = 0;
  for (let at = 0; at < expected.length; at++) gap = Math.max(gap, Math.abs(found[at]! - expected[at]!));
  expect(gap).toBeLessThan(1e-4);
}

describe('equals plain loops', () => {
  it.each<[string, ConfigFields, RandomOptions, Forward]>([
    ['Mamba', MAMBA, {}, mambaForward],
    [
      'Mamba with every bias, in bfloat16',
      { ...MAMBA, use_bias: true, time_step_rank: 3, conv_kernel: 3, tie_word_embeddings: false },
      { dtype: 'BF16', shards: 2 },
      mambaForward,
    ],
    [
      'Mamba without a head',
      { ...MAMBA, architectures: ['MambaModel'], use_conv_bias: false, expand: 3 },
      { bare: true },
      mambaForward,
    ],
    ['Mamba whose kernel is the token alone', { ...MAMBA, conv_kernel: 1 }, {}, mambaForward],
    ['Mamba-2', MAMBA2, {}, mamba2Forward],
    ['Mamba-2 whose kernel is the token alone', { ...MAMBA2, conv_kernel: 1 }, {}, mamba2Forward],
    [
      'Mamba-2 that does not say whose weights its head has',
      { ...MAMBA2, tie_word_embeddings: undefined },
      {},
      mamba2Forward,
    ],
    ['Mamba-2 with a norm for each group', { ...MAMBA2, norm_groups: 2 }, {}, mamba2Forward],
    [
      'Mamba-2 with every bias, bounded steps and a tied head',
      { ...MAMBA2, use_bias: true, n_groups: 1, time_step_limit: [0.5, 1], tie_word_embeddings: true },
      { dtype: 'F16' },
      mamba2Forward,
    ],
    [
      'Mamba-2 without a head',
      { ...MAMBA2, architectures: ['Mamba2Model'], n_groups: 4, use_conv_bias: false, conv_kernel: 2 },
      { bare: true },
      mamba2Forward,
    ],
  ])('%s', async (_, fields, options, forward) => {
    await inFolder(async folder => {
      await writeRandomCheckpoint(folder, fields, options);
      const logits = join(folder, 'out.bin');
      const summary = await inspect(folder, ids, { logits });
      const second = fields['model_type'] === 'mamba2';
      expect(summary.variant.id).toBe(second ? 'ssd' : 'mamba');
      const expected = await forward(folder, ids);
      const [written] = (await readHeader(logits)).tensors.values();
      expect(written!.name).toBe(options.bare === true ? 'hidden' : 'logits');
      expectClose(await readFloats(written!), expected.last);
      for (const layer of [0, 1]) {
        const head = second ? 3 - layer : 0;
        const m = expected.attention(layer, head);
        for (const token of [0, 1, 255, 256, TOKENS - 1]) {
          expectClose(await rowOf(layer, head, token), m.subarray(token * TOKENS, (token + 1) * TOKENS));
        }
      }
    });
  });
});

describe('an edited document', () => {
  const edited = ids.map((id, at) => (at < 300 ? id : (id + 1) % 83));

  it.each<[string, ConfigFields, Run]>([
    ['Mamba', { ...MAMBA, num_hidden_layers: 3 }, {}],
    ['Mamba-2', { ...MAMBA2, num_hidden_layers: 3 }, {}],
    ['Mamba-2 with attention', MAMBA2, { variant: { id: 'local', params: { window: 40 } } }],
  ])('is computed from the first changed token on: %s', async (_, fields, run) => {
    await inFolder(async folder => {
      await writeRandomCheckpoint(folder, fields);
      await inspect(folder, ids, { ...run, id: 'before' });
      const fresh = await inspect(folder, edited, { ...run, id: 'fresh' });
      const next = await inspect(folder, edited, { ...run, id: 'next', basis: 'before' });
      expect(next.kept).toBe(299);
      expect(next.loss).toBeCloseTo(fresh.loss!, 5);
      expectClose((await engine.losses('next')).slice(1), (await engine.losses('fresh')).slice(1));
      for (const layer of [0, fresh.layers - 1]) {
        for (const token of [5, 298, 299, 300, 301, TOKENS - 1]) {
          expectClose(await rowOf(layer, 0, token, 'next'), await rowOf(layer, 0, token, 'fresh'));
        }
      }
      for (const id of ['before', 'fresh', 'next']) await engine.close(id);
    });
  });
});

describe('Mamba-2', () => {
  it('takes attention over C, B and x in place of its own mixer, live', async () => {
    await inFolder(async folder => {
      await writeRandomCheckpoint(folder, MAMBA2);
      const own = await inspect(folder, ids);
      const laid = await inspect(folder, ids, { variant: { id: 'dense', params: {} } });
      expect(laid.notes).toEqual(own.notes.filter(note => !note.includes('duality')));
      expect(Math.abs(laid.loss! - own.loss!)).toBeGreaterThan(1e-4);
      const scores = (await mamba2Forward(folder, ids)).scores(0, 3);
      const powers = Array.from(scores.subarray(400 * TOKENS, 400 * TOKENS + 401), x =>
        Math.exp(x / Math.sqrt(6)),
      );
      const sum = powers.reduce((total, x) => total + x, 0);
      const expected = Float64Array.from({ length: TOKENS }, (_, j) => (powers[j] ?? 0) / sum);
      expectClose(await rowOf(0, 3, 400), expected);
    });
  });

  it('is held against itself in a shadow run, by magnitudes', async () => {
    await inFolder(async folder => {
      await writeRandomCheckpoint(folder, MAMBA2);
      const own = await inspect(folder, ids);
      const window = 30;
      const shadow = await inspect(folder, ids, {
        variant: { id: 'local', params: { window } },
        schedule: { ...LIVE, mode: 'shadow' },
      });
      expect(shadow.loss).toBeCloseTo(own.loss!, 6);
      const ref = { layer: 1, head: 2, token: 500 };
      const [row] = await engine.rows([{ id: 'model', ...ref, top: 5, profile: 0, against: true }]);
      const m = (await mamba2Forward(folder, ids)).attention(1, 2).slice(500 * TOKENS, 501 * TOKENS);
      const mass = (weights: Float64Array) => weights.reduce((sum, weight) => sum + Math.abs(weight), 0);
      const recall = mass(m.slice(501 - window, 501)) / mass(m);
      expect(row!.against!.recall).toBeCloseTo(recall, 4);
      const { recall: recalls } = await engine.stats('model', ref);
      expect(recalls[TOKENS - 1]).toBeGreaterThan(0);
      expect(recalls[TOKENS - 1]).toBeLessThan(1);
    });
  });

  it('shows its state, its steps and its half-lives', async () => {
    await inFolder(async folder => {
      await writeRandomCheckpoint(folder, MAMBA2);
      await inspect(folder, ids);
      const row = { layer: 1, head: 2, token: 400 };
      const memory = await engine.memory({ id: 'model', row, limit: 10 });
      expect(memory).toMatchObject({ kind: 'state', rows: 6, columns: 10 });
      expect(memory?.kind === 'state' && memory.beta!.every(step => step > 0)).toBe(true);
      const structure = await engine.structure({ id: 'model', row, limit: 10 });
      expect(structure.nodes[0]!.label).toMatch(/half-life/);
    });
  });

  it('is compared with attention over its own queries, keys and values', async () => {
    await inFolder(async folder => {
      await writeRandomCheckpoint(folder, MAMBA2);
      await inspect(folder, ids.slice(0, 300));
      const { candidates } = await engine.compare({
        ...{ id: 'comparison', of: 'model' },
        candidates: [
          { id: 'dense', params: {} },
          { id: 'ssd', params: {} },
        ],
        live: false,
      });
      const errors = candidates.map(({ error, problem }) => {
        expect(problem).toBeUndefined();
        return Math.max(...error);
      });
      expect(errors[0]).toBeGreaterThan(0.01);
      expect(errors[1]).toBeLessThan(1e-5);
    });
  });
});

describe('Mamba', () => {
  it('says why no attention can take its place', async () => {
    await inFolder(async folder => {
      await writeRandomCheckpoint(folder, MAMBA);
      await expect(inspect(folder, ids, { variant: { id: 'dense', params: {} } })).rejects.toThrow(
        "no attention can take its place: choose 'native' or 'mamba' here, not 'dense'",
      );
      await inspect(folder, ids.slice(0, 100));
      const { candidates } = await engine.compare({
        ...{ id: 'comparison', of: 'model' },
        candidates: [{ id: 'local', params: {} }],
        live: false,
      });
      expect(candidates[0]!.problem).toMatch(/no attention can take its place/);
    });
  });

  it('shows one channel with its signs', async () => {
    await inFolder(async folder => {
      await writeRandomCheckpoint(folder, MAMBA);
      const own = await inspect(folder, ids);
      const mean = await rowOf(1, 0, 400);
      expect(Math.min(...mean)).toBe(0);
      const sum = new Float64Array(TOKENS);
      for (let channel = 0; channel < 24; channel++) {
        const picked = { id: 'mamba', params: { channel } };
        const [row] = await engine.rows([
          { id: 'model', layer: 1, head: 0, token: 400, top: TOKENS, profile: 0, variant: picked },
        ]);
        for (const { index, weight } of row!.keys) sum[index]! += Math.abs(weight) / 24;
      }
      expectClose(mean, sum);
      const same = await inspect(folder, ids, { variant: { id: 'mamba', params: { channel: 3 } } });
      expect(same.loss).toBeCloseTo(own.loss!, 6);
      expect(Math.min(...(await rowOf(1, 0, 400)))).toBeLessThan(0);
      await expect(
        inspect(folder, ids, { variant: { id: 'mamba', params: { channel: 24 } } }),
      ).rejects.toThrow("'channel' of 'mamba' is 24; a head here has 24 channels");
    });
  });

  it('shows its state, its steps and its half-lives', async () => {
    await inFolder(async folder => {
      await writeRandomCheckpoint(folder, MAMBA);
      await inspect(folder, ids);
      const row = { layer: 1, head: 0, token: 400 };
      const memory = await engine.memory({ id: 'model', row, limit: 10 });
      expect(memory).toMatchObject({ kind: 'state', rows: 4, columns: 24 });
      const structure = await engine.structure({ id: 'model', row, limit: 10 });
      expect(structure.nodes[0]!.label).toMatch(/head 0: half-lives \d+ to \d+ tokens/);
    });
  });
});

describe('configs', () => {
  const parse = (fields: ConfigFields) => parseConfig(JSON.stringify(fields), 'config.json').config;

  it('may hold numbers that JSON lacks, as Python writes them', () => {
    const text = JSON.stringify({ ...MAMBA2, time_step_limit: [0, 'limit'], note: 'to Infinity' });
    const bare = parseConfig(text.replace('"limit"', 'Infinity'), 'config.json').config;
    expect(bare).toMatchObject({ stepLimits: [0, Infinity] });
    expect(parse({ ...MAMBA2, time_step_limit: [0.1, { __float__: 'Infinity' }] })).toMatchObject({
      stepLimits: [0.1, Infinity],
    });
  });

  it('take the defaults of the published classes', () => {
    expect(parse({ model_type: 'mamba' })).toMatchObject({
      ...{ hiddenSize: 768, intermediateSize: 1536, stateSize: 16, timeStepRank: 48, convKernel: 4 },
      ...{ vocabSize: 50280, numHiddenLayers: 32, tieWordEmbeddings: true, epsilon: 1e-5 },
    });
    expect(parse({ model_type: 'mamba2' })).toMatchObject({
      ...{ hiddenSize: 4096, intermediateSize: 8192, stateSize: 128, groups: 8, convKernel: 4 },
      ...{ numAttentionHeads: 128, headDim: 64, tieWordEmbeddings: false, normGroups: 1 },
    });
  });

  it.each<[ConfigFields, string]>([
    [{ ...MAMBA, hidden_act: 'mish' }, 'hidden_act is "mish"'],
    [{ ...MAMBA, conv_kernel: 0 }, 'conv_kernel is 0; expected at least 1'],
    [{ ...MAMBA2, num_heads: 3 }, 'num_heads * head_dim is 30; expected expand * hidden_size, 40'],
    [{ ...MAMBA2, n_groups: 3 }, 'num_heads is 4; expected a multiple of n_groups, 3'],
    [{ ...MAMBA2, time_step_limit: [-1, 2] }, 'time_step_limit'],
    [{ d_model: 20, n_layer: 2, vocab_size: 83, ssm_cfg: {}, attn_layer_idx: [1] }, 'attn_layer_idx is [1]'],
    [{ d_model: 20, n_layer: 2, vocab_size: 83, ssm_cfg: {}, rms_norm: false }, 'rms_norm is false'],
    [{ d_model: 20, n_layer: 2, vocab_size: 83, ssm_cfg: null, rms_norm: false }, 'rms_norm is false'],
    [{ d_model: 20, n_layer: 2, vocab_size: 83, rms_norm: false }, 'rms_norm is false'],
    [
      { d_model: 20, n_layer: 2, vocab_size: 83, ssm_cfg: { layer: 'Mamba2', norm_before_gate: true } },
      'in ssm_cfg: norm_before_gate is true',
    ],
  ])('%j: %s', (fields, message) => {
    expect(() => parse(fields)).toThrow(message);
  });

  it.each<[string, ConfigFields, ConfigFields]>([
    ['Mamba', { ...MAMBA, vocab_size: 88 }, { d_model: 12, ssm_cfg: { d_state: 4 } }],
    [
      'Mamba-2',
      { ...MAMBA2, vocab_size: 88, n_groups: 1, tie_word_embeddings: true },
      { ssm_cfg: { layer: 'Mamba2', d_state: 6, headdim: 10 } },
    ],
  ])(
    'and names of the code before the Transformers classes are read as theirs: %s',
    async (_, fields, given) => {
      await inFolder(async folder => {
        await writeRandomCheckpoint(folder, fields);
        const newer = await inspect(folder, ids.slice(0, 50));
        const path = join(folder, 'model.safetensors');
        const tensors = await Promise.all(
          [...(await readHeader(path)).tensors.values()].map(
            async entry =>
              [
                entry.name.replace('backbone.embeddings.', 'backbone.embedding.'),
                { dtype: 'F32' as const, shape: entry.shape, data: await readFloats(entry) },
              ] as const,
          ),
        );
        await writeSafetensors(path, Object.fromEntries(tensors));
        const config = { d_model: 20, n_layer: 2, vocab_size: 83, rms_norm: true, ...given };
        await writeFile(join(folder, 'config.json'), JSON.stringify(config));
        const older = await inspect(folder, ids.slice(0, 50));
        expect(older.loss).toBe(newer.loss);
        expect(older.model.vocabulary).toBe(88);
        expect(await readFile(path)).not.toContain('embeddings.weight');
      });
    },
  );
});

it('a case file of ssd opens like a model', async () => {
  await inFolder(async folder => {
    const path = join(folder, 'layer.safetensors');
    const uniform = random(3);
    const drawn = (...shape: number[]) => ({
      ...{ dtype: 'F32' as const, shape },
      data: Float32Array.from({ length: shape.reduce((size, x) => size * x, 1) }, () => normal(uniform)),
    });
    const dt = drawn(2, 70);
    dt.data.forEach((x, at) => (dt.data[at] = Math.exp(x)));
    const A = { ...drawn(2), data: Float32Array.of(-0.1, -0.3) };
    const tensors = { C: drawn(2, 70, 4), B: drawn(1, 70, 4), x: drawn(2, 70, 9), dt, A };
    await writeSafetensors(path, tensors, { variant: 'ssd' });
    const summary = await inspect(path, []);
    expect(summary).toMatchObject({ tokens: 70, heads: 2, variant: { id: 'ssd' } });
    expect(summary.notes.filter(note => note.includes('not learned'))).toEqual([]);
    const row = await rowOf(0, 1, 60);
    for (const j of [0, 59, 60]) {
      let waited = 0;
      for (let t = j + 1; t <= 60; t++) waited += dt.data[70 + t]!;
      let score = 0;
      for (let s = 0; s < 4; s++) score += tensors.C.data[(70 + 60) * 4 + s]! * tensors.B.data[j * 4 + s]!;
      expect(row[j]).toBeCloseTo(score * Math.exp(-0.3 * waited) * dt.data[70 + j]!, 4);
    }
  });
});
