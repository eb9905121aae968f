/**
 * Attention spelled out: a product of queries and keys, a softmax of it, and a product with the values. Factors
 * on the way are read when the graph runs, so that it does not matter how they are computed; masks and biases
 * are told from the softmax.
 */

import type { Node } from '../onnx/onnx_pb';
import type { FloatTensor } from '../onnx/tensor';
import { type GraphIndex, inputOf, isStandard, nodeName } from './graphIndex';
import { Misfit, scaled } from './heads';
import { scoreProduct, type ScoreProduct, valueProduct, type ValueProduct } from './product';
import type { Site, Taken, Tap } from './site';

/** Operators that scores pass through on their way to the softmax: which of their inputs may be the scores. */
const ON_THE_WAY: Readonly<Record<string, readonly number[]>> = {
  Add: [0, 1],
  Sub: [0],
  Mul: [0, 1],
  Div: [0],
  Where: [1, 2],
  Max: [0, 1],
  Min: [0, 1],
  Clip: [0],
  Tanh: [0],
  Cast: [0],
  Identity: [0],
  Dropout: [0],
  Reshape: [0],
  Squeeze: [0],
  Unsqueeze: [0],
};
/** Operators between the softmax and the product with the values. */
const AFTER: Readonly<Record<string, readonly number[]>> = {
  Cast: [0],
  Identity: [0],
  Dropout: [0],
  Clip: [0],
  Where: [1, 2],
  Reshape: [0],
  Squeeze: [0],
  Unsqueeze: [0],
};
const MOST_STEPS = 32;

/** What the scores went through, from the product on. */
interface Step {
  readonly operator: string;
  /** The other operand of a product or quotient. */
  readonly operand: string | undefined;
}

interface Scores {
  readonly product: ScoreProduct;
  readonly steps: readonly Step[];
}

export function findVisible(index: GraphIndex): readonly Site[] {
  return index.graph.node.flatMap(softmax => {
    const isBiased = softmax.domain === 'com.microsoft' && softmax.opType === 'BiasSoftmax';
    if (!isBiased && !(isStandard(softmax) && softmax.opType === 'Softmax')) return [];
    const scores = scoresBehind(index, softmax.input[0]!, new Set(), 0);
    const values = scores && valuesAfter(index, softmax.output[0]!);
    return values === undefined ? [] : [site(softmax, scores!, values)];
  });
}

function scoresBehind(
  index: GraphIndex,
  value: string,
  seen: Set<string>,
  depth: number,
): Scores | undefined {
  const node = index.producer(value);
  if (node === undefined || seen.has(value) || depth > MOST_STEPS) return undefined;
  seen.add(value);
  const product = scoreProduct(node);
  if (product !== undefined) return { product, steps: [] };
  if (!isStandard(node)) return undefined;
  for (const at of ON_THE_WAY[node.opType] ?? []) {
    const input = inputOf(node, at);
    const found = input === undefined ? undefined : scoresBehind(index, input, seen, depth + 1);
    if (found === undefined) continue;
    const step = { operator: node.opType, operand: inputOf(node, 1 - at) };
    return { ...found, steps: [...found.steps, step] };
  }
  return undefined;
}

/** The product of the weights with values; undefined for a softmax of something else. */
function valuesAfter(index: GraphIndex, weights: string): ValueProduct | undefined {
  const seen = new Set<string>();
  const open = [weights];
  for (let value = open.shift(); value !== undefined && seen.size < MOST_STEPS; value = open.shift()) {
    seen.add(value);
    for (const node of index.consumers(value)) {
      const product = valueProduct(node, value);
      if (product !== undefined) return product;
      const next = isStandard(node) && AFTER[node.opType]?.some(at => node.input[at] === value);
      if (next && !seen.has(node.output[0]!)) open.push(node.output[0]!);
    }
  }
  return undefined;
}

function site(softmax: Node, { product, steps }: Scores, values: ValueProduct): Site {
  const { q, k } = product;
  const { v } = values;
  const whole = (value: string): Tap => ({ value, extract: 'whole' });
  const factors = steps.flatMap(({ operator, operand }, step) => {
    const scales = operand !== undefined && (operator === 'Mul' || operator === 'Div');
    return scales ? [{ step, value: operand, inverse: operator === 'Div' }] : [];
  });
  const tanh = steps.findIndex(({ operator }) => operator === 'Tanh');
  const bent = tanh >= 0;

  /** The product of the factors on the scores from step `from` on. */
  function factor(taken: Taken, from: number): number {
    return factors
      .filter(({ step }) => step >= from)
      .reduce((all, { step, inverse }) => {
        const one = single(taken[`least${step}`]!, taken[`most${step}`]!);
        return inverse ? all / one : all * one;
      }, 1);
  }

  return {
    name: nodeName(softmax),
    kind: `${product.operator}-Softmax-${values.operator}`,
    taps: {
      q: whole(q.value),
      k: whole(k.value),
      v: whole(v.value),
      ...Object.fromEntries(
        factors.flatMap(({ step, value }): [string, Tap][] => [
          [`least${step}`, { value, extract: 'least' }],
          [`most${step}`, { value, extract: 'most' }],
        ]),
      ),
    },
    nodes: [],
    assemble(taken) {
      const queries = q.heads(taken['q']!);
      // Scores are cap · tanh(inner q·k): a cap of its own bends inner · cap · q·k.
      const inner = product.factor * factor(taken, 0);
      return {
        q: scaled(queries, inner * Math.sqrt(queries.width)),
        k: k.heads(taken['k']!),
        v: v.heads(taken['v']!),
      };
    },
    declared: undefined,
    softcap: taken => (bent ? factor(taken, tanh) : undefined),
    truth: { of: 'weights', tap: { value: softmax.output[0]!, extract: 'rows' } },
    mask: undefined,
    refusal: undefined,
    between: steps.map(({ operator }) => operator).join(', '),
  };
}

/** A factor that is one number. One of zeros and ones is a mask, which the softmax tells of. */
function single({ data: [least] }: FloatTensor, { data: [most] }: FloatTensor): number {
  if (least === most) return least!;
  if (least === 0 && most === 1) return 1;
  throw new Misfit(`multiplies its scores by numbers from ${least} to ${most}`);
}
