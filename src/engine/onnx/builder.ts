/**
 * Builds ONNX graphs as expressions, checking element types and shapes at every step, so that a
 * wrong graph fails where it is written and not inside the runtime.
 */

import type { AttributeValue, ExternalData, Graph, Initializer, Node, Value } from './graph';
import { axisOf, broadcast, dropAxis, matMulShape, replaceAxis, reshapeTarget, ShapeError } from './shapes';
import { type Dim, type ElementType, floats, type Shape, showShape, type Tensor } from './tensor';

export type Operand = Value | number;

type Arithmetic = 'Add' | 'Sub' | 'Mul' | 'Div' | 'Max' | 'Min' | 'Pow';
type Comparison = 'Less' | 'LessOrEqual' | 'Greater' | 'GreaterOrEqual' | 'Equal';
type Unary =
  'Neg' | 'Exp' | 'Log' | 'Sqrt' | 'Abs' | 'Floor' | 'Sigmoid' | 'Tanh' | 'Erf' | 'Softplus' | 'Relu';
type Reduction = 'ReduceSum' | 'ReduceMax' | 'ReduceMin' | 'ReduceMean';

export class GraphBuilder {
  readonly #name: string;
  readonly #inputs: Value[] = [];
  readonly #outputs: Value[] = [];
  readonly #nodes: Node[] = [];
  readonly #initializers: Initializer[] = [];
  readonly #shapes = new Map<string, Shape>();
  readonly #constants = new Map<string, Value>();
  #count = 0;

  constructor(name: string) {
    this.#name = name;
  }

  input(name: string, type: ElementType, shape: Shape): Value {
    const value = { name, type, shape };
    this.#inputs.push(value);
    return value;
  }

  /** Gives a value to the caller under `name`. */
  output(name: string, value: Value): void {
    const named = { ...value, name };
    this.#push('Identity', [value], {}, [named]);
    this.#outputs.push(named);
  }

  build(): Graph {
    return {
      name: this.#name,
      inputs: this.#inputs,
      outputs: this.#outputs,
      nodes: this.#nodes,
      initializers: this.#initializers,
      shapes: this.#shapes,
    };
  }

  constant(tensor: Tensor): Value {
    const value = { name: this.#fresh('c'), type: tensor.type, shape: tensor.shape };
    this.#initializers.push({ name: value.name, tensor });
    return value;
  }

  scalar(number: number): Value {
    return this.#shared(`f${number}`, () => floats([], Float32Array.of(number)));
  }

  /** A small int64 vector, as shapes and axes need. */
  lengths(...numbers: readonly number[]): Value {
    return this.#shared(`i${numbers.join(',')}`, () => ({
      type: 'int64',
      shape: [numbers.length],
      data: BigInt64Array.from(numbers, BigInt),
    }));
  }

  /** A weight left on disk, as float32. */
  weight(name: string, type: ElementType, shape: readonly number[], external: ExternalData): Value {
    this.#initializers.push({ name, type, shape, external });
    return this.cast({ name, type, shape }, 'float32');
  }

  arithmetic(op: Arithmetic, a: Operand, b: Operand): Value {
    const [x, y] = this.#pair(a, b);
    return this.node(op, [x, y], {}, x.type, broadcast(x.shape, y.shape));
  }

  add(a: Operand, b: Operand): Value {
    return this.arithmetic('Add', a, b);
  }

  sub(a: Operand, b: Operand): Value {
    return this.arithmetic('Sub', a, b);
  }

  mul(a: Operand, b: Operand): Value {
    return this.arithmetic('Mul', a, b);
  }

  div(a: Operand, b: Operand): Value {
    return this.arithmetic('Div', a, b);
  }

  compare(op: Comparison, a: Operand, b: Operand): Value {
    const [x, y] = this.#pair(a, b);
    return this.node(op, [x, y], {}, 'bool', broadcast(x.shape, y.shape));
  }

  less(a: Operand, b: Operand): Value {
    return this.compare('Less', a, b);
  }

  lessOrEqual(a: Operand, b: Operand): Value {
    return this.compare('LessOrEqual', a, b);
  }

  equal(a: Operand, b: Operand): Value {
    return this.compare('Equal', a, b);
  }

  and(a: Value, b: Value): Value {
    return this.node('And', [a, b], {}, 'bool', broadcast(a.shape, b.shape));
  }

  /** As a sum, since WebGPU has no kernel for Or. */
  or(a: Value, b: Value): Value {
    return this.compare('Greater', this.add(this.cast(a, 'float32'), this.cast(b, 'float32')), 0);
  }

  where(condition: Value, a: Operand, b: Operand): Value {
    const [x, y] = this.#pair(a, b);
    const shape = broadcast(condition.shape, broadcast(x.shape, y.shape));
    return this.node('Where', [condition, x, y], {}, x.type, shape);
  }

  unary(op: Unary, x: Value): Value {
    return this.node(op, [x], {}, x.type, x.shape);
  }

  cast(x: Value, type: ElementType): Value {
    if (x.type === type) return x;
    const code = { float32: 1, uint8: 2, int8: 3, int32: 6, int64: 7, bool: 9, float16: 10, bfloat16: 16 }[
      type
    ];
    return this.node('Cast', [x], { to: code }, type, x.shape);
  }

  matMul(a: Value, b: Value): Value {
    return this.node('MatMul', [a, b], {}, a.type, matMulShape(a.shape, b.shape));
  }

  /** `x [R, I] -> x Wᵀ + b`, `W [O, I]` as checkpoints lay it out. */
  linear(x: Value, weight: Value, bias?: Value): Value {
    const transposed = [weight.shape[1]!, weight.shape[0]!];
    const shape = matMulShape(x.shape, transposed);
    const inputs = bias === undefined ? [x, weight] : [x, weight, bias];
    return this.node('Gemm', inputs, { transB: 1 }, x.type, shape);
  }

  transpose(x: Value, ...order: readonly number[]): Value {
    if ([...order].sort((a, b) => a - b).some((axis, index) => axis !== index)) {
      throw new ShapeError(`Transpose order ${order.join(', ')} is no permutation.`);
    }
    return this.node(
      'Transpose',
      [x],
      { perm: order },
      x.type,
      order.map(axis => x.shape[axis]!),
    );
  }

  reshape(x: Value, shape: Shape): Value {
    const target = this.lengths(...reshapeTarget(x.shape, shape));
    return this.node('Reshape', [x, target], {}, x.type, shape);
  }

  /** Inserts an axis of length 1 before `axis`. */
  unsqueeze(x: Value, axis: number): Value {
    const shape = [...x.shape.slice(0, axis), 1, ...x.shape.slice(axis)];
    return this.node('Unsqueeze', [x, this.lengths(axis)], {}, x.type, shape);
  }

  reduce(op: Reduction, x: Value, axis: number, keep = false): Value {
    const index = axisOf(x.shape, axis);
    const shape = keep ? replaceAxis(x.shape, index, 1) : dropAxis(x.shape, index);
    return this.node(op, [x, this.lengths(index)], { keepdims: keep ? 1 : 0 }, x.type, shape);
  }

  softmax(x: Value, axis = -1): Value {
    return this.node('Softmax', [x], { axis: axisOf(x.shape, axis) }, x.type, x.shape);
  }

  cumSum(x: Value, axis: number, reverse = false): Value {
    const attributes = { reverse: reverse ? 1 : 0 };
    return this.node('CumSum', [x, this.#axisScalar(axisOf(x.shape, axis))], attributes, x.type, x.shape);
  }

  /** Values along one axis: `length` names or counts what is between `start` and `end`. */
  slice(x: Value, axis: number, start: Value | number, end: Value | number, length: Dim): Value {
    const index = axisOf(x.shape, axis);
    const bound = (item: Value | number) => (typeof item === 'number' ? this.lengths(item) : item);
    const inputs = [x, bound(start), bound(end), this.lengths(index)];
    return this.node('Slice', inputs, {}, x.type, replaceAxis(x.shape, index, length));
  }

  concat(values: readonly Value[], axis: number, length?: Dim): Value {
    const first = values[0]!;
    const index = axisOf(first.shape, axis);
    const parts = values.map(value => value.shape[index]!);
    const sum = parts.every(part => typeof part === 'number')
      ? parts.reduce((total, part) => total + part, 0)
      : length;
    if (sum === undefined) throw new ShapeError('Concat of named lengths needs a name for the result.');
    return this.node('Concat', values, { axis: index }, first.type, replaceAxis(first.shape, index, sum));
  }

  /** Rows of `x` by `indices` (int32 or int64) along `axis`. */
  gather(x: Value, indices: Value, axis = 0): Value {
    const index = axisOf(x.shape, axis);
    const shape = [...x.shape.slice(0, index), ...indices.shape, ...x.shape.slice(index + 1)];
    return this.node('Gather', [x, indices], { axis: index }, x.type, shape);
  }

  /** One element of `x` for each element of `indices`, along `axis`; ranks agree. */
  gatherElements(x: Value, indices: Value, axis: number): Value {
    const index = axisOf(x.shape, axis);
    return this.node('GatherElements', [x, indices], { axis: index }, x.type, indices.shape);
  }

  expand(x: Value, shape: Shape, target: Value): Value {
    broadcast(x.shape, shape);
    return this.node('Expand', [x, target], {}, x.type, shape);
  }

  /** The `k` largest along the last axis: values and int64 indices, best first. */
  topK(x: Value, k: number): { values: Value; indices: Value } {
    const shape = replaceAxis(x.shape, -1, k);
    const values = { name: this.#fresh('v'), type: x.type, shape };
    const indices = { name: this.#fresh('v'), type: 'int64' as const, shape };
    this.#push('TopK', [x, this.lengths(k)], { axis: x.shape.length - 1 }, [values, indices]);
    return { values, indices };
  }

  /** Any operator whose result type and shape the caller states. */
  node(
    op: string,
    inputs: readonly Value[],
    attributes: Readonly<Record<string, AttributeValue>>,
    type: ElementType,
    shape: Shape,
    domain: Node['domain'] = '',
  ): Value {
    const value = { name: this.#fresh('v'), type, shape };
    this.#push(op, inputs, attributes, [value], domain);
    return value;
  }

  #push(
    op: string,
    inputs: readonly Value[],
    attributes: Readonly<Record<string, AttributeValue>>,
    outputs: readonly Value[],
    domain: Node['domain'] = '',
  ): void {
    const names = (values: readonly Value[]) => values.map(value => value.name);
    for (const { name, shape } of outputs) this.#shapes.set(name, shape);
    this.#nodes.push({ op, domain, inputs: names(inputs), outputs: names(outputs), attributes });
  }

  #pair(a: Operand, b: Operand): [Value, Value] {
    const x = typeof a === 'number' ? this.scalar(a) : a;
    const y = typeof b === 'number' ? this.scalar(b) : b;
    if (x.type !== y.type) {
      throw new ShapeError(`${x.type} ${showShape(x.shape)} meets ${y.type} ${showShape(y.shape)}.`);
    }
    return [x, y];
  }

  #axisScalar(axis: number): Value {
    return this.#shared(`a${axis}`, () => ({
      type: 'int64',
      shape: [],
      data: BigInt64Array.of(BigInt(axis)),
    }));
  }

  #shared(key: string, make: () => Tensor): Value {
    const known = this.#constants.get(key);
    if (known !== undefined) return known;
    const value = this.constant(make());
    this.#constants.set(key, value);
    return value;
  }

  #fresh(prefix: string): string {
    this.#count += 1;
    return `${prefix}${this.#count}`;
  }
}
