/** A graph cut into parts computes what it computes whole. */

import { create, toBinary } from '@bufbuild/protobuf';
import { WireType } from '@bufbuild/protobuf/wire';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { Attribute_Type, ModelSchema, NodeSchema } from '../../src/engine/onnx/onnx_pb';
import { cutGraph, type GraphPart } from '../../src/engine/onnxModel/cuts';
import { readInputs } from '../../src/engine/onnxModel/feeds';
import { findFused } from '../../src/engine/onnxModel/fused';
import { GraphIndex } from '../../src/engine/onnxModel/graphIndex';
import { feedsOf } from '../../src/engine/onnxModel/graphRun';
import { readModelFile } from '../../src/engine/onnxModel/modelFile';
import { openGraph } from '../../src/engine/onnxModel/surgery';
import { findVisible } from '../../src/engine/onnxModel/visible';
import { openModelSession } from '../../src/engine/runtime/modelSession';
import { partedSession } from '../../src/engine/runtime/partedSession';
import { inFolder } from '../support/folders';
import type { OnnxGraph } from '../support/onnxGraph';
import { passSequence } from '../support/onnxInsert';
import { smallModel } from '../support/onnxReference';
import {
  attention23Style,
  bertStyle,
  einsumStyle,
  gpt2Style,
  groupQueryStyle,
  llamaStyle,
  multiHeadStyle,
  packedWeightsStyle,
  t5Style,
} from '../support/onnxStyles';

const full = smallModel(21, 4);
const grouped = smallModel(22);
const IDS = Int32Array.from({ length: 23 }, (_, token) => (5 * token) % 29);

interface Cut {
  readonly parts: readonly GraphPart[];
  readonly given: readonly string[];
  /** Runs the parts, or the whole. */
  run(how: 'parts' | 'whole', done?: (part: number) => void): Promise<readonly Float32Array[]>;
}

async function withCut(graph: OnnxGraph, use: (cut: Cut) => Promise<void>): Promise<void> {
  await inFolder(async folder => {
    const path = join(folder, 'small.onnx');
    await writeFile(path, graph.encode());
    const file = await readModelFile(path);
    const index = new GraphIndex(file.graph);
    const inputs = readInputs(file.graph, index, path);
    const sites = [...findVisible(index), ...findFused(index)];
    const [logits] = file.graph.output;
    const { model, asks } = openGraph(file, sites, [{ value: logits!.name, extract: 'whole' }]);
    const truths = sites.map(({ truth }) => truth.tap.value);
    const parts = cutGraph(model, file.graph.node.length, truths);
    const given = model.graph!.output.map(({ name }) => name);
    await use({
      parts,
      given,
      async run(how, done = () => undefined) {
        const session =
          how === 'parts'
            ? partedSession(parts, file.root)
            : await openModelSession(toBinary(ModelSchema, model), file.root);
        const results = await session.run(feedsOf({ inputs, asks }, IDS), given, { isLast: true, done });
        await session.release();
        return given.map(name => results[name]!.data as Float32Array);
      },
    });
  });
}

describe.each([
  ['GPT-2', () => gpt2Style(full)],
  ['BERT', () => bertStyle(full)],
  ['T5', () => t5Style(full)],
  ['Llama', () => llamaStyle(grouped, { window: 9, softcap: 2 })],
  ['MultiHeadAttention', () => multiHeadStyle(full, true)],
  ['GroupQueryAttention', () => groupQueryStyle(grouped, { window: 9, softcap: 2, isPacked: true })],
  ['Attention of opset 23', () => attention23Style(grouped, { axes: 4, masked: true })],
  ['Attention with packed weights', () => packedWeightsStyle(full)],
  ['Einsum', () => einsumStyle(grouped, 'in groups')],
])('%s in parts', (_, write) => {
  it('gives what it gives whole, and tells of each', async () => {
    await withCut(write().graph, async ({ parts, run }) => {
      expect(parts.map(({ sites }) => sites)).toEqual([1, 1]);
      const told: number[] = [];
      const [inParts, whole] = [await run('parts', part => told.push(part)), await run('whole')];
      expect(told).toEqual([0, 1]);
      whole.forEach((values, at) => {
        expect(inParts[at]!.length).toBe(values.length);
        values.forEach((value, i) => expect(inParts[at]![i]!).toBeCloseTo(value, 5));
      });
    });
  });
});

describe('a cut', () => {
  it('lets little pass: the stream, and the mask that both attentions read', async () => {
    await withCut(bertStyle(full).graph, async ({ parts, given }) => {
      expect(parts[0]!.outputs.filter(value => !given.includes(value))).toHaveLength(2);
      expect(parts[1]!.inputs).not.toContain('input_ids');
      const { hidden: M, heads: H, width: D } = full;
      expect(parts.map(({ weights }) => weights)).toEqual([4 * M * H * D, 4 * M * H * D]);
    });
  });

  it('leaves out what nobody asks for', async () => {
    await withCut(gpt2Style(full).graph, async ({ parts }) => {
      const session = partedSession(parts, '/');
      const missing = session.run({}, []);
      expect(await missing).toEqual({});
    });
  });

  it('fails where a sequence would pass, which the whole does not mind', async () => {
    const { graph } = gpt2Style(full);
    passSequence(graph);
    await withCut(graph, async ({ parts, run }) => {
      expect(parts).toHaveLength(2);
      await expect(run('parts')).rejects.toThrow();
      expect(await run('whole')).not.toHaveLength(0);
    });
  });

  it('is not made in a graph with branches, or out of order', async () => {
    const branched = gpt2Style(full).graph;
    const node = branched.model.graph!.node[0]!;
    const [attribute] = create(NodeSchema, {
      attribute: [{ name: 'body', type: Attribute_Type.GRAPH }],
    }).attribute;
    attribute!.$unknown = [{ no: 6, wireType: WireType.LengthDelimited, data: Uint8Array.of(0) }];
    node.attribute.push(attribute!);
    await withCut(branched, async ({ parts }) => expect(parts).toHaveLength(1));
    const shuffled = gpt2Style(full).graph;
    shuffled.model.graph!.node.reverse();
    await withCut(shuffled, async ({ parts }) => expect(parts).toHaveLength(1));
  });

  it('is made in twelve places at most', async () => {
    const blocks = Array.from({ length: 30 }, (_, layer) => full.blocks[layer % 2]!);
    await withCut(multiHeadStyle({ ...full, blocks }, true).graph, async ({ parts }) => {
      expect(parts.length).toBeGreaterThan(6);
      expect(parts.length).toBeLessThanOrEqual(12);
      expect(parts.reduce((sum, { sites }) => sum + sites, 0)).toBe(30);
    });
  });
});
