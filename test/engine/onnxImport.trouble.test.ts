/** ONNX files that cannot be inspected: each says what was looked for and what was found. */

import { create, toBinary } from '@bufbuild/protobuf';
import { WireType } from '@bufbuild/protobuf/wire';
import { mkdir, realpath, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';

import { createEngine } from '../../src/engine/engine';
import {
  Attribute_Type,
  GraphSchema,
  NodeSchema,
  Tensor_DataLocation,
  Tensor_DataType,
  type Tensor,
  TensorSchema,
} from '../../src/engine/onnx/onnx_pb';
import { EVERYWHERE } from '../../src/protocol/inspection';
import { inFolder } from '../support/folders';
import { buildGraphProgram, GRAPH_PROGRAM } from '../support/graphProgram';
import { OnnxGraph } from '../support/onnxGraph';
import { smallModel } from '../support/onnxReference';
import { bertStyle, gpt2Style, groupQueryStyle, llamaStyle, multiHeadStyle } from '../support/onnxStyles';

const model = smallModel(7, 4);
const engine = createEngine(
  { started: () => undefined, progress: () => undefined, log: () => undefined },
  { graphProgram: GRAPH_PROGRAM },
);

beforeAll(buildGraphProgram);

function inspect(path: string, changes: object = {}) {
  return engine.inspect({
    id: 'onnx',
    text: '',
    ids: [1, 2, 3, 4, 5],
    model: path,
    variant: { id: 'native', params: {} },
    schedule: EVERYWHERE,
    device: 'cpu',
    maxTokens: 2 ** 21,
    ...changes,
  });
}

async function withFile<T>(bytes: Uint8Array, use: (path: string) => Promise<T>): Promise<T> {
  return inFolder(async folder => {
    const path = join(folder, 'small.onnx');
    await writeFile(path, bytes);
    return use(path);
  });
}

/** A whole model with a change. */
function changed(change: (graph: OnnxGraph) => void, write = gpt2Style): Uint8Array {
  const { graph } = write(model);
  change(graph);
  return graph.encode();
}

const weights = (graph: OnnxGraph): Tensor[] => graph.model.graph!.initializer;

function withoutAttention(): Uint8Array {
  const g = new OnnxGraph();
  const ids = g.input('input_ids', 'int64', ['batch', 'n']);
  const x = g.node('Gather', [g.weight([29, 16], model.embedding), ids], { axis: 0 });
  g.output('logits', g.node('Softmax', [g.node('MatMul', [x, g.weight([16, 16], new Float32Array(256))])]));
  return g.encode();
}

/** Two branches that hold all there is, as merged decoders have. */
function branched(): Uint8Array {
  const g = new OnnxGraph();
  g.input('input_ids', 'int64', ['batch', 'n']);
  const cond = g.booleans([], Uint8Array.of(1));
  g.output('logits', g.node('If', [cond]));
  return g.encode();
}

/** GPT-2 whose scores have a bias of every key. */
function biased(): Uint8Array {
  return changed(({ model: { graph } }) => {
    const add = graph!.node.filter(({ opType }) => opType === 'Add');
    const softmax = graph!.node.find(({ opType }) => opType === 'Softmax')!;
    const masked = add.find(({ output }) => output[0] === softmax.input[0])!;
    const ramp = Float32Array.from({ length: 256 }, (_, at) => Math.sin(at * at));
    graph!.initializer.push(
      create(TensorSchema, {
        name: 'ramp',
        dataType: Tensor_DataType.FLOAT,
        dims: [256n],
        rawData: new Uint8Array(ramp.buffer),
      }),
    );
    const at = graph!.node.indexOf(masked);
    const [cut, end] = [masked.output[0]!, 'slope.end'];
    const node = (opType: string, input: string[], output: string) =>
      create(NodeSchema, { opType, input, output: [output] });
    const lengths = graph!.node.find(({ opType }) => opType === 'Slice')!.input[2]!;
    graph!.node.splice(
      at + 1,
      0,
      node('Slice', ['ramp', 'zero', lengths], 'slope'),
      node('Add', [cut, 'slope'], end),
    );
    graph!.initializer.push(
      create(TensorSchema, {
        name: 'zero',
        dataType: Tensor_DataType.INT64,
        dims: [1n],
        rawData: new Uint8Array(8),
      }),
    );
    softmax.input[0] = end;
  });
}

const whole = changed(() => undefined);

interface Case {
  readonly title: string;
  readonly bytes: () => Uint8Array;
  readonly says: RegExp;
}

const cases: readonly Case[] = [
  { title: 'torn', bytes: () => whole.subarray(0, whole.length / 2), says: /no ONNX file, or only a part/ },
  {
    title: 'empty',
    bytes: () => new Uint8Array(0),
    says: /no ONNX model: expected a graph with nodes.*no graph/,
  },
  {
    title: 'text',
    bytes: () => new TextEncoder().encode('{"model_type": "llama", "layers": 4}\n'),
    says: /no ONNX (file|model)/,
  },
  {
    title: 'without attention',
    bytes: withoutAttention,
    says: /No attention was found in .*looked for MatMul, Softmax, MatMul.*GroupQueryAttention.*found 1 Gather, 1 MatMul, 1 Softmax, 1 Identity/,
  },
  {
    title: 'in branches',
    bytes: branched,
    says: /found 1 If, 1 Identity\. What is inside If, Loop and Scan/,
  },
  {
    title: 'with weights elsewhere',
    bytes: () => changed(graph => graph.externalise('../weights.bin')),
    says: /places weights in "\.\.\/weights\.bin"; expected a file in its own folder/,
  },
  {
    title: 'with weights at an absolute place',
    bytes: () => changed(graph => graph.externalise('/etc/hostname')),
    says: /places weights in "\/etc\/hostname"; expected a file in its own folder/,
  },
  {
    title: 'with weights that are missing',
    bytes: () => changed(graph => graph.externalise('none.bin')),
    says: /none\.bin, which could not be read: there is no such file/,
  },
  {
    title: 'with weights inside a node elsewhere',
    bytes: () =>
      changed(({ model: { graph } }) => {
        const t = create(TensorSchema, {
          dims: [1n],
          dataType: Tensor_DataType.FLOAT,
          dataLocation: Tensor_DataLocation.EXTERNAL,
          externalData: [{ key: 'location', value: '/etc/hostname' }],
        });
        graph!.node.push(
          create(NodeSchema, {
            opType: 'Constant',
            output: ['c'],
            attribute: [{ name: 'value', type: Attribute_Type.TENSOR, t }],
          }),
        );
      }),
    says: /the tensor '' inside a node lies in another file/,
  },
  {
    title: 'with a tensor larger than its data',
    bytes: () => changed(graph => (weights(graph)[0]!.dims = [1n << 38n, 4n])),
    says: /the tensor '.*' \[274877906944, 4\] cannot be: it would take \d+ bytes, found \d+/,
  },
  {
    title: 'with a negative shape',
    bytes: () => changed(graph => (weights(graph)[0]!.dims = [-4n, 16n])),
    says: /\[-4, 16\] cannot be: its shape is out of bounds/,
  },
  {
    title: 'with a tensor without data',
    bytes: () =>
      changed(graph => {
        weights(graph)[0]!.dims = [1n << 33n];
        weights(graph)[0]!.rawData = new Uint8Array(0);
      }),
    says: /it would hold 8589934592 numbers, found 0 bytes/,
  },
  {
    title: 'with inputs of another kind',
    bytes: () => {
      const { graph } = bertStyle(model);
      graph.input('pixel_values', 'float32', ['batch', 3, 224, 224]);
      return graph.encode();
    },
    says: /takes an input 'pixel_values' float32 \[batch, 3, 224, 224\]; Longsight feeds input_ids/,
  },
  {
    title: 'without token ids',
    bytes: () =>
      changed(graph => {
        graph.model.graph!.input[0]!.name = 'samples';
        graph.input('labels', 'int64', ['batch_size', 'sequence_length']);
      }),
    says: /takes no token ids: expected an input input_ids, or only one .*found samples int64 .*, labels int64/,
  },
  {
    title: 'with a past of a fixed length',
    bytes: () => {
      const { graph } = bertStyle(model);
      graph.input('past_key_values.0.key', 'float32', [1, 4, 16, 16]);
      return graph.encode();
    },
    says: /takes a past 'past_key_values\.0\.key' \[1, 4, 16, 16\], which cannot be empty/,
  },
  {
    title: 'with operators of another domain',
    bytes: () => changed(({ model: { graph } }) => (graph!.node[0]!.domain = 'my.kernels')),
    says: /uses the operator Gather of the domain 'my\.kernels', which needs code from elsewhere/,
  },
  {
    title: 'with operators of another domain in a branch',
    bytes: () =>
      changed(({ model: { graph } }) => {
        const inner = toBinary(
          GraphSchema,
          create(GraphSchema, { node: [{ opType: 'Steal', domain: 'my.kernels' }] }),
        );
        const attribute = create(NodeSchema, { attribute: [{ name: 'body', type: Attribute_Type.GRAPH }] })
          .attribute[0]!;
        attribute.$unknown = [
          { no: 6, wireType: WireType.LengthDelimited, data: Uint8Array.of(inner.length, ...inner) },
        ];
        graph!.node.push(create(NodeSchema, { opType: 'Loop', attribute: [attribute] }));
      }),
    says: /uses the operator Steal of the domain 'my\.kernels'/,
  },
  {
    title: 'with functions of its own',
    bytes: () =>
      changed(
        graph =>
          (graph.model.$unknown = [{ no: 25, wireType: WireType.LengthDelimited, data: Uint8Array.of(0) }]),
      ),
    says: /defines functions of its own.*inlined/,
  },
  {
    title: 'with a bias on its scores',
    bytes: biased,
    says: /Softmax '.*' does not attend in a way.*: its weights differ by 0\.\d+ from softmax.*over earlier keys.*bias.*pass through Div, Where, Add, Add/,
  },
  {
    title: 'with an operator that the runtime lacks',
    bytes: () => changed(({ model: { graph } }) => (graph!.node[0]!.opType = 'Rangeling')),
    says: /ONNX Runtime cannot load .*Rangeling/,
  },
  {
    title: 'with another number of heads in a layer',
    bytes: () => {
      const { graph } = multiHeadStyle(model, true);
      const nodes = graph.model.graph!.node.filter(({ opType }) => opType === 'MultiHeadAttention');
      nodes[1]!.attribute.find(({ name }) => name === 'num_heads')!.i = 2n;
      return graph.encode();
    },
    says: /layers of .* differ in their number of heads: 4 in MultiHeadAttention '.*'; 2 in MultiHeadAttention '.*'\. .*dump queries, keys and values of the layers that agree/,
  },
  {
    title: 'with a sink beside its keys',
    bytes: () => {
      const { graph } = groupQueryStyle(smallModel(7), { window: 4, softcap: 1, isPacked: true });
      const node = graph.model.graph!.node.find(({ opType }) => opType === 'GroupQueryAttention')!;
      node.input.push('', '', graph.floats(0, 0, 0, 0));
      return graph.encode();
    },
    says: /GroupQueryAttention '.*' weighs a sink beside its keys, which Longsight does not compute/,
  },
];

describe('an ONNX file', () => {
  it.each(cases)('$title is refused in a sentence', async ({ bytes, says }) => {
    await withFile(bytes(), async path => {
      await expect(inspect(path)).rejects.toThrow(says);
      await expect(engine.describeModel(path)).rejects.toThrow(says);
    });
  });

  it('that is not there is refused', async () => {
    await expect(inspect('/nowhere/small.onnx')).rejects.toThrow(
      /Could not read the ONNX model.*no such file/,
    );
  });

  it('is chosen by name where a folder has several', async () => {
    await inFolder(async folder => {
      for (const name of ['int8.onnx', 'fp16.onnx']) await writeFile(join(folder, name), whole);
      await expect(inspect(folder)).rejects.toThrow(
        /holds 2 ONNX files and no model\.onnx; choose one of them: fp16\.onnx, int8\.onnx/,
      );
      expect(await inspect(join(folder, 'int8.onnx'))).toMatchObject({ layers: 2 });
    });
  });

  it('runs over no more tokens than fit', async () => {
    await withFile(llamaStyle(smallModel(7)).graph.encode(), async path => {
      const ids = Array.from({ length: 60_000 }, (_, at) => at % 29);
      await expect(inspect(path, { ids })).rejects.toThrow(
        /has 60000 tokens\. An exported graph forms scores.*runs over at most \d+ tokens in \d\.\d GiB/,
      );
    });
  });

  it('takes as many tokens as it was made for', async () => {
    const { graph } = gpt2Style(model);
    for (const { type } of graph.model.graph!.input) {
      const { value } = type!.value;
      value!.shape!.dim[1]!.value = { case: 'dimValue', value: 8n };
    }
    await withFile(graph.encode(), async path => {
      await expect(inspect(path)).rejects.toThrow(/takes exactly 8 tokens; the document has 5/);
      expect(await inspect(path, { ids: [1, 2, 3, 4, 5, 6, 7, 8] })).toMatchObject({ tokens: 8, layers: 2 });
    });
  });

  it('says which softmax is none of attention', async () => {
    const { graph } = bertStyle(model);
    graph.output('gates', graph.node('Softmax', [graph.floats(1, 2, 3)]));
    await withFile(graph.encode(), async path => {
      const { notes, layers } = await inspect(path);
      expect(layers).toBe(2);
      expect(notes.join(' ')).toMatch(/Not among the layers, .*: 1 Softmax\./);
    });
  });

  it('knows its vocabulary', async () => {
    await withFile(whole, async path => {
      await expect(inspect(path, { ids: [29] })).rejects.toThrow(
        /token id 29 is not in the model's vocabulary/,
      );
    });
  });

  it('is not overwritten by its logits', async () => {
    await withFile(whole, async path => {
      await expect(inspect(path, { logits: path })).rejects.toThrow(/holds the model; choose another file/);
    });
  });
});

describe('weights beside an ONNX file', () => {
  it('are read from its folder', async () => {
    await inFolder(async folder => {
      const { graph } = gpt2Style(model);
      await writeFile(join(folder, 'small.onnx_data'), graph.externalise('small.onnx_data'));
      await writeFile(join(folder, 'small.onnx'), graph.encode());
      const summary = await inspect(join(folder, 'small.onnx'));
      const inside = await withFile(gpt2Style(model).graph.encode(), path => inspect(path));
      expect(summary.loss).toBeDefined();
      expect(summary.loss).toBe(inside.loss);
      await writeFile(join(folder, 'small.onnx_data'), new Uint8Array(100));
      await expect(inspect(join(folder, 'small.onnx'))).rejects.toThrow(
        /places the tensor .* which has 100; expected \d+ bytes within the file/,
      );
    });
  });

  it('are read through the links of a Hugging Face cache, and through no others', async () => {
    await inFolder(async folder => {
      const repository = join(await realpath(folder), 'models--me--tiny');
      const snapshot = join(repository, 'snapshots', 'abc', 'onnx');
      const { graph } = gpt2Style(model);
      const data = graph.externalise('model.onnx_data');
      for (const path of [join(snapshot, 'x'), join(repository, 'blobs', 'x')]) {
        await mkdir(dirname(path), { recursive: true });
      }
      await writeFile(join(repository, 'blobs', '1'), graph.encode());
      await writeFile(join(repository, 'blobs', '2'), data);
      await symlink(join(repository, 'blobs', '1'), join(snapshot, 'model.onnx'));
      await symlink(join(repository, 'blobs', '2'), join(snapshot, 'model.onnx_data'));
      const summary = await inspect(dirname(snapshot));
      expect(summary.model.name).toBe('me/tiny');
      expect(await engine.describeModel(repository)).toEqual(summary.model);
      expect(summary.layers).toBe(2);

      const other = join(folder, 'other');
      await mkdir(other);
      await writeFile(join(other, 'model.onnx'), graph.encode());
      await symlink(join(repository, 'blobs', '2'), join(other, 'model.onnx_data'));
      await expect(inspect(other)).rejects.toThrow(/expected a file in its own folder/);
    });
  });
});
