/** An exported ONNX model over a document: run once when it is opened, its layers then stand like those of a dump. */

import { realpath } from 'node:fs/promises';
import { resolve } from 'node:path';

import type { InspectRequest } from '../protocol/engine';
import type { ModelInfo } from '../protocol/inspection';
import { Problem } from '../protocol/problem';
import { scoreTokens, type TokenScores } from './analysis/logits';
import { PREDICTIONS } from './model/layers';
import { openRowWriter } from './model/writeRows';
import { readBeside } from './onnxModel/besideFile';
import type { Exported, ExportedLayer } from './onnxModel/graphRun';
import type { Heads } from './onnxModel/heads';
import { openOnnxModel, type OnnxModel } from './onnxModel/onnxModel';
import type { OffsetBias } from './onnxModel/offsetBias';
import { floats, type FloatTensor } from './onnx/tensor';
import type { ReadyModel } from './ready';
import { nativeAttention, scheduleLayers } from './schedule';
import { readSource } from './source';
import type { TensorStore } from './tensorStore';
import { paddedLength } from './variants/primitives/mixer';

/** Where a graph does not say how many ids it knows. */
const ANY_ID = 2 ** 31 - 1;

const BIAS_NOTE =
  'The model adds a bias by distance to its scores; it was read off the weights that the graph computes.';

/** What an ONNX file holds; as strict as `openExported`, since shapes and masks are told by running it. */
export async function describeExported(path: string): Promise<ModelInfo> {
  const model = await openOnnxModel(path);
  await model.release();
  return describe(model);
}

/**
 * @param path of the ONNX file.
 * @param store takes the layers.
 * @throws Problem for a graph that cannot be inspected, and a document that it cannot run over.
 */
export async function openExported(
  path: string,
  request: InspectRequest,
  store: TensorStore,
): Promise<ReadyModel> {
  const model = await openOnnxModel(path);
  try {
    const info = await describe(model);
    // Told before the graph runs over the document: a wrong variant is the smaller thing to mend.
    scheduleLayers(
      request,
      model.layers.map(({ attention }) => nativeAttention(attention)),
    );
    const { directory } = await readBeside(path);
    const source = await readSource(request, directory, info.vocabulary);
    const { ids } = source.table;
    const causal = model.layers.every(layer => layer.attention.causal);
    const exported = await model.run(ids, causal || request.logits !== undefined);
    if (request.logits !== undefined) await writeResult(request.logits, model, exported, ids.length);
    const layers = exported.layers.map(layer => stored(layer, store));
    const scores = scoresOf(exported, ids);
    return {
      info,
      source,
      stamp: model.stamp,
      own: exported.layers.map(({ attention }) => attention),
      choice: undefined,
      notes: notesOf(model, scores !== undefined, ids.length > info.context),
      scores,
      layer: async index => ({
        ...layers[index]!,
        tokens: ids.length,
        index,
        count: layers.length,
        units: undefined,
        tensors: {},
      }),
    };
  } finally {
    await model.release();
  }
}

async function describe(model: OnnxModel): Promise<ModelInfo> {
  const { layers, parameters, vocabulary = ANY_ID, found, most } = model;
  const path = resolve(model.path);
  const { name, context = most } = await readBeside(path);
  const first = layers[0]!;
  const odd = layers.find(({ q }) => q.heads !== first.q.heads);
  if (odd !== undefined) {
    throw new Problem(
      `In ${path}, ${odd.name} has ${odd.q.heads} heads, but ${first.name} has ${first.q.heads}; expected as many in every layer.`,
    );
  }
  return {
    name,
    directory: path,
    architecture: `ONNX, ${found}`,
    layers: layers.length,
    heads: first.q.heads,
    keyValueHeads: first.k.heads,
    headWidth: first.q.width,
    vocabulary,
    parameters,
    context: Math.min(context, most),
  };
}

/** Losses are those of a model that sees nothing ahead: another one's logits stand for the token itself. */
function scoresOf({ layers, result }: Exported, ids: Int32Array): TokenScores | undefined {
  if (result?.kind !== 'logits' || !layers.every(({ attention }) => attention.causal)) return undefined;
  return scoreTokens(result.data, ids, PREDICTIONS);
}

function notesOf({ found, notes, layers }: OnnxModel, isScored: boolean, isLong: boolean): readonly string[] {
  return [
    `The model is an exported graph, with attention as ${found}: it ran once as it is, and what a variant attends does not feed back into it.`,
    ...notes,
    ...(layers.some(({ bias }) => bias !== undefined) ? [BIAS_NOTE] : []),
    ...(isScored ? [] : ['The model does not predict the next token: it has no loss.']),
    ...(isLong ? ["The document is longer than the model's context."] : []),
  ];
}

function stored({ q, k, v, attention, bias }: ExportedLayer, store: TensorStore) {
  const term = {
    ...(attention.softcap === undefined ? {} : { softcap: attention.softcap }),
    ...(bias && { bias: { first: bias.first, values: table(bias, q.heads) } }),
  };
  return {
    q: padded(q, store),
    k: padded(k, store),
    v: padded(v, store),
    ...(Object.keys(term).length === 0 ? {} : { position: term }),
  };
}

function table({ values }: OffsetBias, heads: number): FloatTensor {
  return floats([heads, values.length / heads], values);
}

/** `[H, N, D] -> [H, P, D]` */
function padded({ heads, tokens, width, data }: Heads, store: TensorStore): FloatTensor {
  const length = paddedLength(tokens);
  const tensor = store.tensor([heads, length, width]);
  for (let head = 0; head < heads; head++) {
    const from = head * tokens * width;
    tensor.data.set(data.subarray(from, from + tokens * width), head * length * width);
  }
  return tensor;
}

async function writeResult(
  target: string,
  { path, files }: OnnxModel,
  { result }: Exported,
  tokens: number,
): Promise<void> {
  const real = await realpath(target).catch(() => undefined);
  if (real !== undefined && files.includes(real)) {
    throw new Problem(`${target} holds the model; choose another file for the logits.`);
  }
  if (result === undefined) {
    throw new Problem(
      `${path} gives no logits or hidden states for every token; leave out the file for them.`,
    );
  }
  const writer = await openRowWriter(target, result.kind, [tokens, result.width]);
  try {
    await writer.write(result.data);
  } catch (error) {
    await writer.discard();
    throw error;
  }
  await writer.finish();
}
