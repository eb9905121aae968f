/** Shape arithmetic with named dimensions. Two names are equal only if they are the same name. */

import { type Dim, type Shape, showShape } from './tensor';

export class ShapeError extends Error {
  override readonly name = 'ShapeError';
}

/** NumPy broadcasting. */
export function broadcast(a: Shape, b: Shape): Dim[] {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, axis) => {
    const x = a[a.length - rank + axis] ?? 1;
    const y = b[b.length - rank + axis] ?? 1;
    if (x === y || y === 1) return x;
    if (x === 1) return y;
    throw new ShapeError(`${showShape(a)} and ${showShape(b)} do not broadcast: ${x} against ${y}.`);
  });
}

/** `[..., I, K] x [..., K, J] -> [..., I, J]` */
export function matMulShape(a: Shape, b: Shape): Dim[] {
  if (a.length < 2 || b.length < 2) throw new ShapeError('MatMul needs matrices.');
  const inner = a.at(-1);
  if (inner !== b.at(-2)) {
    throw new ShapeError(
      `MatMul of ${showShape(a)} and ${showShape(b)}: inner ${inner} against ${b.at(-2)}.`,
    );
  }
  return [...broadcast(a.slice(0, -2), b.slice(0, -2)), a.at(-2)!, b.at(-1)!];
}

export function axisOf(shape: Shape, axis: number): number {
  const index = axis < 0 ? axis + shape.length : axis;
  if (index < 0 || index >= shape.length) {
    throw new ShapeError(`Axis ${axis} is outside ${showShape(shape)}.`);
  }
  return index;
}

export function replaceAxis(shape: Shape, axis: number, length: Dim): Dim[] {
  const index = axisOf(shape, axis);
  return shape.map((old, position) => (position === index ? length : old));
}

export function dropAxis(shape: Shape, axis: number): Dim[] {
  const index = axisOf(shape, axis);
  return shape.filter((_, position) => position !== index);
}

/**
 * The constant that ONNX's Reshape takes for `to`: 0 keeps a named length in its place, -1 infers
 * the one that moved.
 */
export function reshapeTarget(from: Shape, to: Shape): number[] {
  const numbers = (shape: Shape) => shape.every(length => typeof length === 'number');
  if (numbers(from) && numbers(to)) {
    const product = (shape: Shape) => shape.reduce<number>((size, length) => size * Number(length), 1);
    if (product(from) !== product(to)) {
      throw new ShapeError(`Reshape of ${showShape(from)} to ${showShape(to)} changes the size.`);
    }
  }
  let inferred = 0;
  const target = to.map((length, axis) => {
    if (typeof length === 'number') return length;
    if (from[axis] === length) return 0;
    inferred += 1;
    return -1;
  });
  if (inferred > 1) {
    throw new ShapeError(
      `Reshape of ${showShape(from)} to ${showShape(to)} leaves ${inferred} lengths open.`,
    );
  }
  return target;
}
