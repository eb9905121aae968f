/** Case files: a layer of one variant as tensors, from anyone's training code. */

import { Problem } from '../../protocol/problem';
import { readFloats, type TensorFile } from '../model/safetensors';
import { floats, type FloatTensor, showShape } from '../onnx/tensor';
import { VARIANTS } from '../variants';
import { asHeads } from '../variants/primitives/caseInputs';
import {
  type CaseInputs,
  type Layer,
  type OutputLayout,
  paddedLength,
  type TextUnit,
} from '../variants/primitives/mixer';
import { repeatHeads } from '../variants/primitives/segments';

export interface CaseFile {
  readonly file: TensorFile;
  readonly layer: Omit<Layer, 'executor'>;
  /** How its outputs are laid out. */
  readonly outputs: OutputLayout;
}

const UNITS: readonly TextUnit[] = ['word', 'sentence', 'paragraph'];

/**
 * The layer of a case file. What a variant asks of nobody may be missing: `q` beside a learned `query`, and
 * `k` where queries serve as keys. Tensors `word`, `sentence` and `paragraph` `[N]` number the units of a
 * text.
 *
 * @throws Problem for tensors that do not fit one another.
 */
export async function readCase(file: TensorFile): Promise<CaseFile> {
  const [givenQ, givenK, givenV] = await Promise.all([heads(file, 'q'), heads(file, 'k'), heads(file, 'v')]);
  const others = await ownTensors(file);
  const named = otherNames(file, others);
  const query = file.tensors.get('query');
  const v = givenV ?? named?.heads.v;
  const q =
    givenQ ??
    named?.heads.q ??
    (givenK && query && floats([query.shape.at(-2) ?? 1, ...givenK.shape.slice(1)])) ??
    missing(file, 'q');
  const k = givenK ?? named?.heads.k ?? (file.metadata.get('variant') === 'lsh' ? q : missing(file, 'k'));
  if (v === undefined) return missing(file, 'v');
  const tokens = q.shape[1]!;
  for (const [name, { shape }] of Object.entries({ k, v })) {
    if (shape[1] !== tokens || q.shape[0]! % shape[0]! !== 0) {
      throw new Problem(
        `In ${file.file}, '${name}' is ${showShape(shape)}, which does not fit q ${showShape(q.shape)}.`,
      );
    }
  }
  if (k.shape[2] !== q.shape[2]) {
    throw new Problem(
      `In ${file.file}, k has width ${k.shape[2]} and q has ${q.shape[2]}; they must be equal.`,
    );
  }
  const groups = Math.max(k.shape[0]!, v.shape[0]!);
  const tensors = named?.tensors ?? others;
  return {
    file,
    outputs: named?.outputs ?? 'heads first',
    layer: {
      tokens,
      q: padded(q),
      k: padded(shared(k, groups)),
      v: padded(shared(v, groups)),
      index: 0,
      count: 1,
      units: unitsOf(tensors, tokens),
      tensors,
    },
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

/** What the file's variant calls otherwise, where there is no q, k or v. */
function otherNames(file: TensorFile, tensors: Layer['tensors']): CaseInputs | undefined {
  if (['q', 'k', 'v'].some(name => file.tensors.has(name))) return undefined;
  const variant = VARIANTS.find(({ info }) => info.id === file.metadata.get('variant'));
  const rows = file.tensors.get('expect.m')?.shape;
  return variant?.inputs?.(tensors, rows?.at(-3));
}

/** `[H, N, D]`; a batch of one may stand before it, and one head may go without its axis. */
async function heads(file: TensorFile, name: string): Promise<FloatTensor | undefined> {
  const entry = file.tensors.get(name);
  if (entry === undefined) return undefined;
  const found = asHeads(floats(entry.shape, await readFloats(entry)));
  if (found !== undefined) return found;
  throw new Problem(
    `A case file needs a tensor '${name}' [H, N, D]; ${file.file} has ${showShape(entry.shape)}.`,
  );
}

function missing(file: TensorFile, name: string): never {
  throw new Problem(`A case file needs a tensor '${name}' [H, N, D]; ${file.file} has none.`);
}

/** Keys and values with as many heads as one another. */
function shared(x: FloatTensor, groups: number): FloatTensor {
  return x.shape[0] === groups ? x : repeatHeads(x, groups);
}

function padded(x: FloatTensor): FloatTensor {
  const [count, tokens, width] = x.shape as [number, number, number];
  const length = paddedLength(tokens);
  if (length === tokens) return x;
  const longer = floats([count, length, width]);
  for (let head = 0; head < count; head++) {
    const from = head * tokens * width;
    longer.data.set(x.data.subarray(from, from + tokens * width), head * length * width);
  }
  return longer;
}

/** Each unit's number for every token, from 0 and rising with every change of the given label. */
function unitsOf(tensors: Layer['tensors'], tokens: number): Layer['units'] {
  if (!UNITS.some(unit => tensors[unit] !== undefined)) return undefined;
  return unit => {
    const labels = tensors[unit]?.data;
    if (labels?.length !== tokens) {
      throw new Problem(`The units of a text need a tensor '${unit}' [${tokens}] beside the others.`);
    }
    const numbers = new Int32Array(tokens);
    for (let i = 1; i < tokens; i++) numbers[i] = numbers[i - 1]! + (labels[i] === labels[i - 1] ? 0 : 1);
    return numbers;
  };
}
