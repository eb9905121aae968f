/** Work put into a graph that changes none of its numbers. */

import type { OnnxGraph } from './onnxGraph';

/** Adds nodes, and answers what they compute. */
type Work = (g: OnnxGraph, ids: string) => string;

export function afterEmbedding(g: OnnxGraph, work: Work): void {
  after(
    g,
    g.model.graph!.node.findIndex(({ opType, input }) => opType === 'Gather' && input[1] === 'input_ids'),
    work,
  );
}

/** @param block 0 for the first, -1 for the last. */
export function afterBlock(g: OnnxGraph, block: number, work: Work): void {
  const nodes = g.model.graph!.node;
  const products = new Set(nodes.filter(({ opType }) => opType === 'MatMul').map(({ output }) => output[0]));
  const softmax = [...nodes.keys()].filter(at => nodes[at]!.opType === 'Softmax').at(block)!;
  after(
    g,
    nodes.findIndex(({ opType, input }, at) => at > softmax && opType === 'Add' && products.has(input[1])),
    work,
  );
}

/** Adds a number that is 0 to what a node makes, once it is computed. */
function after(g: OnnxGraph, at: number, work: Work): void {
  const nodes = g.model.graph!.node;
  const before = nodes.length;
  const made = nodes[at]!.output[0]!;
  nodes[at]!.output[0] = `${made}.plain`;
  nodes[at]!.name += '.plain';
  const nothing = g.node('Mul', [work(g, 'input_ids'), g.float(0)]);
  g.node('Add', [`${made}.plain`, nothing], {}, '', [made]);
  nodes.splice(at + 1, 0, ...nodes.splice(before));
}

/** Makes a sequence before the first attention and reads it after the last: none can be handed from one session to another. */
export function passSequence(g: OnnxGraph): void {
  let sequence = '';
  afterEmbedding(g, (_, ids) => {
    sequence = g.node('SequenceConstruct', [g.cast(g.length(ids, 1), 'float32')]);
    return g.float(1);
  });
  afterBlock(g, -1, () => g.node('SequenceAt', [sequence, g.int(0)]));
}
