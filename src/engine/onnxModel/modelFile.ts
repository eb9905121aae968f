/**
 * An ONNX file from outside, decoded and checked. What is made of it later is a graph of known operators: no
 * library is loaded for it, and no file is read that does not belong to it.
 */

import { fromBinary } from '@bufbuild/protobuf';
import { readdir, realpath, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';

import { Problem } from '../../protocol/problem';
import { readBoundedFile } from '../files';
import { snapshotOf } from '../model/checkpoint';
import { type Graph, type Model, ModelSchema } from '../onnx/onnx_pb';
import { checkGraph } from './graphCheck';
import { placeExternalData } from './externalData';

export interface ModelFile {
  /** As it was given. */
  readonly path: string;
  readonly model: Model;
  readonly graph: Graph;
  /** The root of the file system that external data is named from. */
  readonly root: string;
  /** Real paths of all that the model is read from. */
  readonly files: readonly string[];
  /** Changes when the file does. */
  readonly stamp: string;
}

/** What a protobuf message can hold. */
const MAX_BYTES = 2 ** 31 - 1;
/** Where exporters put the graph of a model, the best first. */
const FILES = ['model.onnx', 'decoder_model.onnx', 'encoder_model.onnx'];
/** Fields of the format that Longsight's own part of it leaves out. */
const MODEL_FUNCTIONS = 25;

/**
 * The ONNX file behind a model's path: the path itself, or the file of a folder as exporters write it, or of a
 * repository's folder in a Hugging Face cache, if that holds no safetensors checkpoint. Undefined for what is no ONNX model.
 *
 * @throws Problem for a folder of several files, of which none has the usual name.
 */
export async function findModelFile(model: string): Promise<string | undefined> {
  if (model.endsWith('.onnx')) return model;
  const names: readonly string[] = await readdir(model).catch(() => []);
  if (names.includes('snapshots') && !names.includes('config.json')) {
    const snapshot = await snapshotOf(model);
    return snapshot === undefined ? undefined : findModelFile(snapshot);
  }
  if (names.some(name => name.endsWith('.safetensors') || name.endsWith('.safetensors.index.json'))) {
    return undefined;
  }
  for (const folder of [model, join(model, 'onnx')]) {
    const found = (await readdir(folder).catch(() => [])).filter(name => name.endsWith('.onnx'));
    const usual = FILES.find(name => found.includes(name)) ?? (found.length === 1 ? found[0] : undefined);
    if (usual !== undefined) return join(folder, usual);
    if (found.length > 1) {
      throw new Problem(
        `${folder} holds ${found.length} ONNX files and no model.onnx; choose one of them: ${found.sort().slice(0, 12).join(', ')}.`,
      );
    }
  }
  return undefined;
}

/**
 * Decodes the graph. Weights outside the file stay there.
 *
 * @throws Problem for a file that is missing, torn, too large or no ONNX model, and for what a graph may not hold.
 */
export async function readModelFile(path: string): Promise<ModelFile> {
  const bytes = await readBoundedFile(path, MAX_BYTES, `the ONNX model ${path}`);
  const model = decode(bytes, path);
  const { graph } = model;
  if (graph === undefined || graph.node.length === 0 || model.opsetImport.length === 0) {
    throw new Problem(
      `${path} is no ONNX model: expected a graph with nodes and a list of operator sets, found ${graph === undefined ? 'no graph' : `${graph.node.length} nodes and ${model.opsetImport.length} operator sets`}.`,
    );
  }
  if (model.$unknown?.some(({ no }) => no === MODEL_FUNCTIONS)) {
    throw new Problem(
      `${path} defines functions of its own, in which attention would not be found. Export it with its functions inlined (onnx.inliner, or torch.onnx.export with optimize=True).`,
    );
  }
  // What is left of the file besides, such as training graphs, is not handed on.
  delete model.$unknown;
  checkGraph(graph, path);
  const { root, files } = await placeExternalData(graph, await realpath(dirname(path)), path);
  const all = [await realpath(path), ...files];
  return { path, model, graph, root, files: all, stamp: `${path}@${(await stat(path)).mtimeMs}` };
}

function decode(bytes: Uint8Array, path: string): Model {
  try {
    return fromBinary(ModelSchema, bytes);
  } catch (error) {
    throw new Problem(
      `${path} is no ONNX file, or only a part of one: ${(error as Error).message}. Export or copy it again.`,
    );
  }
}
