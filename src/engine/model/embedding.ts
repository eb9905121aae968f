/** The first hidden states: rows of tables, read from disk as they are needed, never a whole table. */

import { type FileHandle } from 'node:fs/promises';

import { Problem } from '../../protocol/problem';
import type { Executor, Program } from '../onnx/graph';
import { floats } from '../onnx/tensor';
import { widenBfloat, widenHalf } from '../onnx/halfFloat';
import { type TensorEntry, WIDTHS } from './tensor';
import { openTensorFile, readExactly } from './tensorFile';

/** How a model embeds its tokens. */
export interface EmbeddingStage {
  /** `[V, M]` */
  readonly tokens: TensorEntry;
  /** Tables of which each token adds a row: positions, types. */
  readonly added?: readonly AddedTable[];
  /** What the sum is multiplied by. */
  readonly scale?: number;
  /** `rows [B, M] -> embedded [B, M]` */
  readonly norm?: Program;
  /** The longest document, where positions are rows of a table. */
  readonly mostTokens?: number;
}

export interface AddedTable {
  readonly table: TensorEntry;
  /** Which row each token takes, `[N]`. */
  rows(ids: Int32Array): Int32Array;
}

const BLOCK = 256;

/**
 * The first hidden states `[N, M]`.
 *
 * @throws Problem for an id outside the table, and for more tokens than the model has positions.
 */
export async function embedTokens(
  { tokens, added = [], scale, norm, mostTokens }: EmbeddingStage,
  ids: Int32Array,
  executor: Executor,
): Promise<Float32Array> {
  checkIds(ids, tokens.shape[0]!, mostTokens);
  const hidden = await readRows(tokens, ids);
  for (const { table, rows } of added) {
    const more = await readRows(table, rows(ids));
    for (let at = 0; at < hidden.length; at++) hidden[at]! += more[at]!;
  }
  if (scale !== undefined) for (let at = 0; at < hidden.length; at++) hidden[at]! *= scale;
  if (norm === undefined) return hidden;
  const width = tokens.shape[1]!;
  for (let start = 0; start < ids.length; start += BLOCK) {
    const end = Math.min(ids.length, start + BLOCK);
    const rows = floats([end - start, width], hidden.slice(start * width, end * width));
    const { embedded } = await executor.run(norm, { rows });
    hidden.set(embedded!.data as Float32Array, start * width);
  }
  return hidden;
}

function checkIds(ids: Int32Array, vocabulary: number, mostTokens: number | undefined): void {
  const stranger = ids.find(id => id < 0 || id >= vocabulary);
  if (stranger !== undefined) {
    throw new Problem(`The model knows tokens 0 to ${vocabulary - 1}; found ${stranger}.`);
  }
  if (mostTokens !== undefined && ids.length > mostTokens) {
    throw new Problem(
      `The document has ${ids.length} tokens; the model has learned positions for ${mostTokens}. ` +
        'Inspect a selection, or choose a model with rotary positions.',
    );
  }
}

/** Row `0, 1, …`: learned positions in the order of the text. */
export function countingRows(ids: Int32Array): Int32Array {
  return Int32Array.from(ids, (_, position) => position);
}

/** The rows of `table [V, M]` for `ids [N]`, as `[N, M]` float32. */
async function readRows(table: TensorEntry, ids: Int32Array): Promise<Float32Array> {
  const width = table.shape[1]!;
  const hidden = new Float32Array(ids.length * width);
  const rowBytes = width * WIDTHS[table.dtype];
  const first = new Map<number, number>();
  const handle = await openTensorFile(table.file);
  try {
    for (let token = 0; token < ids.length; token++) {
      const id = ids[token]!;
      const known = first.get(id);
      if (known !== undefined) {
        hidden.copyWithin(token * width, known * width, (known + 1) * width);
        continue;
      }
      first.set(id, token);
      await readRow(handle, table, table.offset + id * rowBytes, rowBytes, hidden, token * width);
    }
  } finally {
    await handle.close();
  }
  return hidden;
}

async function readRow(
  handle: FileHandle,
  { dtype, file }: TensorEntry,
  position: number,
  length: number,
  into: Float32Array,
  at: number,
): Promise<void> {
  const { buffer } = await readExactly(handle, position, length, file);
  if (dtype === 'F16') widenHalf(new Uint16Array(buffer), into, at);
  else if (dtype === 'BF16') widenBfloat(new Uint16Array(buffer), into, at);
  else into.set(new Float32Array(buffer), at);
}
