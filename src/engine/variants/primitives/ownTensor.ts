/** Tensors that a variant is given beside q, k and v. */

import { Problem } from '../../../protocol/problem';
import { type FloatTensor, showShape } from '../../onnx/tensor';
import type { Tensors } from './mixer';

/**
 * The tensor `name` of a variant, or undefined where there is none. In a shape a number is a length that
 * must agree, and a word stands for any length.
 *
 * @param shapes those it may have.
 * @throws Problem naming the tensor, what was expected and what was found.
 */
export function ownTensor(
  tensors: Tensors,
  name: string,
  ...shapes: readonly (readonly (number | string)[])[]
): FloatTensor | undefined {
  const found = tensors[name];
  if (found === undefined || shapes.some(shape => fits(found.shape, shape))) return found;
  const expected = shapes.map(showShape).join(' or ');
  throw new Problem(
    `The tensor '${name}' is ${showShape(found.shape)}, expected ${expected}. Give one of that shape.`,
  );
}

function fits(found: readonly number[], shape: readonly (number | string)[]): boolean {
  return (
    found.length === shape.length &&
    found.every((length, axis) => length > 0 && (shape[axis] === length || typeof shape[axis] === 'string'))
  );
}
