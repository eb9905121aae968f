/** The two products of attention that is spelled out: MatMul, the runtime's FusedMatMul, or Einsum. */

import type { Node } from '../onnx/onnx_pb';
import type { FloatTensor } from '../onnx/tensor';
import { arranged, type LetteredInput, scoreOperands, valueOperand } from './einsum';
import { float, integer, isStandard } from './graphIndex';
import { byHead, type Heads, swapped } from './heads';

/** One operand of a product. */
export interface Operand {
  readonly value: string;
  /** @throws Misfit for a tensor that is no heads of attention. */
  heads(tensor: FloatTensor): Heads;
}

/** Queries times keys, times a factor. */
export interface ScoreProduct {
  readonly operator: string;
  readonly q: Operand;
  readonly k: Operand;
  readonly factor: number;
}

/** Weights times values. */
export interface ValueProduct {
  readonly operator: string;
  readonly v: Operand;
}

export function scoreProduct(node: Node): ScoreProduct | undefined {
  const { input, opType: operator } = node;
  const summed = scoreOperands(node);
  if (summed !== undefined) {
    return { operator, q: lettered(node, summed.q), k: lettered(node, summed.k), factor: 1 };
  }
  if (!isMatMul(node)) return undefined;
  const isTurned = integer(node, 'transB', 0) === 0;
  return {
    operator: 'MatMul',
    q: { value: input[0]!, heads: byHead },
    k: { value: input[1]!, heads: tensor => (isTurned ? swapped(byHead(tensor)) : byHead(tensor)) },
    factor: float(node, 'alpha', 1),
  };
}

/** @param weights what comes of the softmax. */
export function valueProduct(node: Node, weights: string): ValueProduct | undefined {
  const { input, opType: operator } = node;
  const summed = valueOperand(node, weights);
  if (summed !== undefined) return { operator, v: lettered(node, summed) };
  if (!isMatMul(node) || input[0] !== weights || integer(node, 'transB', 0) !== 0) return undefined;
  return { operator: 'MatMul', v: { value: input[1]!, heads: byHead } };
}

function lettered({ input }: Node, { input: at, arrangement }: LetteredInput): Operand {
  return { value: input[at]!, heads: tensor => arranged(tensor, arrangement) };
}

function isMatMul(node: Node): boolean {
  if (isStandard(node)) return node.opType === 'MatMul';
  const turned = ['transA', 'transBatchA', 'transBatchB'].some(name => integer(node, name, 0) !== 0);
  return node.domain === 'com.microsoft' && node.opType === 'FusedMatMul' && !turned;
}
