/**
 * Tensor dumps: queries, keys and values of every layer in one safetensors file, from anyone's training
 * code. `layers.0.q [H, N, D]`, `layers.0.k` and `layers.0.v [G, N, D]`, and so on, with a variant's own
 * tensors beside them; a file with plain `q`, `k`, `v`, such as a case file, is a dump of one layer.
 *
 * Metadata, all of it optional: `tokens`, a JSON list with the text of each token; `text`, the document, with
 * a tensor `offsets [N, 2]` of characters (code points) that each token covers; `causal`, `false` for a model
 * that looks both ways; `name`.
 */

import { stat } from 'node:fs/promises';
import { basename, resolve } from 'node:path';

import type { ParamValue, VariantInfo } from '../protocol/inspection';
import { Problem } from '../protocol/problem';
import { readCase } from './check/caseFile';
import { givenParams } from './check/caseParams';
import { readTokens } from './dumpTokens';
import { readHeader, type TensorEntry, type TensorFile } from './model/safetensors';
import { showShape } from './onnx/tensor';
import type { ReadyModel } from './ready';
import { variantById, VARIANTS } from './variants';
import { MOST_TOKENS } from './variants/primitives/params';

const LAYER_NAME = /^layers\.(\d{1,4})\.(.+)$/;

export function isDump(model: string): boolean {
  return model.endsWith('.safetensors');
}

/** @throws Problem naming the tensor or metadata that does not fit. */
export async function openDump(path: string): Promise<ReadyModel> {
  const file = await readHeader(resolve(path));
  const layers = layerFiles(file);
  const first = layers[0]!;
  const shape = (name: string) => shapeOf(first, name);
  const q = shape('q') ?? shape('k') ?? (await otherShape(first));
  if (q === undefined) {
    throw new Problem(
      `${path} is no tensor dump: expected tensors q, k and v [H, N, D], or layers.0.q and so on.`,
    );
  }
  const [heads, tokens, width] = q;
  // A tensor without numbers may claim any shape.
  if (Math.min(...q) < 1 || tokens > MOST_TOKENS) {
    throw new Problem(
      `In ${path}, q is ${showShape(q)}; expected at least one head, token and feature, and at most ${MOST_TOKENS} tokens.`,
    );
  }
  const source = await readTokens(file, tokens);
  const id = file.metadata.get('variant');
  const causal = file.metadata.get('causal') !== 'false';
  return {
    info: {
      name: file.metadata.get('name') ?? basename(path),
      directory: resolve(path),
      architecture: 'tensor dump',
      layers: layers.length,
      heads,
      keyValueHeads: shape('k')?.[0] ?? heads,
      headWidth: width,
      vocabulary: source.table.ids.reduce((most, id) => Math.max(most, id + 1), 1),
      parameters: 0,
      context: tokens,
    },
    source,
    choice: id === undefined ? undefined : { id, params: paramValues(file, variantById(id).info) },
    own: layers.map(() => ({ causal, window: undefined, softcap: undefined })),
    notes: [
      'The queries, keys and values come from a tensor dump: there is no loss, and no layer feels another.',
    ],
    scores: undefined,
    work: 0,
    stamp: `${path}@${(await stat(path)).mtimeMs}`,
    async layer(index) {
      const { layer } = await readCase(layers[index]!);
      if (layer.tokens !== tokens || layer.q.shape[0] !== heads) {
        throw new Problem(
          `In ${path}, layer ${index} has ${layer.q.shape[0]} heads of ${layer.tokens} tokens; layer 0 has ${heads} of ${tokens}.`,
        );
      }
      return { ...layer, index, count: layers.length };
    },
  };
}

function paramValues(file: TensorFile, info: VariantInfo): Record<string, ParamValue> {
  const written = Object.entries(givenParams(file, info));
  return Object.fromEntries(
    written.map(([name, value]) => [
      name,
      typeof value === 'number' || typeof value === 'boolean' ? value : String(value),
    ]),
  );
}

/** One view of the file for each layer, with the layer's names as a case file has them. */
function layerFiles(file: TensorFile): readonly TensorFile[] {
  const layers = new Map<number, Map<string, TensorEntry>>();
  for (const [name, entry] of file.tensors) {
    const [, index, rest] = LAYER_NAME.exec(name) ?? [];
    if (index === undefined || rest === undefined) continue;
    const tensors = layers.get(Number(index)) ?? new Map<string, TensorEntry>();
    layers.set(Number(index), tensors.set(rest, entry));
  }
  if (layers.size === 0) {
    const tensors = new Map([...file.tensors].filter(([name]) => name !== 'offsets' && name !== 'ids'));
    return [{ ...file, tensors }];
  }
  return Array.from({ length: layers.size }, (_, index) => {
    const tensors = layers.get(index);
    if (tensors !== undefined) return { ...file, tensors };
    throw new Problem(`${file.file} has ${layers.size} layers, but no layers.${index}.q among them.`);
  });
}

/** `[H, N, E]` of a layer whose variant has other names for q, k and v. */
async function otherShape(file: TensorFile): Promise<readonly [number, number, number] | undefined> {
  const id = file.metadata.get('variant');
  if (VARIANTS.find(({ info }) => info.id === id)?.inputs === undefined) return undefined;
  const { tokens, q, v } = (await readCase(file)).layer;
  return [q.shape[0]!, tokens, v.shape[2]!];
}

/** `[H, N, D]` of a tensor that may have a batch of one before it. */
function shapeOf({ tensors }: TensorFile, name: string): readonly [number, number, number] | undefined {
  const shape = tensors.get(name)?.shape;
  if (shape === undefined || shape.length < 2) return undefined;
  const [tokens, width] = shape.slice(-2) as [number, number];
  return [shape.at(-3) ?? 1, tokens, width];
}
