/** Exported ONNX graphs: their attention is found, and its rows are those of a plain loop over the model. */

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';

import { createEngine } from '../../src/engine/engine';
import { readFloats, readHeader } from '../../src/engine/model/safetensors';
import { EVERYWHERE } from '../../src/protocol/inspection';
import { inFolder } from '../support/folders';
import { buildGraphProgram, GRAPH_PROGRAM } from '../support/graphProgram';
import { type Computed, computeSmall, type SmallModel, smallModel } from '../support/onnxReference';
import {
  attention23Style,
  bertStyle,
  type EinsumForm,
  einsumStyle,
  gpt2Style,
  groupQueryStyle,
  llamaStyle,
  multiHeadStyle,
  packedWeightsStyle,
  t5Style,
  type Written,
} from '../support/onnxStyles';

const TOKENS = 101;
const HEADS = 4;
const IDS = Array.from({ length: TOKENS }, (_, token) => (token * 7 + (token % 5)) % 29);

const engine = createEngine(
  { started: () => undefined, progress: () => undefined, log: () => undefined },
  { graphProgram: GRAPH_PROGRAM },
);

beforeAll(buildGraphProgram);

function inspect(model: string, changes: object = {}) {
  return engine.inspect({
    id: 'onnx',
    text: '',
    ids: IDS,
    model,
    variant: { id: 'native', params: {} },
    schedule: EVERYWHERE,
    device: 'cpu',
    maxTokens: 1000,
    ...changes,
  });
}

/** The largest difference of all rows of some queries to the reference's. */
async function rowError({ weights }: Computed): Promise<number> {
  let error = 0;
  for (const [layer, expected] of weights.entries()) {
    for (let head = 0; head < HEADS; head++) {
      for (const token of [0, 1, 17, 60, TOKENS - 1]) {
        const [row] = await engine.rows([{ id: 'onnx', layer, head, token, top: TOKENS, profile: 0 }]);
        const found = new Float64Array(TOKENS);
        for (const { index, weight } of row!.keys) found[index] = weight;
        const base = (head * TOKENS + token) * TOKENS;
        found.forEach((weight, key) => (error = Math.max(error, Math.abs(weight - expected[base + key]!))));
      }
    }
  }
  return error;
}

interface Case {
  readonly title: string;
  readonly write: () => Written;
  readonly groups: number;
  readonly found: string;
  readonly own: object;
}

const single = smallModel(8, 1);
const grouped = smallModel(5);
const full = smallModel(6, HEADS);
const byGroups: Readonly<Record<number, SmallModel>> = { 1: single, 2: grouped, [HEADS]: full };
const dense = { id: 'dense', params: {} };
const bothWays = { id: 'dense', params: { causal: false } };
const spelledOut = '2 MatMul-Softmax-MatMul';

function einsum(form: EinsumForm, groups: number, found = '2 Einsum-Softmax-Einsum'): Case {
  const write = () => einsumStyle(byGroups[groups]!, form);
  return { title: `Einsum, ${form}`, write, groups, found, own: dense };
}

/** With other names for inputs and outputs. */
function renamed(written: Written, names: Readonly<Record<string, string>>): Written {
  const { node: nodes, input, output } = written.graph.model.graph!;
  const other = (name: string) => names[name] ?? name;
  for (const info of [...input, ...output]) info.name = other(info.name);
  for (const node of nodes) {
    node.input = node.input.map(other);
    node.output = node.output.map(other);
  }
  return written;
}

const cases: readonly Case[] = [
  {
    title: 'GPT-2 as Gemm, Split and Where',
    write: () => gpt2Style(full),
    groups: HEADS,
    found: spelledOut,
    own: dense,
  },
  {
    title: 'BERT with an additive mask and a floor under its weights',
    write: () => bertStyle(full),
    groups: HEADS,
    found: spelledOut,
    own: bothWays,
  },
  {
    title: 'Llama with rotary nodes, repeated keys and an empty past',
    write: () => llamaStyle(grouped),
    groups: 2,
    found: spelledOut,
    own: dense,
  },
  {
    title: 'a window in the mask, seen in long documents only',
    write: () => llamaStyle(grouped, { window: 33 }),
    groups: 2,
    found: spelledOut,
    own: { id: 'local', params: { window: 33 } },
  },
  {
    title: 'scores bent by Tanh',
    write: () => llamaStyle(grouped, { softcap: 1.5 }),
    groups: 2,
    found: spelledOut,
    own: dense,
  },
  {
    title: 'T5 with a bias by distance',
    write: () => t5Style(full),
    groups: HEADS,
    found: spelledOut,
    own: bothWays,
  },
  {
    title: 'MultiHeadAttention over both sides',
    write: () => multiHeadStyle(full, false),
    groups: HEADS,
    found: '2 MultiHeadAttention',
    own: bothWays,
  },
  {
    title: 'MultiHeadAttention, causal',
    write: () => multiHeadStyle(full, true),
    groups: HEADS,
    found: '2 MultiHeadAttention',
    own: dense,
  },
  {
    title: 'GroupQueryAttention, apart',
    write: () => groupQueryStyle(grouped, { window: 9, softcap: 2, isPacked: false }),
    groups: 2,
    found: '2 GroupQueryAttention',
    own: { id: 'local', params: { window: 9 } },
  },
  {
    title: 'GroupQueryAttention, packed',
    write: () => groupQueryStyle(grouped, { window: 40, softcap: 2, isPacked: true }),
    groups: 2,
    found: '2 GroupQueryAttention',
    own: { id: 'local', params: { window: 40 } },
  },
  {
    title: 'Attention of opset 23 over three axes',
    write: () => attention23Style(grouped, { axes: 3, masked: false }),
    groups: 2,
    found: '2 Attention',
    own: dense,
  },
  {
    title: 'Attention of opset 23 over four axes with a mask of booleans',
    write: () => attention23Style(grouped, { axes: 4, masked: true }),
    groups: 2,
    found: '2 Attention',
    own: dense,
  },
  {
    title: 'Attention of opset 23 with a bias by distance in its mask',
    write: () => attention23Style(grouped, { axes: 4, masked: true, slopes: [0.5, 0.25, 0.125, 0.0625] }),
    groups: 2,
    found: '2 Attention',
    own: dense,
  },
  {
    title: 'GPT-2 with names of its own for ids and logits',
    write: () => renamed(gpt2Style(full), { input_ids: 'idx', logits: 'linear_2' }),
    groups: HEADS,
    found: spelledOut,
    own: dense,
  },
  {
    title: 'Attention of com.microsoft with packed weights',
    write: () => packedWeightsStyle(full),
    groups: HEADS,
    found: '2 Attention',
    own: bothWays,
  },
  einsum('tokens first', HEADS),
  einsum('heads first', HEADS),
  einsum('in groups', 2),
  einsum('one key head', 1),
  einsum('open', HEADS),
  einsum('half', HEADS, '2 MatMul-Softmax-Einsum'),
];

describe.each(cases)('an exported graph: $title', ({ write, groups, found, own }) => {
  it('opens, and its rows, statistics and results are those of the model', async () => {
    const { graph, style } = write();
    const expected = computeSmall(byGroups[groups]!, style, IDS);
    await inFolder(async folder => {
      const path = join(folder, 'small.onnx');
      await writeFile(path, graph.encode());
      const logits = join(folder, 'out.safetensors');
      const summary = await inspect(path, { logits });
      expect(summary).toMatchObject({ tokens: TOKENS, layers: 2, heads: HEADS });
      expect(summary.model).toMatchObject({
        name: 'small',
        architecture: `ONNX, ${found}`,
        keyValueHeads: groups,
        headWidth: 16,
        vocabulary: 29,
      });
      expect(summary.layerVariants).toEqual([own, own]);
      expect(await rowError(expected)).toBeLessThan(1e-4);
      const { tensors } = await readHeader(logits);
      const [kind, values] = tensors.has('logits')
        ? (['logits', expected.logits] as const)
        : (['hidden', expected.hidden] as const);
      expect(kind).toBe(style.causal ? 'logits' : 'hidden');
      const written = await readFloats(tensors.get(kind)!);
      expect(written.length).toBe(values.length);
      expect(largestDifference(written, values)).toBeLessThan(1e-4);
      if (style.causal) expect(summary.loss).toBeCloseTo(meanLoss(expected.logits), 4);
      else expect(summary.loss).toBeUndefined();
    });
  });
});

describe('a graph whose layers differ', () => {
  const narrow = smallModel(11, HEADS, 29, 8);
  const shared = smallModel(12, 1);
  const blocks = (...models: readonly SmallModel[]) => models.map((each, at) => each.blocks[at]!);

  it.each([
    { title: 'in width', model: { ...full, blocks: blocks(full, narrow) }, write: multiHeads },
    { title: 'in key-value heads', model: { ...grouped, blocks: blocks(grouped, shared) }, write: attention },
  ])('$title opens, each as it is', async ({ model, write }) => {
    await inFolder(async folder => {
      const { graph, style } = write(model);
      const path = join(folder, 'uneven.onnx');
      await writeFile(path, graph.encode());
      expect(await inspect(path)).toMatchObject({ layers: 2, heads: HEADS });
      const expected = computeSmall(model, style, IDS);
      expect(await rowError(expected)).toBeLessThan(1e-4);
      const window = 9;
      await inspect(path, {
        variant: { id: 'local', params: { window } },
        schedule: { ...EVERYWHERE, mode: 'shadow' },
      });
      const [layer, head, token] = [1, 3, 70];
      const [row] = await engine.rows([
        { id: 'onnx', layer, head, token, top: 3, profile: 0, against: true },
      ]);
      const base = (head * TOKENS + token) * TOKENS;
      const kept = expected.weights[layer]!.subarray(base + token - window + 1, base + token + 1);
      expect(row!.against!.recall).toBeCloseTo(
        kept.reduce((sum, weight) => sum + weight, 0),
        4,
      );
    });
  });

  function multiHeads(model: SmallModel): Written {
    return multiHeadStyle(model, true);
  }

  function attention(model: SmallModel): Written {
    return attention23Style(model, { axes: 3, masked: false });
  }
});

describe('a graph in half precision', () => {
  it('opens within its rounding', async () => {
    await inFolder(async folder => {
      const { graph, style } = llamaStyle(grouped, { window: 40 });
      graph.halve();
      const path = join(folder, 'half.onnx');
      await writeFile(path, graph.encode());
      const summary = await inspect(path);
      expect(summary.layerVariants[1]).toEqual({ id: 'local', params: { window: 40 } });
      expect(await rowError(computeSmall(grouped, style, IDS))).toBeLessThan(2e-2);
    });
  });
});

describe('a bias by distance', () => {
  it('stays on the scores of what is laid over, and is told', async () => {
    await inFolder(async folder => {
      const { graph, style } = t5Style(full);
      const path = join(folder, 'small.onnx');
      await writeFile(path, graph.encode());
      const window = 7;
      const summary = await inspect(path, {
        variant: { id: 'local', params: { window } },
        schedule: { ...EVERYWHERE, mode: 'shadow' },
      });
      expect(summary.notes.join(' ')).toMatch(/adds a bias by distance to its scores/);
      const { weights } = computeSmall(full, style, IDS);
      const [head, token] = [2, 50];
      const base = (head * TOKENS + token) * TOKENS;
      const kept = weights[1]!.subarray(base + token - window + 1, base + token + window);
      const mass = kept.reduce((sum, weight) => sum + weight, 0);
      const [row] = await engine.rows([
        { id: 'onnx', layer: 1, head, token, top: TOKENS, profile: 0, against: true },
      ]);
      expect(row!.against!.recall).toBeCloseTo(mass, 4);
      for (const { index, weight } of row!.keys) {
        expect(weight).toBeCloseTo(weights[1]![base + index]! / mass, 4);
      }
      await expect(inspect(path, { variant: { id: 'linear', params: {} } })).rejects.toThrow(
        /The model adds a bias to its scores, which the variant 'linear' cannot do/,
      );
    });
  });
});

function largestDifference(a: ArrayLike<number>, b: Float64Array): number {
  return b.reduce((most, value, at) => Math.max(most, Math.abs(value - a[at]!)), 0);
}

function meanLoss(logits: Float64Array): number {
  const vocabulary = logits.length / TOKENS;
  let sum = 0;
  for (let token = 0; token + 1 < TOKENS; token++) {
    const row = logits.subarray(token * vocabulary, (token + 1) * vocabulary);
    sum += Math.log(row.reduce((total, value) => total + Math.exp(value), 0)) - row[IDS[token + 1]!]!;
  }
  return sum / (TOKENS - 1);
}
