/** An exported graph in use: beside its tokeniser, with variants laid over it, from the command line. */

import { execFile } from 'node:child_process';
import { copyFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { build } from 'esbuild';
import { beforeAll, describe, expect, it } from 'vitest';

import { createEngine } from '../../src/engine/engine';
import { EVERYWHERE } from '../../src/protocol/inspection';
import { inFolder, LAB_BASE } from '../support/folders';
import { buildGraphProgram, GRAPH_PROGRAM } from '../support/graphProgram';
import { computeSmall, smallModel } from '../support/onnxReference';
import { llamaStyle } from '../support/onnxStyles';

const ROOT = join(import.meta.dirname, '..', '..');
const CLI = join(ROOT, 'out', 'onnxImport.cjs');
const VOCABULARY = 4096;
const TEXT =
  'The further back a model looks, the more it costs.\n\nA window keeps the cost down, and the past out.\n';

const model = smallModel(9, 2, VOCABULARY);
const { graph, style } = llamaStyle(model);
const bytes = graph.encode();

const engine = createEngine(
  { started: () => undefined, progress: () => undefined, log: () => undefined },
  { graphProgram: GRAPH_PROGRAM },
);

beforeAll(buildGraphProgram);

/** A folder as exporters leave it: the graph, and the tokeniser of the model. */
function withFolder<T>(use: (folder: string) => Promise<T>): Promise<T> {
  return inFolder(async folder => {
    await writeFile(join(folder, 'model.onnx'), bytes);
    await writeFile(join(folder, 'config.json'), JSON.stringify({ max_position_embeddings: 20 }));
    await copyFile(join(LAB_BASE, 'tokenizer.json'), join(folder, 'tokenizer.json'));
    return use(folder);
  });
}

function inspect(path: string, changes: object = {}) {
  return engine.inspect({
    id: 'onnx',
    text: TEXT,
    model: path,
    variant: { id: 'native', params: {} },
    schedule: EVERYWHERE,
    device: 'cpu',
    maxTokens: 1000,
    ...changes,
  });
}

const WINDOW = 5;
const local = { id: 'local', params: { window: WINDOW } };

describe('a folder with an exported graph', () => {
  it('reads a text with its tokeniser, and says what it is', async () => {
    await withFolder(async folder => {
      const summary = await inspect(folder);
      const { ids, starts, ends } = await engine.tokens('onnx');
      expect(starts[0]).toBe(0);
      expect(TEXT.slice(starts[1], ends[2])).not.toBe('');
      expect(summary.tokens).toBe(ids.length);
      expect(summary.model).toMatchObject({ context: 20, vocabulary: VOCABULARY });
      expect(summary.notes.join(' ')).toMatch(/exported graph, with attention as 2 MatMul-Softmax-MatMul/);
      expect(summary.notes.join(' ')).toMatch(/longer than the model's context/);
      const losses = await engine.losses('onnx');
      expect(losses[0]).toBeNaN();
      const { logits } = computeSmall(model, style, [...ids]);
      const row = logits.subarray(7 * VOCABULARY, 8 * VOCABULARY);
      const sum = Math.log(row.reduce((total, value) => total + Math.exp(value), 0));
      expect(losses[8]).toBeCloseTo(sum - row[ids[8]!]!, 4);
      const { predictions } = await engine.tokenDetail('onnx', 8);
      expect(predictions[0]!.id).toBe(row.indexOf(Math.max(...row)));
      expect(predictions[0]!.logProbability).toBeCloseTo(Math.max(...row) - sum, 4);
      expect(await engine.describeModel(folder)).toEqual(summary.model);
    });
  });

  it('says that its weights stay as they are', async () => {
    await withFolder(async folder => {
      const { weights, notes } = await inspect(folder, { weights: 'int8' });
      expect(weights).toBe('float');
      expect(notes.join(' ')).toMatch(
        /of the file as it is: 8-bit weights are made of checkpoint folders alone/,
      );
    });
  });

  it('takes variants beside its own attention, which stays what drives it', async () => {
    await withFolder(async folder => {
      const own = await inspect(folder);
      for (const mode of ['shadow', 'live'] as const) {
        const summary = await inspect(folder, { variant: local, schedule: { ...EVERYWHERE, mode } });
        expect(summary.layerVariants).toEqual([local, local]);
        expect(summary.loss).toBe(own.loss);
        expect(summary.notes.join(' ')).toMatch(/does not feed back/);
        const token = own.tokens - 1;
        const [row] = await engine.rows([
          { id: 'onnx', layer: 1, head: 3, token, top: 9, profile: 0, against: true },
        ]);
        expect(row!.admitted).toBe(WINDOW);
        const { ids } = await engine.tokens('onnx');
        const dense = computeSmall(model, style, [...ids]).weights[1]!;
        const base = (3 * ids.length + token) * ids.length;
        const kept = dense.subarray(base + token - WINDOW + 1, base + token + 1);
        expect(row!.against!.recall).toBeCloseTo(
          kept.reduce((sum, weight) => sum + weight, 0),
          4,
        );
      }
    });
  });

  it('is compared on', async () => {
    await withFolder(async folder => {
      await inspect(folder);
      const { candidates, loss } = await engine.compare({
        id: 'compare',
        of: 'onnx',
        candidates: [local, { id: 'topk', params: { k: WINDOW } }],
        live: true,
      });
      expect(loss).toBeDefined();
      const [windowed, best] = candidates.map(({ recall }) => recall.reduce((sum, value) => sum + value, 0));
      expect(best!).toBeGreaterThan(windowed!);
      expect(candidates[0]!.live).toBeUndefined();
    });
  });
});

describe('longsight inspect --model FILE.onnx', () => {
  it('prints a row over token ids', async () => {
    await build({
      entryPoints: [join(ROOT, 'src', 'engine', 'cli.ts')],
      outfile: CLI,
      bundle: true,
      platform: 'node',
      format: 'cjs',
      external: ['onnxruntime-node'],
    });
    await withFolder(async folder => {
      const ids = Array.from({ length: 100 }, (_, at) => (at * 31) % VOCABULARY);
      const path = join(folder, 'model.onnx');
      const row = ['--layer', '1', '--head', '2', '--token', '70', '--top', '5', '--device', 'cpu'];
      const args = ['inspect', '--ids', ids.join(), '--model', path, ...row, '--json'];
      const { stdout, stderr } = await promisify(execFile)(process.execPath, [CLI, ...args]);
      expect(stderr).toBe('');
      const found = JSON.parse(stdout) as {
        tokens: number;
        variant: string;
        row: { keys: { index: number; weight: number }[] };
      };
      expect(found).toMatchObject({ tokens: 100, variant: 'dense' });
      const expected = computeSmall(model, style, ids).weights[1]!;
      expect(found.row.keys.length).toBe(5);
      for (const { index, weight } of found.row.keys) {
        expect(weight).toBeCloseTo(expected[(2 * 100 + 70) * 100 + index]!, 4);
      }
    });
  });
});
