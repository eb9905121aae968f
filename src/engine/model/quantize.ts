/** Matrices of a checkpoint as 8-bit numbers, read from the file in pieces. */

import { closeSync, openSync, readSync } from 'node:fs';
import { Problem } from '../../protocol/problem';
import { widenBfloat, widenHalf } from '../onnx/halfFloat';
import { type TensorEntry, WIDTHS } from './tensor';

/** `W ≈ values · scales`, one scale for each output channel: `scale = max |w| / 127`. */
export interface QuantizedMatrix {
  /** From -127 to 127, laid out as in the file. */
  readonly values: Int8Array;
  /** `[O, I]` where the axis of outputs is 0, `[I, O]` where it is 1. */
  readonly shape: readonly [number, number];
  readonly outputs: 0 | 1;
  /** `[O]` */
  readonly scales: Float32Array;
}

/** The largest value; -128 stays unused, so that the range is even. */
const LARGEST = 127;
/** Numbers in memory at once as float32. */
const CHUNK = 2 ** 20;

/**
 * @param outputs the axis of output channels: 0 for `[O, I]` as most checkpoints lay matrices out, 1 for `[I, O]`.
 * @throws Problem for weights that are not finite, and when the file has shrunk since its header was read.
 */
export function quantizeMatrix(entry: TensorEntry, outputs: 0 | 1): QuantizedMatrix {
  const [rows, columns] = entry.shape as [number, number];
  const shape = [rows, columns] as const;
  const empty = { shape, outputs, values: new Int8Array(rows * columns) };
  const matrix = {
    ...empty,
    scales: outputs === 0 ? quantizeRows(entry, empty) : quantizeColumns(entry, empty),
  };
  if (matrix.scales.every(scale => Number.isFinite(scale) && scale > 0)) return matrix;
  throw new Problem(
    `Tensor ${entry.name} holds numbers that are not finite or vanish; its weights cannot be 8-bit. Use float weights.`,
  );
}

type Unscaled = Pick<QuantizedMatrix, 'values' | 'shape'>;

/** Each row is a channel, whose scale is known when it has been read. */
function quantizeRows(entry: TensorEntry, { values, shape: [rows, columns] }: Unscaled): Float32Array {
  const scales = new Float32Array(rows);
  eachRows(entry, (part, first) => {
    for (let start = 0; start < part.length; start += columns) {
      const row = first + start / columns;
      scales[row] = scaleOf(largest(part, start, columns));
      const steps = 1 / scales[row];
      const to = row * columns;
      for (let column = 0; column < columns; column++) {
        values[to + column] = nearest(part[start + column]! * steps);
      }
    }
  });
  return scales;
}

/** Each column is a channel: their scales are known when all of the matrix has been read once. */
function quantizeColumns(entry: TensorEntry, { values, shape: [, columns] }: Unscaled): Float32Array {
  const peaks = new Float64Array(columns);
  eachRows(entry, part => {
    for (let start = 0; start < part.length; start += columns) {
      for (let column = 0; column < columns; column++) {
        peaks[column] = Math.max(peaks[column]!, Math.abs(part[start + column]!));
      }
    }
  });
  const scales = Float32Array.from(peaks, scaleOf);
  const steps = Float64Array.from(scales, scale => 1 / scale);
  eachRows(entry, (part, first) => {
    for (let start = 0; start < part.length; start += columns) {
      const to = first * columns + start;
      for (let column = 0; column < columns; column++) {
        values[to + column] = nearest(part[start + column]! * steps[column]!);
      }
    }
  });
  return scales;
}

/** Halves go up; several times as fast as `Math.round`. */
function nearest(value: number): number {
  return ((value + 128.5) | 0) - 128;
}

function scaleOf(peak: number): number {
  return peak === 0 ? 1 : peak / LARGEST;
}

/** NaN where one of them is. */
function largest(numbers: Float32Array, start: number, count: number): number {
  let peak = 0;
  for (let at = start; at < start + count; at++) peak = Math.max(peak, Math.abs(numbers[at]!));
  return peak;
}

/** Hands rows of a matrix to `take` as float32, a piece at a time, each with its first row; pieces are used again. */
function eachRows(
  { file, offset, shape, dtype, name }: TensorEntry,
  take: (part: Float32Array, first: number) => void,
): void {
  const [rows, columns] = shape as [number, number];
  const step = Math.min(rows, Math.max(1, Math.floor(CHUNK / columns)));
  const bytes = new Uint8Array(step * columns * WIDTHS[dtype]);
  const floats = dtype === 'F32' ? new Float32Array(bytes.buffer) : new Float32Array(step * columns);
  const handle = openSync(file, 'r');
  try {
    for (let first = 0; first < rows; first += step) {
      const count = Math.min(step, rows - first) * columns;
      const length = count * WIDTHS[dtype];
      let done = 0;
      while (done < length) {
        const read = readSync(
          handle,
          bytes,
          done,
          length - done,
          offset + first * columns * WIDTHS[dtype] + done,
        );
        if (read === 0) throw new Problem(`The file ${file} ends within tensor ${name}. Download it again.`);
        done += read;
      }
      if (dtype === 'F16') widenHalf(new Uint16Array(bytes.buffer, 0, count), floats, 0);
      else if (dtype === 'BF16') widenBfloat(new Uint16Array(bytes.buffer, 0, count), floats, 0);
      take(floats.subarray(0, count), first);
    }
  } finally {
    closeSync(handle);
  }
}
