/**
 * Graphs that take some of their inputs as halves. What only moves a half stays one; a product that sums few of
 * them is computed in half precision; everything else sees float32.
 */

import { DATA_TYPES } from './encode';
import type { AttributeValue, Graph, Initializer, Node, Program } from './graph';
import { floats, type Shape } from './tensor';

/**
 * The longest sum of products in half precision: wide enough for heads, not for keys. WebGPU kernels sum in the type
 * of what they multiply, and in 11 bits 4,096 equal shares of 1 come to a half.
 */
export const LONGEST_SUM = 256;

/** Operators whose result is made of elements of their first input. */
const MOVES: ReadonlySet<string> = new Set(['Gather', 'Reshape', 'Slice', 'Transpose', 'Unsqueeze']);

/** The scalar input that says what a half of `input` is multiplied with to be the number that it stands for. */
export function unitName(input: string): string {
  return `${input}_unit`;
}

/** The program with those of its inputs as halves, each with its unit; the program itself for none. */
export function halfProgram(program: Program, inputs: readonly string[]): Program {
  if (inputs.length === 0) return program;
  const names = [...inputs].sort();
  const key = `${program.key}/half:${names.join(',')}`;
  return { ...program, key, build: () => inHalf(program.build(), new Set(names)) };
}

interface Half {
  readonly shape: Shape;
  /** Name of its unit. */
  readonly unit: string;
}

function inHalf(graph: Graph, names: ReadonlySet<string>): Graph {
  const nodes: Node[] = [];
  const halves = new Map<string, Half>();
  const widened = new Map<string, string>();
  const inputs = graph.inputs.flatMap(input => {
    if (!names.has(input.name)) return [input];
    const unit = { name: unitName(input.name), type: 'float32' as const, shape: [] };
    halves.set(input.name, { shape: input.shape, unit: unit.name });
    return [{ ...input, type: 'float16' as const }, unit];
  });

  function add(
    op: string,
    from: readonly string[],
    attributes: Readonly<Record<string, AttributeValue>> = {},
    to = `half${nodes.length}`,
  ): string {
    nodes.push({ op, domain: '', inputs: from, outputs: [to], attributes });
    return to;
  }

  /** The value in float32. */
  function wide(name: string): string {
    const half = halves.get(name);
    if (half === undefined) return name;
    const known = widened.get(name) ?? add('Mul', [add('Cast', [name], TO_FLOAT), half.unit]);
    widened.set(name, known);
    return known;
  }

  /** Rows (columns) of the other factor are divided by their largest: no sum then leaves the range of halves. */
  function product(
    [left, right]: readonly [string, string],
    { unit }: Half,
    isLeft: boolean,
    to: string,
  ): void {
    const other = wide(isLeft ? right : left);
    const peak = add('ReduceMax', [add('Abs', [other]), isLeft ? COLUMNS : ROWS], { keepdims: 1 });
    const largest = add('Max', [peak, LEAST]);
    const narrow = add('Cast', [add('Div', [other, largest])], TO_HALF);
    const sums = add('Cast', [add('MatMul', isLeft ? [left, narrow] : [narrow, right])], TO_FLOAT);
    add('Mul', [sums, add('Mul', [largest, unit])], {}, to);
  }

  for (const node of graph.nodes) {
    const [first = '', second = ''] = node.inputs;
    const [to = ''] = node.outputs;
    const moved = MOVES.has(node.op) ? halves.get(first) : undefined;
    const isLeft = halves.has(first);
    const factor = node.op === 'MatMul' ? halves.get(isLeft ? first : second) : undefined;
    const summed = factor?.shape.at(isLeft ? -1 : -2);
    if (moved !== undefined) {
      nodes.push(node);
      halves.set(to, { shape: graph.shapes.get(to)!, unit: moved.unit });
    } else if (factor !== undefined && typeof summed === 'number' && summed <= LONGEST_SUM) {
      product([first, second], factor, isLeft, to);
    } else {
      nodes.push({ ...node, inputs: node.inputs.map(wide) });
    }
  }
  return { ...graph, inputs, nodes, initializers: [...graph.initializers, ...CONSTANTS] };
}

const TO_FLOAT = { to: DATA_TYPES.float32 };
const TO_HALF = { to: DATA_TYPES.float16 };

const [ROWS, COLUMNS, LEAST] = ['half_rows', 'half_columns', 'half_least'];

const CONSTANTS: readonly Initializer[] = [
  { name: ROWS, tensor: { type: 'int64', shape: [1], data: BigInt64Array.of(-1n) } },
  { name: COLUMNS, tensor: { type: 'int64', shape: [1], data: BigInt64Array.of(-2n) } },
  // In place of 0, which nothing is divided by.
  { name: LEAST, tensor: floats([], Float32Array.of(1e-30)) },
];
