/** A graph by its values: what makes each of them, and what reads it. */

import type { Attribute, Graph, Node, Tensor } from '../onnx/onnx_pb';

export class GraphIndex {
  readonly graph: Graph;
  readonly #producers = new Map<string, Node>();
  readonly #consumers = new Map<string, Node[]>();
  readonly #initializers = new Map<string, Tensor>();

  constructor(graph: Graph) {
    this.graph = graph;
    for (const tensor of graph.initializer) this.#initializers.set(tensor.name, tensor);
    for (const node of graph.node) {
      for (const name of node.output) if (name !== '') this.#producers.set(name, node);
      for (const name of new Set(node.input)) {
        const known = this.#consumers.get(name);
        if (known === undefined) this.#consumers.set(name, [node]);
        else known.push(node);
      }
    }
  }

  /** The node that makes a value; undefined for inputs and weights. */
  producer(value: string): Node | undefined {
    return this.#producers.get(value);
  }

  consumers(value: string): readonly Node[] {
    return this.#consumers.get(value) ?? [];
  }

  initializer(value: string): Tensor | undefined {
    return this.#initializers.get(value);
  }
}

/** Whether a node is an operator of ONNX itself. */
export function isStandard({ domain }: Node): boolean {
  return domain === '' || domain === 'ai.onnx';
}

/** The name of an input that is there; undefined for one that is left out. */
export function inputOf({ input }: Node, at: number): string | undefined {
  return input[at] === '' ? undefined : input[at];
}

export function integer(node: Node, name: string, otherwise: number): number {
  const found = attributeOf(node, name);
  return found === undefined ? otherwise : Number(found.i);
}

export function float(node: Node, name: string, otherwise: number): number {
  return attributeOf(node, name)?.f ?? otherwise;
}

export function integers(node: Node, name: string): readonly number[] | undefined {
  return attributeOf(node, name)?.ints.map(Number);
}

/** Empty where the attribute is absent. */
export function text(node: Node, name: string): string {
  const found = attributeOf(node, name);
  return found === undefined ? '' : new TextDecoder().decode(found.s);
}

function attributeOf(node: Node, name: string): Attribute | undefined {
  return node.attribute.find(attribute => attribute.name === name);
}

/** How a message names a node. */
export function nodeName({ opType, name }: Node): string {
  return name === '' ? opType : `${opType} '${name}'`;
}

/** How often each operator stands among nodes, the most frequent first, as `12 MatMul, 4 Add`. */
export function countOperators(nodes: readonly Node[], most = 12): string {
  const counts = new Map<string, number>();
  for (const { opType } of nodes) counts.set(opType, (counts.get(opType) ?? 0) + 1);
  const ranked = [...counts].sort(([, a], [, b]) => b - a);
  const listed = ranked.slice(0, most).map(([operator, count]) => `${count} ${operator}`);
  return [...listed, ...(ranked.length > most ? ['…'] : [])].join(', ');
}
