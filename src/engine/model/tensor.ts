/** Tensors in files: their types, shapes and places. */

/** Bytes of one element, by type. */
export const WIDTHS = {
  BOOL: 1,
  U8: 1,
  I8: 1,
  F8_E5M2: 1,
  F8_E4M3: 1,
  I16: 2,
  U16: 2,
  F16: 2,
  BF16: 2,
  I32: 4,
  U32: 4,
  F32: 4,
  F64: 8,
  I64: 8,
  U64: 8,
} as const;

export type Dtype = keyof typeof WIDTHS;

/** One tensor of a file; nothing of its data is in memory. */
export interface TensorEntry {
  readonly name: string;
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  /** The real path of the file, absolute. */
  readonly file: string;
  /** Byte at which the data starts, from the file's start. */
  readonly offset: number;
  /** Bytes of data. */
  readonly length: number;
}

export interface TensorFile {
  readonly file: string;
  readonly metadata: ReadonlyMap<string, string>;
  readonly tensors: ReadonlyMap<string, TensorEntry>;
}

export function elementCount(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}
