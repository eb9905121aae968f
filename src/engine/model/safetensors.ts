/**
 * Safetensors files: eight bytes of header length, a JSON header that names every tensor's type, shape
 * and place, then the data. Headers come from strangers, so every figure in one is checked before use.
 */

import { realpath } from 'node:fs/promises';
import { basename } from 'node:path';
import { Problem } from '../../protocol/problem';
import { WIDTHS, elementCount } from './tensor';
import type { Dtype, TensorEntry, TensorFile } from './tensor';
import { openTensorFile, readExactly } from './tensorFile';

export { elementCount } from './tensor';
export type { Dtype, TensorEntry, TensorFile } from './tensor';
export { readFloats, readIntegers } from './tensorData';
export { writeSafetensors } from './writeSafetensors';
export type { TensorData } from './writeSafetensors';

const PREFIX_BYTES = 8;
const MAX_HEADER_BYTES = 100_000_000;
const MAX_RANK = 16;

/**
 * Reads and checks the header of a safetensors file.
 *
 * @throws Problem when the file is missing, torn, or says things of itself that cannot be true.
 */
export async function readHeader(path: string): Promise<TensorFile> {
  const handle = await openTensorFile(path);
  try {
    const stat = await handle.stat();
    const what = `the safetensors file ${path}`;
    if (stat.size < PREFIX_BYTES) {
      throw new Problem(`Expected ${what} to start with 8 bytes of header length, found ${stat.size} bytes.`);
    }
    const declared = Buffer.from(await readExactly(handle, 0, PREFIX_BYTES, path)).readBigUInt64LE();
    if (declared > MAX_HEADER_BYTES) {
      throw new Problem(
        `The header of ${what} claims to be ${declared} bytes long; at most ${MAX_HEADER_BYTES} are accepted. ` +
          'It is damaged or not a safetensors file.',
      );
    }
    const headerBytes = Number(declared);
    if (PREFIX_BYTES + headerBytes > stat.size) {
      throw new Problem(
        `The safetensors file ${path} is torn: its header alone needs ${PREFIX_BYTES + headerBytes} bytes, ` +
          `found ${stat.size}. Download it again.`,
      );
    }
    const json = Buffer.from(await readExactly(handle, PREFIX_BYTES, headerBytes, path)).toString('utf8');
    return readEntries(json, await realpath(path), PREFIX_BYTES + headerBytes, stat.size);
  } finally {
    await handle.close();
  }
}

function readEntries(json: string, file: string, dataStart: number, fileSize: number): TensorFile {
  const header = parseObject(json, file);
  const metadata = new Map<string, string>();
  const tensors = new Map<string, TensorEntry>();
  for (const [name, value] of Object.entries(header)) {
    if (name !== '__metadata__') tensors.set(name, readEntry(name, value, file, dataStart));
    else if (isObject(value))
      for (const [key, text] of Object.entries(value)) metadata.set(key, String(text));
  }
  checkLayout(file, tensors, dataStart, fileSize);
  return { file, metadata, tensors };
}

function readEntry(name: string, value: unknown, file: string, dataStart: number): TensorEntry {
  const fail = (expected: string): never => {
    throw new Problem(`Tensor ${JSON.stringify(name)} in ${basename(file)}: expected ${expected}.`);
  };
  if (!isObject(value)) return fail(`an entry with dtype, shape and data_offsets, found ${brief(value)}`);
  const { dtype, shape, data_offsets: range } = value;
  if (!isDtype(dtype)) return fail(`a dtype among ${Object.keys(WIDTHS).join(', ')}, found ${brief(dtype)}`);
  if (!isCounts(shape) || !isBounded(shape)) {
    return fail(
      `a shape of at most ${MAX_RANK} non-negative whole numbers of sane size, found ${brief(shape)}`,
    );
  }
  if (!isCounts(range) || range.length !== 2) {
    return fail(`data_offsets of two whole numbers, found ${brief(range)}`);
  }
  const [begin, end] = [range[0]!, range[1]!];
  if (begin > end) return fail(`data_offsets that do not run backwards, found ${brief(range)}`);
  const bytes = elementCount(shape) * WIDTHS[dtype];
  if (bytes !== end - begin) {
    return fail(
      `${bytes} bytes for ${dtype} [${shape.join(', ')}], found data_offsets of ${end - begin} bytes`,
    );
  }
  return { name, dtype, shape, file, offset: dataStart + begin, length: end - begin };
}

/** No tensor may reach past the file or into another tensor. */
function checkLayout(
  file: string,
  tensors: ReadonlyMap<string, TensorEntry>,
  dataStart: number,
  fileSize: number,
): void {
  const placed = [...tensors.values()].filter(entry => entry.length > 0).sort((a, b) => a.offset - b.offset);
  let end = dataStart;
  let previous = '';
  for (const entry of placed) {
    if (entry.offset < end) {
      throw new Problem(
        `Tensors ${JSON.stringify(previous)} and ${JSON.stringify(entry.name)} in ${basename(file)} share bytes; ` +
          'expected every tensor in a place of its own. The file is damaged.',
      );
    }
    end = entry.offset + entry.length;
    previous = entry.name;
  }
  if (end > fileSize) {
    throw new Problem(
      `The safetensors file ${file} is torn: its header describes ${end} bytes, found ${fileSize} ` +
        `(${end - fileSize} missing). Download it again.`,
    );
  }
}

function parseObject(json: string, file: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    throw new Problem(`Expected the header of ${file} to be JSON; it is damaged or not a safetensors file.`);
  }
  if (isObject(value)) return value;
  throw new Problem(`Expected the header of ${file} to be a JSON object, found ${brief(value)}.`);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isDtype(value: unknown): value is Dtype {
  return typeof value === 'string' && Object.hasOwn(WIDTHS, value);
}

function isCounts(value: unknown): value is readonly number[] {
  return Array.isArray(value) && value.every(size => Number.isSafeInteger(size) && size >= 0);
}

/** Whether the shape's bytes can be counted exactly, whatever its type. */
function isBounded(shape: readonly number[]): boolean {
  return shape.length <= MAX_RANK && Number.isSafeInteger(elementCount(shape.filter(size => size > 0)) * 8);
}

function brief(value: unknown): string {
  const text = value === undefined ? 'nothing' : JSON.stringify(value);
  return text.length <= 60 ? text : `${text.slice(0, 57)}...`;
}
