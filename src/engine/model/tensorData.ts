/** The data of tensors in files, read in pieces so that only the result is in memory. */

import { Problem } from '../../protocol/problem';
import { widenBfloat, widenHalf } from '../onnx/halfFloat';
import { WIDTHS, elementCount } from './tensor';
import type { TensorEntry } from './tensor';
import { openTensorFile, readExactly } from './tensorFile';

const CHUNK_BYTES = 8 * 1024 * 1024;

/**
 * A tensor as float32, from any float or integer type of up to 64 bits.
 *
 * @throws Problem for 8-bit floats, and when the file has shrunk since its header was read.
 */
export async function readFloats(entry: TensorEntry): Promise<Float32Array> {
  const values = new Float32Array(elementCount(entry.shape));
  await eachChunk(entry, (chunk, at) => {
    if (entry.dtype === 'F32') values.set(new Float32Array(chunk), at);
    else if (entry.dtype === 'F16') widenHalf(new Uint16Array(chunk), values, at);
    else if (entry.dtype === 'BF16') widenBfloat(new Uint16Array(chunk), values, at);
    else copyNumbers(entry, chunk, values, at);
  });
  return values;
}

/**
 * A tensor of whole numbers (`I64`, `I32`, `I16`, `U8`, `BOOL` …) as int32.
 *
 * @throws Problem for float types and for numbers that do not fit 32 bits.
 */
export async function readIntegers(entry: TensorEntry): Promise<Int32Array> {
  if (entry.dtype.startsWith('F') || entry.dtype === 'BF16') {
    throw new Problem(
      `Expected tensor ${JSON.stringify(entry.name)} to hold whole numbers, found ${entry.dtype}.`,
    );
  }
  const values = new Int32Array(elementCount(entry.shape));
  await eachChunk(entry, (chunk, at) => copyNumbers(entry, chunk, values, at));
  return values;
}

function copyNumbers(
  entry: TensorEntry,
  chunk: ArrayBuffer,
  into: Float32Array | Int32Array,
  at: number,
): void {
  const source = viewNumbers(entry, chunk);
  const whole = into instanceof Int32Array;
  for (let i = 0; i < source.length; i++) {
    const value = Number(source[i]);
    if (whole && value !== (value | 0)) {
      throw new Problem(
        `Tensor ${JSON.stringify(entry.name)} holds ${value} at element ${at + i}; expected a whole number of 32 bits.`,
      );
    }
    into[at + i] = value;
  }
}

type NumberView =
  | Float64Array
  | BigInt64Array
  | BigUint64Array
  | Int32Array
  | Uint32Array
  | Int16Array
  | Uint16Array
  | Int8Array
  | Uint8Array;

function viewNumbers(entry: TensorEntry, chunk: ArrayBuffer): NumberView {
  switch (entry.dtype) {
    case 'F64':
      return new Float64Array(chunk);
    case 'I64':
      return new BigInt64Array(chunk);
    case 'U64':
      return new BigUint64Array(chunk);
    case 'I32':
      return new Int32Array(chunk);
    case 'U32':
      return new Uint32Array(chunk);
    case 'I16':
      return new Int16Array(chunk);
    case 'U16':
      return new Uint16Array(chunk);
    case 'I8':
      return new Int8Array(chunk);
    case 'U8':
    case 'BOOL':
      return new Uint8Array(chunk);
    default:
      throw new Problem(
        `Tensor ${JSON.stringify(entry.name)} has type ${entry.dtype}, which Longsight does not read; ` +
          'save it as F32, F16 or BF16.',
      );
  }
}

/** Hands a tensor's bytes to `take` in pieces, each with the index of its first element. */
async function eachChunk(entry: TensorEntry, take: (chunk: ArrayBuffer, at: number) => void): Promise<void> {
  const width = WIDTHS[entry.dtype];
  const handle = await openTensorFile(entry.file);
  try {
    for (let done = 0; done < entry.length; done += CHUNK_BYTES) {
      const bytes = Math.min(CHUNK_BYTES, entry.length - done);
      take((await readExactly(handle, entry.offset + done, bytes, entry.file)).buffer, done / width);
    }
  } finally {
    await handle.close();
  }
}
