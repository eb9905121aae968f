/** Programs over independent rows, run with more rows than they are asked for, so that shapes are few. */

import type { Feeds, Value } from '../onnx/graph';
import { resized, roundedRows } from '../onnx/rounding';
import { sizeOf, type Tensor } from '../onnx/tensor';

interface Rounded {
  readonly feeds: Feeds;
  /** Cuts a result to the rows that were asked for. */
  cut(output: Value, result: Tensor): Tensor;
}

/** The feeds with zeros behind the rows of every input that has the named length `axis`; as they are without one. */
export function roundedFeeds(inputs: readonly Value[], feeds: Feeds, axis: string | undefined): Rounded {
  const asked = axis === undefined ? undefined : lengthOf(inputs, feeds, axis);
  if (axis === undefined || asked === undefined) return { feeds, cut: (_, result) => result };
  const more = roundedRows(asked);
  const longer = inputs.flatMap((input): [string, Tensor][] => {
    const feed = feeds[input.name];
    return feed === undefined ? [] : [[input.name, withLength(input, feed, axis, more)]];
  });
  return {
    feeds: Object.fromEntries(longer),
    cut: (output, result) => withLength(output, result, axis, asked),
  };
}

function lengthOf(inputs: readonly Value[], feeds: Feeds, axis: string): number | undefined {
  const input = inputs.find(({ name, shape }) => shape.includes(axis) && feeds[name] !== undefined);
  return input && feeds[input.name]!.shape[input.shape.indexOf(axis)];
}

function withLength({ shape: named }: Value, tensor: Tensor, axis: string, length: number): Tensor {
  const at = named.indexOf(axis);
  const before = tensor.shape[at];
  if (before === undefined || before === length) return tensor;
  const inner = sizeOf(tensor.shape.slice(at + 1));
  const shape = tensor.shape.map((old, index) => (index === at ? length : old));
  return { type: tensor.type, shape, data: resized(tensor.data, before * inner, length * inner) };
}
