/** Tensors that a variant is given beside q, k and v. */

import { Problem } from '../../../protocol/problem';
import { floats, type FloatTensor, showShape } from '../../onnx/tensor';
import type { Tensors } from './mixer';

/** A number is a length that must agree, and a word stands for any length. */
type Expected = readonly (number | string)[];

/**
 * The tensor `name` of a variant, or undefined where there is none. Axes of length 1 may be put in or left
 * out.
 *
 * @param shapes those it may have; the tensor returned has one of them.
 * @throws Problem naming the tensor, what was expected and what was found.
 */
export function ownTensor(
  tensors: Tensors,
  name: string,
  ...shapes: readonly Expected[]
): FloatTensor | undefined {
  const found = tensors[name];
  if (found === undefined) return undefined;
  return fitted(found, shapes) ?? refuse(name, found, shapes);
}

/**
 * As `ownTensor`, for a tensor with an axis of heads before those of `tails`: one that the heads share, or
 * that groups of heads do as they share keys, is repeated for each.
 *
 * @returns `[heads, ...tail]`
 */
export function headTensor(
  tensors: Tensors,
  name: string,
  heads: number,
  ...tails: readonly Expected[]
): FloatTensor | undefined {
  const found = tensors[name];
  if (found === undefined) return undefined;
  const shapes = tails.map(tail => [heads, ...tail]);
  const whole = fitted(found, shapes);
  if (whole !== undefined) return whole;
  for (let rows = heads - 1; rows >= 1; rows--) {
    const part =
      heads % rows === 0
        ? fitted(
            found,
            tails.map(tail => [rows, ...tail]),
          )
        : undefined;
    if (part !== undefined) return forEachHead(part, heads);
  }
  return refuse(name, found, shapes);
}

function refuse(name: string, found: FloatTensor, shapes: readonly Expected[]): never {
  const expected = shapes.map(showShape).join(' or ');
  throw new Problem(
    `The tensor '${name}' is ${showShape(found.shape)}, expected ${expected}. Give one of that shape.`,
  );
}

/** `x` under the first of `shapes` that it has, as it is if it can be. */
function fitted(x: FloatTensor, shapes: readonly Expected[]): FloatTensor | undefined {
  if (x.shape.some(length => length === 0)) return undefined;
  const agrees = (shape: Expected) =>
    x.shape.length === shape.length &&
    shape.every((want, axis) => typeof want === 'string' || want === x.shape[axis]);
  if (shapes.some(agrees)) return x;
  const bare = x.shape.filter(length => length > 1);
  for (const shape of shapes) {
    const lengths = laidOut(bare, shape);
    if (lengths !== undefined) return floats(lengths, x.data);
  }
  return undefined;
}

/** Lengths as `shape` has them, with 1 wherever one of `bare` is not needed. */
function laidOut(bare: readonly number[], shape: Expected): readonly number[] | undefined {
  const [want, ...others] = shape;
  if (want === undefined) return bare.length === 0 ? [] : undefined;
  const [next, ...rest] = bare;
  const taken = next !== undefined && (typeof want === 'string' || want === next) && laidOut(rest, others);
  if (taken) return [next, ...taken];
  const skipped = (typeof want === 'string' || want === 1) && laidOut(bare, others);
  return skipped ? [1, ...skipped] : undefined;
}

function forEachHead({ shape, data }: FloatTensor, heads: number): FloatTensor {
  const [rows, ...tail] = shape as [number, ...number[]];
  const size = data.length / rows;
  const result = floats([heads, ...tail]);
  for (let head = 0; head < heads; head++) {
    const from = Math.floor((head * rows) / heads) * size;
    result.data.set(data.subarray(from, from + size), head * size);
  }
  return result;
}
