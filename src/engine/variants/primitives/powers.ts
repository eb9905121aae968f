import type { GraphBuilder } from '../../onnx/builder';
import type { Value } from '../../onnx/graph';

/**
 * Where exponents end: what an exponential falls to from here on is lost beside everything else. Much smaller
 * numbers have no full float32, and take processors a hundred times as long.
 */
export const VANISHED = -80;

/** `exp(x)`, no smaller than `exp(VANISHED)`. */
export function powers(g: GraphBuilder, x: Value): Value {
  return g.unary('Exp', g.arithmetic('Max', x, VANISHED));
}
