/** Runs a variant on a case file, and compares with what the file expects. */

import { Problem, sentence } from '../protocol/problem';
import { readFloats, readHeader, type TensorEntry, type TensorFile } from './model/safetensors';
import { floats, type FloatTensor } from './onnx/tensor';
import type { OrtExecutor } from './runtime/executor';
import { VARIANTS } from './variants';
import { type Layer, type Mixer, paddedLength, type Variant } from './variants/primitives/mixer';

export interface CheckResult {
  readonly status: 'PASS' | 'FAIL' | 'SKIP';
  readonly file: string;
  /** The variant the file names. */
  readonly id: string;
  /** Largest difference of the outputs, relative to the largest expected one; undefined if none is expected. */
  readonly y: number | undefined;
  /** The same of the mixer matrix. */
  readonly m: number | undefined;
  /** Why it failed before numbers could be compared, or was skipped. */
  readonly message: string | undefined;
}

/** Largest relative difference that still passes. */
export const CHECK_TOLERANCE = 1e-4;

/** Queries of a block. */
const BLOCK = 64;

/** Never throws: a file that cannot be read is a FAIL with a sentence. */
export async function checkCase(path: string, executor: OrtExecutor): Promise<CheckResult> {
  let id = '?';
  try {
    const file = await readHeader(path);
    id = metadata(file, 'variant');
    const variant = VARIANTS.find(({ info }) => info.id === id);
    if (variant === undefined) {
      return {
        status: 'SKIP',
        file: path,
        id,
        y: undefined,
        m: undefined,
        message: `There is no variant '${id}' yet.`,
      };
    }
    const { y, m } = await compare(file, variant, executor);
    const errors = [y, m].filter(error => error !== undefined);
    if (errors.length === 0)
      throw new Problem(`${path} expects nothing: it has neither expect.y nor expect.m.`);
    const status = errors.every(error => error <= CHECK_TOLERANCE) ? 'PASS' : 'FAIL';
    return { status, file: path, id, y, m, message: undefined };
  } catch (error) {
    return { status: 'FAIL', file: path, id, y: undefined, m: undefined, message: sentence(error) };
  }
}

async function compare(file: TensorFile, variant: Variant, executor: OrtExecutor) {
  const layer = await readLayer(file, executor);
  const params = parseParams(file);
  const mixer = await variant.open(layer, params);
  const [heads, ,] = layer.q.shape as [number, number, number];
  const width = layer.v.shape[2]!;
  const { tokens } = layer;
  const expectedY = await optional(file, 'expect.y', [heads, tokens, width]);
  const keys = (mixer.memory ?? 0) + tokens;
  const expectedM = await optional(file, 'expect.m', [heads, tokens, keys]);
  return {
    y: expectedY && relativeError(await outputs(mixer, heads, tokens, width), expectedY),
    m: expectedM && relativeError(await matrix(mixer, heads, tokens, keys), expectedM),
  };
}

async function readLayer(file: TensorFile, executor: OrtExecutor): Promise<Layer> {
  const q = await heads(file, 'q');
  const k = await heads(file, 'k');
  const v = await heads(file, 'v');
  const tokens = q.entry.shape[1]!;
  for (const { name, entry } of [k, v]) {
    const [groups, length] = entry.shape as [number, number];
    if (length !== tokens || q.entry.shape[0]! % groups !== 0) {
      throw new Problem(
        `In ${file.file}, '${name}' is [${entry.shape.join(', ')}], which does not fit q [${q.entry.shape.join(', ')}].`,
      );
    }
  }
  if (k.entry.shape[2] !== q.entry.shape[2]) {
    throw new Problem(
      `In ${file.file}, k has width ${k.entry.shape[2]} and q has ${q.entry.shape[2]}; they must be equal.`,
    );
  }
  return {
    tokens,
    executor,
    q: q.padded,
    k: k.padded,
    v: v.padded,
    index: 0,
    count: 1,
    units: undefined,
    tensors: await ownTensors(file),
  };
}

/** Every tensor that is neither q, k, v nor an expectation, as float32. */
async function ownTensors(file: TensorFile): Promise<Layer['tensors']> {
  const own = [...file.tensors].filter(
    ([name]) => !['q', 'k', 'v'].includes(name) && !name.startsWith('expect.'),
  );
  const read = own.map(
    async ([name, entry]) => [name, floats(entry.shape, await readFloats(entry))] as const,
  );
  return Object.fromEntries(await Promise.all(read));
}

async function heads(
  file: TensorFile,
  name: string,
): Promise<{ name: string; entry: TensorEntry; padded: FloatTensor }> {
  const entry = file.tensors.get(name);
  if (entry?.shape.length !== 3 || entry.shape.some(length => length === 0)) {
    const found = entry === undefined ? 'none' : `[${entry.shape.join(', ')}]`;
    throw new Problem(`A case file needs a tensor '${name}' [H, N, D]; ${file.file} has ${found}.`);
  }
  const [count, tokens, width] = entry.shape as [number, number, number];
  const flat = await readFloats(entry);
  const padded = floats([count, paddedLength(tokens), width]);
  for (let head = 0; head < count; head++) {
    const size = tokens * width;
    padded.data.set(flat.subarray(head * size, (head + 1) * size), head * padded.shape[1]! * width);
  }
  return { name, entry, padded };
}

async function optional(
  file: TensorFile,
  name: string,
  shape: readonly number[],
): Promise<Float32Array | undefined> {
  const entry = file.tensors.get(name);
  if (entry === undefined) return undefined;
  if (entry.shape.join() === shape.join()) return readFloats(entry);
  throw new Problem(
    `In ${file.file}, '${name}' is [${entry.shape.join(', ')}], expected [${shape.join(', ')}].`,
  );
}

function metadata(file: TensorFile, name: string): string {
  const value = file.metadata.get(name);
  if (value !== undefined) return value;
  throw new Problem(`A case file names its variant in the metadata; ${file.file} has no '${name}' there.`);
}

function parseParams(file: TensorFile): Record<string, unknown> {
  const text = file.metadata.get('params') ?? '{}';
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    value = undefined;
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value))
    return value as Record<string, unknown>;
  throw new Problem(`The metadata 'params' of ${file.file} is no JSON object: ${text.slice(0, 80)}`);
}

/** `y [H, N, E]` */
async function outputs(mixer: Mixer, count: number, tokens: number, width: number): Promise<Float32Array> {
  const y = new Float32Array(count * tokens * width);
  for (let start = 0; start < tokens; start += BLOCK) {
    const end = Math.min(tokens, start + BLOCK);
    const block = await mixer.attend({ start, end });
    const size = (end - start) * width;
    for (let head = 0; head < count; head++) {
      y.set(block.y.subarray(head * size, (head + 1) * size), (head * tokens + start) * width);
    }
  }
  return y;
}

/** `M [H, N, memory + N]` */
async function matrix(mixer: Mixer, count: number, tokens: number, length: number): Promise<Float32Array> {
  const m = new Float32Array(count * tokens * length);
  for (let head = 0; head < count; head++) {
    for (let query = 0; query < tokens; query++) {
      const { keys, weights } = await mixer.row(head, query);
      keys.forEach((key, at) => (m[(head * tokens + query) * length + key] = weights[at]!));
    }
  }
  return m;
}

/** NaN anywhere is an infinite error. */
function relativeError(found: Float32Array, expected: Float32Array): number {
  let largest = 0;
  let error = 0;
  for (let at = 0; at < expected.length; at++) {
    largest = Math.max(largest, Math.abs(expected[at]!));
    const difference = Math.abs(found[at]! - expected[at]!);
    if (!(difference <= error)) error = Number.isNaN(difference) ? Infinity : difference;
  }
  return error === 0 ? 0 : error / (largest || 1);
}
