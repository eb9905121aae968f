import { join } from 'node:path';
import { Problem } from '../../protocol/problem';
import { readBoundedText } from '../files';
import { readHeader } from './safetensors';
import type { TensorEntry, TensorFile } from './safetensors';

const MAX_INDEX_BYTES = 64 * 1024 * 1024;

/**
 * The tensors of a checkpoint split over several files, as `model.safetensors.index.json` maps them.
 *
 * @throws Problem when the index is damaged, a shard is missing or named outside the folder, or a shard
 * lacks a tensor that the index places there.
 */
export async function readShards(folder: string, index: string): Promise<ReadonlyMap<string, TensorEntry>> {
  const shards = new Map<string, TensorFile>();
  const tensors = new Map<string, TensorEntry>();
  for (const [name, shard] of Object.entries(await readWeightMap(index))) {
    if (typeof shard !== 'string' || !/^(?!\.)[^/\\:\0]+\.safetensors$/.test(shard)) {
      throw new Problem(
        `${index} places tensor ${name} in ${JSON.stringify(shard)}; expected the plain name of a .safetensors ` +
          'file in the same folder.',
      );
    }
    const file = shards.get(shard) ?? (await readHeader(join(folder, shard)));
    shards.set(shard, file);
    const entry = file.tensors.get(name);
    if (entry === undefined) {
      throw new Problem(`${index} places tensor ${name} in ${shard}, but that file has no such tensor.`);
    }
    tensors.set(name, entry);
  }
  return tensors;
}

async function readWeightMap(index: string): Promise<Record<string, unknown>> {
  const text = await readBoundedText(index, MAX_INDEX_BYTES, `the index of weights ${index}`);
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw new Problem(`Expected ${index} to be JSON: ${(error as Error).message}.`);
  }
  const map = typeof json === 'object' && json !== null && 'weight_map' in json ? json.weight_map : undefined;
  if (typeof map === 'object' && map !== null && !Array.isArray(map)) return map as Record<string, unknown>;
  throw new Problem(`Expected ${index} to hold a "weight_map" from tensor names to file names.`);
}
