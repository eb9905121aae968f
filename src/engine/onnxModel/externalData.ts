/** Weights beside an ONNX file: where they lie, and that they lie in the model's own folder. */

import { realpath, stat } from 'node:fs/promises';
import { basename, dirname, isAbsolute, join, parse, relative, sep } from 'node:path';
import { create } from '@bufbuild/protobuf';

import { Problem } from '../../protocol/problem';
import { reason } from '../files';
import { EntrySchema, type Graph, type Tensor, Tensor_DataLocation } from '../onnx/onnx_pb';
import { byteLength } from './graphCheck';

interface DataFile {
  /** Real path. */
  readonly file: string;
  readonly size: number;
}

/**
 * Names every external weight by its real path from the root of the file system, as a folder of the Hugging
 * Face cache links its files.
 *
 * @param folder of the model, real path.
 * @returns the root, and the files that hold weights.
 * @throws Problem for a location outside the folder and for bytes outside the file.
 */
export async function placeExternalData(
  graph: Graph,
  folder: string,
  path: string,
): Promise<{ readonly root: string; readonly files: readonly string[] }> {
  const { root } = parse(folder);
  const files = new Map<string, DataFile>();
  for (const tensor of graph.initializer) {
    if (tensor.dataLocation !== Tensor_DataLocation.EXTERNAL) continue;
    const entries = new Map(tensor.externalData.map(({ key, value }) => [key, value]));
    const location = entries.get('location') ?? '';
    const data = files.get(location) ?? (await dataFile(location, folder, path));
    files.set(location, data);
    const { offset, length } = extent(tensor, entries, data, path);
    tensor.externalData = Object.entries({
      location: data.file.slice(root.length),
      offset: String(offset),
      length: String(length),
    }).map(([key, value]) => create(EntrySchema, { key, value }));
  }
  return { root, files: [...files.values()].map(({ file }) => file) };
}

async function dataFile(location: string, folder: string, path: string): Promise<DataFile> {
  const escapes = new Problem(
    `${path} places weights in ${JSON.stringify(location.slice(0, 200))}; expected a file in its own folder.`,
  );
  const parts = location.split(/[\\/]/);
  const isPlain = location !== '' && !isAbsolute(location) && !/^[A-Za-z]:|\0|_ORT_MEM_ADDR_/.test(location);
  if (!isPlain || parts.includes('..')) throw escapes;
  const file = join(folder, location);
  const real = await realpath(file).catch((error: unknown) => {
    throw new Problem(`${path} places weights in ${file}, which could not be read: ${reason(error)}.`);
  });
  if (![folder, ...blobs(folder)].some(allowed => isWithin(real, allowed))) throw escapes;
  const info = await stat(real);
  if (!info.isFile()) throw new Problem(`${path} places weights in ${file}, which is no ordinary file.`);
  return { file: real, size: info.size };
}

/** Where a snapshot in a Hugging Face cache keeps its files: `models--x/snapshots/COMMIT` has `models--x/blobs`. */
function blobs(folder: string): readonly string[] {
  for (let at = folder; dirname(at) !== at; at = dirname(at)) {
    if (basename(dirname(at)) === 'snapshots') return [join(dirname(dirname(at)), 'blobs')];
  }
  return [];
}

function isWithin(file: string, folder: string): boolean {
  const path = relative(folder, file);
  return path !== '' && !isAbsolute(path) && path.split(sep)[0] !== '..';
}

function extent(
  tensor: Tensor,
  entries: ReadonlyMap<string, string>,
  { file, size }: DataFile,
  path: string,
): { offset: number; length: number } {
  const expected = byteLength(tensor);
  const offset = Number(entries.get('offset') ?? 0);
  const length = Number(entries.get('length') ?? expected ?? size - offset);
  const fits = Number.isInteger(offset) && Number.isInteger(length) && offset >= 0 && offset + length <= size;
  if (fits && length === (expected ?? length)) return { offset, length };
  throw new Problem(
    `${path} places the tensor '${tensor.name}' [${tensor.dims.join(', ')}] at bytes ${entries.get('offset') ?? 0} to ${offset + length} of ${file}, which has ${size}; expected ${expected ?? 'its'} bytes within the file.`,
  );
}
