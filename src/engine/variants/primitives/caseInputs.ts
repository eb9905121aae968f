/** Case files of mixers whose queries, keys and values go by other names. */

import type { FloatTensor } from '../../onnx/tensor';
import { floats } from '../../onnx/tensor';
import type { CaseInputs, Tensors } from './mixer';
import { repeatHeads } from './segments';

/** `[H, N, D]` of a tensor that may lack the axis of heads or have batches of one before it. */
export function asHeads({ shape, data }: FloatTensor): FloatTensor | undefined {
  const lengths = [...shape];
  while (lengths.length > 3 && lengths[0] === 1) lengths.shift();
  if (lengths.length === 2) lengths.unshift(1);
  return lengths.length === 3 && lengths.every(length => length > 0) ? floats(lengths, data) : undefined;
}

/** Tensors that only go by other names; undefined where one of them is missing or no `[H, N, D]`. */
export function namedHeads(
  tensors: Tensors,
  names: Readonly<Record<'q' | 'k' | 'v', string>>,
): CaseInputs | undefined {
  const { [names.q]: q, [names.k]: k, [names.v]: v, ...rest } = tensors;
  const [queries, keys, values] = [q, k, v].map(x => x && asHeads(x));
  if (queries === undefined || keys === undefined || values === undefined) return undefined;
  // Groups of heads may share their queries, as they share their keys.
  const heads = Math.max(queries.shape[0]!, values.shape[0]!);
  const fits = Number.isInteger(heads / queries.shape[0]!);
  return {
    heads: { q: fits ? repeatHeads(queries, heads) : queries, k: keys, v: values },
    tensors: rest,
    outputs: 'heads first',
  };
}
