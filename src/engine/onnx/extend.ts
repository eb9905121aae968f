/** Graphs that go on where others end. */

import { GraphBuilder } from './builder';
import type { Graph } from './graph';

/**
 * `graph` with more nodes behind it. Inputs of the added part are outputs or inputs of the graph where they have
 * their names, and inputs of the whole elsewhere; outputs are those of the added part alone.
 */
export function extended(graph: Graph, name: string, add: (g: GraphBuilder) => void): Graph {
  const builder = new GraphBuilder(name);
  add(builder);
  const added = builder.build();
  const outer = new Set([...added.inputs, ...added.outputs].map(value => value.name));
  // Both parts count their values from one.
  const own = (value: string) => (value === '' || outer.has(value) ? value : `added_${value}`);
  const known = new Set([...graph.inputs, ...graph.outputs].map(value => value.name));
  return {
    name,
    inputs: [...graph.inputs, ...added.inputs.filter(value => !known.has(value.name))],
    outputs: added.outputs,
    nodes: [
      ...graph.nodes,
      ...added.nodes.map(node => ({
        ...node,
        inputs: node.inputs.map(own),
        outputs: node.outputs.map(own),
      })),
    ],
    initializers: [
      ...graph.initializers,
      ...added.initializers.map(item => ({ ...item, name: own(item.name) })),
    ],
    shapes: new Map([...graph.shapes, ...[...added.shapes].map(([of, shape]) => [own(of), shape] as const)]),
  };
}
