/** Tensors and shapes: the plain data that graphs are built over and run on. */

export type ElementType = 'float32' | 'float16' | 'bfloat16' | 'int32' | 'int64' | 'int8' | 'uint8' | 'bool';

/** A length, or the name of one that is known only when the graph runs. */
export type Dim = number | string;
export type Shape = readonly Dim[];

/** The array that holds an element type on the host. */
export interface HostArrays {
  float32: Float32Array;
  float16: Uint16Array;
  bfloat16: Uint16Array;
  int32: Int32Array;
  int64: BigInt64Array;
  int8: Int8Array;
  uint8: Uint8Array;
  bool: Uint8Array;
}

/** A tensor in memory, row-major. */
export interface Tensor<T extends ElementType = ElementType> {
  readonly type: T;
  readonly shape: readonly number[];
  readonly data: HostArrays[T];
}

export type FloatTensor = Tensor<'float32'>;

export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, length) => product * length, 1);
}

/** @throws Error when the data does not fill the shape. */
export function floats(shape: readonly number[], data?: Float32Array): FloatTensor {
  const size = sizeOf(shape);
  if (data !== undefined && data.length !== size) {
    throw new Error(`A float32 tensor [${shape.join(', ')}] holds ${size} numbers, not ${data.length}.`);
  }
  return { type: 'float32', shape, data: data ?? new Float32Array(size) };
}

/** @throws Error when the data does not fill the shape. */
export function integers(shape: readonly number[], data: Int32Array): Tensor<'int32'> {
  const size = sizeOf(shape);
  if (data.length !== size) {
    throw new Error(`An int32 tensor [${shape.join(', ')}] holds ${size} numbers, not ${data.length}.`);
  }
  return { type: 'int32', shape, data };
}

export function showShape(shape: Shape): string {
  return `[${shape.join(', ')}]`;
}
