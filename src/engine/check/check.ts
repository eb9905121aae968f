/** Runs a variant on a case file, and compares with what the file expects. */

import { Problem, sentence } from '../../protocol/problem';
import { type CaseFile, readCase } from './caseFile';
import { givenParams, withoutLists } from './caseParams';
import { type Dtype, readFloats, readHeader, type TensorFile } from '../model/safetensors';
import type { OrtExecutor } from '../runtime/executor';
import { VARIANTS } from '../variants';
import type { Mixer, OutputLayout, Variant } from '../variants/primitives/mixer';

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

/** What half precision leaves of an expectation: no difference below its rounding can be told. */
const ROUNDING: Partial<Record<Dtype, number>> = { F16: 2 ** -10, BF16: 2 ** -7 };

/** Names of tensors that some variant has of its own: one within another may ask for them too. */
const OWN_TENSORS: ReadonlySet<string> = new Set(VARIANTS.flatMap(({ info }) => Object.keys(info.tensors)));

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
    const compared = await compare(await readCase(file), variant, executor);
    const [y, m] = [compared.y?.error, compared.m?.error];
    const found = [compared.y, compared.m].filter(part => part !== undefined);
    if (found.length === 0) {
      const message = 'It ran, but expects nothing: it has neither expect.y nor expect.m.';
      return { status: 'SKIP', file: path, id, y, m, message };
    }
    const status = found.every(({ error, tolerance }) => error <= tolerance) ? 'PASS' : 'FAIL';
    return { status, file: path, id, y, m, message: undefined };
  } catch (error) {
    return { status: 'FAIL', file: path, id, y: undefined, m: undefined, message: sentence(error) };
  }
}

interface Compared {
  readonly error: number;
  readonly tolerance: number;
}

async function compare({ file, layer, outputs: layout }: CaseFile, variant: Variant, executor: OrtExecutor) {
  const { params, tensors } = withoutLists(givenParams(file, variant.info), variant.info, OWN_TENSORS);
  const given = { ...layer, executor, tensors: { ...tensors, ...layer.tensors } };
  const mixer = await variant.open(given, params);
  const [heads, ,] = layer.q.shape as [number, number, number];
  const width = layer.v.shape[2]!;
  const { tokens } = layer;
  const keys = (mixer.memory ?? 0) + tokens;
  const expectedY = await expectedOutputs(file, [heads, tokens, width], layout);
  const expectedM = await expected(file, 'expect.m', [heads, tokens, keys]);
  const y = await outputs(mixer, heads, tokens, width);
  if (!y.every(Number.isFinite)) throw new Problem('The outputs hold numbers that are not finite.');
  return {
    y: expectedY && compareWith(expectedY, y),
    m:
      expectedM &&
      compareWith(expectedM, shown(variant, expectedM, await matrix(mixer, heads, tokens, keys))),
  };
}

interface Expected {
  readonly dtype: Dtype;
  readonly values: Float32Array;
}

function compareWith({ dtype, values }: Expected, found: Float32Array): Compared {
  return {
    error: relativeError(found, values),
    tolerance: Math.max(CHECK_TOLERANCE, ROUNDING[dtype] ?? 0),
  };
}

/** Rows of hidden attention are expected with their signs, or as magnitudes. */
function shown({ standsAlone }: Variant, { values }: Expected, found: Float32Array): Float32Array {
  return standsAlone !== undefined && values.every(weight => weight >= 0) ? found.map(Math.abs) : found;
}

/** `[H, N, E]`, from whichever layout the file has it in. */
async function expectedOutputs(
  file: TensorFile,
  [heads, tokens, width]: readonly [number, number, number],
  layout: OutputLayout,
): Promise<Expected | undefined> {
  const features = heads * width;
  const shape = layout === 'features first' ? [features, tokens] : [tokens, features];
  const bare = (lengths: readonly number[]) => lengths.filter(length => length !== 1).join();
  const found = file.tensors.get('expect.y')?.shape;
  if (layout === 'heads first' || found === undefined || bare(found) !== bare(shape)) {
    return expected(file, 'expect.y', [heads, tokens, width]);
  }
  const { dtype, values } = (await expected(file, 'expect.y', found))!;
  const ordered = Float32Array.from(values, (_, n) => {
    const feature = Math.floor(n / width / tokens) * width + (n % width);
    const token = Math.floor(n / width) % tokens;
    return values[layout === 'features first' ? feature * tokens + token : token * features + feature]!;
  });
  return { dtype, values: ordered };
}

/** An expectation, which may have axes of length 1 before those of `shape`. */
async function expected(
  file: TensorFile,
  name: string,
  shape: readonly number[],
): Promise<Expected | undefined> {
  const entry = file.tensors.get(name);
  if (entry === undefined) return undefined;
  const bare = (lengths: readonly number[]) => lengths.slice(lengths.findIndex(length => length !== 1));
  if (bare(entry.shape).join() === bare(shape).join())
    return { dtype: entry.dtype, values: await readFloats(entry) };
  throw new Problem(
    `In ${file.file}, '${name}' is [${entry.shape.join(', ')}], expected [${shape.join(', ')}].`,
  );
}

function metadata(file: TensorFile, name: string): string {
  const value = file.metadata.get(name);
  if (value !== undefined) return value;
  throw new Problem(`A case file names its variant in the metadata; ${file.file} has no '${name}' there.`);
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
