/** The element-wise functions of feed-forwards, by the names that configs give them. */

import { Problem } from '../../protocol/problem';
import type { GraphBuilder } from '../onnx/builder';
import type { Value } from '../onnx/graph';

export type Activation = (g: GraphBuilder, x: Value) => Value;

/** `x · sigmoid(x)` */
const silu: Activation = (g, x) => g.mul(x, g.unary('Sigmoid', x));

/** `x · Φ(x)`, with `Φ` the normal distribution (arXiv 1606.08415). */
const gelu: Activation = (g, x) => g.mul(g.mul(x, 0.5), g.add(g.unary('Erf', g.mul(x, Math.SQRT1_2)), 1));

/** The same with `Φ` approximated by a hyperbolic tangent. */
const geluTanh: Activation = (g, x) => {
  const cubed = g.mul(g.mul(x, x), x);
  const inner = g.mul(g.add(x, g.mul(cubed, 0.044715)), Math.sqrt(2 / Math.PI));
  return g.mul(g.mul(x, 0.5), g.add(g.unary('Tanh', inner), 1));
};

/** The same with `Φ` approximated by a logistic function. */
const geluQuick: Activation = (g, x) => g.mul(x, g.unary('Sigmoid', g.mul(x, 1.702)));

const ACTIVATIONS: Readonly<Record<string, Activation>> = {
  silu,
  swish: silu,
  gelu,
  gelu_python: gelu,
  gelu_new: geluTanh,
  gelu_fast: geluTanh,
  gelu_pytorch_tanh: geluTanh,
  quick_gelu: geluQuick,
  relu: (g, x) => g.unary('Relu', x),
  tanh: (g, x) => g.unary('Tanh', x),
};

/** @throws Problem naming the config's field when Longsight does not know the function. */
export function activation(name: string, field: string, where: string): Activation {
  const known = Object.hasOwn(ACTIVATIONS, name) ? ACTIVATIONS[name] : undefined;
  if (known !== undefined) return known;
  throw new Problem(
    `${where}: ${field} is ${JSON.stringify(name)}; Longsight computes ${Object.keys(ACTIVATIONS).join(', ')}.`,
  );
}
