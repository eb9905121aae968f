/** Case files of `mamba`, in the layouts of the selective scan's published code: features before tokens, or after. */

import { floats, type FloatTensor } from '../onnx/tensor';
import { asHeads } from './primitives/caseInputs';
import type { CaseInputs, Tensors } from './primitives/mixer';
import { repeatHeads } from './primitives/segments';

/**
 * `u` or `x` `[E, N]`, `delta` `[E, N]`, `A` `[E, S]`, `B` and `C` `[S, N]`, `D` `[E]`, each perhaps with a batch of one or
 * with heads before it, and each but `A` and `D` perhaps with its tokens first. Rows of every channel are rows of
 * heads of one channel.
 */
export function mambaInputs(tensors: Tensors, rowHeads: number | undefined): CaseInputs | undefined {
  const { u, x, B, C, delta, A, ...rest } = tensors;
  const [values, keys, queries, rates] = [u ?? x, B, C, A].map(tensor => tensor && asHeads(tensor));
  if (values === undefined || keys === undefined || queries === undefined || rates === undefined)
    return undefined;
  const [, channels, rows] = rates.shape as [number, number, number];
  const featuresFirst = values.shape[1] === channels;
  const outputs = featuresFirst ? 'features first' : 'tokens first';
  const tokens = values.shape[featuresFirst ? 2 : 1]!;
  const turned = (tensor: FloatTensor, features: number): FloatTensor => {
    const [, first, last] = tensor.shape;
    const isFirst = featuresFirst ? first === features && last === tokens : first !== tokens;
    return isFirst ? transposed(tensor) : tensor;
  };
  const steps = delta && asHeads(delta);
  const heads = { q: turned(queries, rows), k: turned(keys, rows), v: turned(values, channels) };
  const own = { ...rest, A: rates, ...(steps && { delta: turned(steps, channels) }) };
  if (rowHeads !== channels || channels === 1 || rates.shape[0] !== 1) {
    const every = Math.max(heads.q.shape[0]!, heads.v.shape[0]!);
    return { heads: { ...heads, q: repeatHeads(heads.q, every) }, tensors: own, outputs };
  }
  return {
    heads: { q: repeatHeads(heads.q, channels), k: repeatHeads(heads.k, channels), v: columnHeads(heads.v) },
    tensors: {
      ...rest,
      A: floats([channels, rows], rates.data),
      ...(own.delta && { delta: columnHeads(own.delta) }),
    },
    outputs,
  };
}

/** The last two axes of `[H, A, B]` the other way round. */
function transposed({ shape, data }: FloatTensor): FloatTensor {
  const [heads, rows, columns] = shape as [number, number, number];
  const result = floats([heads, columns, rows]);
  data.forEach((item, at) => {
    const [head, row] = [Math.floor(at / rows / columns), Math.floor(at / columns) % rows];
    result.data[(head * columns + (at % columns)) * rows + row] = item;
  });
  return result;
}

/** `[1, N, E] -> [E, N, 1]` */
function columnHeads(x: FloatTensor): FloatTensor {
  const { shape, data } = transposed(x);
  return floats([shape[1]!, shape[2]!, 1], data);
}
