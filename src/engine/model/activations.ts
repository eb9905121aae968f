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

const relu: Activation = (g, x) => g.unary('Relu', x);

/** `x` no smaller than `least` and no larger than `most`. */
const clip = (g: GraphBuilder, x: Value, least: number, most: number): Value =>
  g.arithmetic('Min', g.arithmetic('Max', x, least), most);

const ACTIVATIONS: Readonly<Record<string, Activation>> = {
  silu,
  swish: silu,
  gelu,
  gelu_python: gelu,
  gelu_10: (g, x) => clip(g, gelu(g, x), -10, 10),
  gelu_new: geluTanh,
  gelu_fast: geluTanh,
  gelu_accurate: geluTanh,
  gelu_pytorch_tanh: geluTanh,
  gelu_python_tanh: geluTanh,
  quick_gelu: geluQuick,
  relu,
  relu2: (g, x) => g.mul(relu(g, x), relu(g, x)),
  relu6: (g, x) => clip(g, x, 0, 6),
  leaky_relu: (g, x) => g.arithmetic('Max', x, g.mul(x, 0.01)),
  linear: (_, x) => x,
  mish: (g, x) => g.mul(x, g.unary('Tanh', g.unary('Softplus', x))),
  sigmoid: (g, x) => g.unary('Sigmoid', x),
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
