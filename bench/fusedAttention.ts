/**
 * ONNX Runtime's fused attention, `com.microsoft.GroupQueryAttention`, a block of queries at a time over the
 * keys and values so far: how a forward pass runs that has nothing to show.
 */

import { GraphBuilder } from '../src/engine/onnx/builder';
import type { Executor, Graph, Program } from '../src/engine/onnx/graph';
import { floats, type FloatTensor, integers } from '../src/engine/onnx/tensor';
import type { Attention } from './forward';

interface Shape {
  /** Query heads. */
  readonly heads: number;
  /** Key-value heads. */
  readonly groups: number;
  readonly width: number;
}

/** Keys and values of the layer's earlier blocks, `[1, G, P, D]`. */
interface Past {
  readonly k: FloatTensor;
  readonly v: FloatTensor;
}

export function fusedAttention(executor: Executor, shape: Shape): Attention {
  const { heads, groups, width } = shape;
  const nothing = floats([1, groups, 0, width]);
  let past: Past = { k: nothing, v: nothing };
  return async (_, start, { q, k, v }) => {
    if (start === 0) past = { k: nothing, v: nothing };
    const length = q.shape[1]!;
    const results = await executor.run(program(shape), {
      q,
      k,
      v,
      past_k: past.k,
      past_v: past.v,
      last: integers([1], Int32Array.of(start + length - 1)),
      total: integers([1], Int32Array.of(start + length)),
    });
    past = { k: results['present_k'] as FloatTensor, v: results['present_v'] as FloatTensor };
    return floats([heads, length, width], results['y']!.data as Float32Array);
  };
}

function program(shape: Shape): Program {
  const { heads, groups, width } = shape;
  const key = `fused/${heads}/${groups}/${width}`;
  return { key, build: () => graph(key, shape) };
}

function graph(key: string, { heads, groups, width }: Shape): Graph {
  const g = new GraphBuilder(key);
  const flat = (name: string, count: number) => {
    const x = g.transpose(g.input(name, 'float32', [count, 'B', width]), 1, 0, 2);
    return g.reshape(x, [1, 'B', count * width]);
  };
  const inputs = [
    ...[flat('q', heads), flat('k', groups), flat('v', groups)],
    ...['past_k', 'past_v'].map(name => g.input(name, 'float32', [1, groups, 'P', width])),
    ...['last', 'total'].map(name => g.input(name, 'int32', [1])),
  ];
  const attended = g.node(
    'GroupQueryAttention',
    inputs,
    { num_heads: heads, kv_num_heads: groups },
    'float32',
    [...[1, 'B', heads * width]],
  );
  g.output('y', g.transpose(g.reshape(attended, ['B', heads, width]), 1, 0, 2));
  const built = g.build();
  // The builder knows operators of the standard, with one result each; this one is neither.
  const presents = ['present_k', 'present_v'];
  return {
    ...built,
    outputs: [
      ...built.outputs,
      ...presents.map(name => ({ name, type: 'float32' as const, shape: [1, groups, 'T', width] })),
    ],
    nodes: built.nodes.map(node =>
      node.op === 'GroupQueryAttention'
        ? { ...node, domain: 'com.microsoft' as const, outputs: [...node.outputs, ...presents] }
        : node,
    ),
  };
}
