/**
 * Attention the way it is shown today: every layer's `softmax(q kᵀ)` as one array, all of them written out
 * as JSON for a page. In the process that calls this.
 */

import { GraphBuilder } from '../src/engine/onnx/builder';
import type { Program } from '../src/engine/onnx/graph';
import { floats, type FloatTensor } from '../src/engine/onnx/tensor';
import { openForward, runForward } from './forward';

export interface Materialised {
  readonly tokens: number;
  readonly seconds: number;
  /** Of the JSON. */
  readonly bytes: number;
}

export async function materialise({ tokens }: { readonly tokens: number }): Promise<Materialised> {
  const forward = await openForward(tokens);
  const { heads, keyValueHeads: groups, headWidth: width } = forward.decoder.info;
  const once = async (length: number) => {
    let bytes = 0;
    await runForward(
      { ...forward, ids: forward.ids.subarray(0, length) },
      length,
      async (_, __, { q, k, v }) => {
        const positions = floats(
          [length],
          Float32Array.from({ length }, (_, i) => i),
        );
        const results = await forward.executor.run(program(heads, groups, width), { q, k, v, positions });
        bytes += jsonBytes(results['attention'] as FloatTensor);
        return results['y'] as FloatTensor;
      },
    );
    return bytes;
  };
  await once(Math.min(128, tokens));
  const start = performance.now();
  const bytes = await once(tokens);
  return { tokens, seconds: (performance.now() - start) / 1000, bytes };
}

/** A head at a time, since no string of V8 holds more than half a gigabyte. */
function jsonBytes({ shape, data }: FloatTensor): number {
  const [heads, rows, columns] = shape as [number, number, number];
  let bytes = 2 + heads - 1;
  for (let head = 0; head < heads; head++) {
    const matrix = Array.from({ length: rows }, (_, row) => {
      const from = (head * rows + row) * columns;
      return Array.from(data.subarray(from, from + columns));
    });
    bytes += Buffer.byteLength(JSON.stringify(matrix));
  }
  return bytes;
}

function program(heads: number, groups: number, width: number): Program {
  const key = `materialised/${heads}/${groups}/${width}`;
  return {
    key,
    build() {
      const g = new GraphBuilder(key);
      const q = g.input('q', 'float32', [heads, 'N', width]);
      const k = g.input('k', 'float32', [groups, 'N', width]);
      const v = g.input('v', 'float32', [groups, 'N', width]);
      const at = g.input('positions', 'float32', ['N']);
      const grouped = g.reshape(q, [groups, 'R', width]);
      const scores = g.mul(g.matMul(grouped, g.transpose(k, 0, 2, 1)), 1 / Math.sqrt(width));
      const seen = g.lessOrEqual(g.unsqueeze(at, 0), g.unsqueeze(at, 1));
      const every = g.concat(Array(heads / groups).fill(g.where(seen, 0, -1e30)), 0, 'R');
      const attention = g.softmax(g.add(scores, every));
      g.output('attention', g.reshape(attention, [heads, 'B', 'N']));
      g.output('y', g.reshape(g.matMul(attention, v), [heads, 'N', width]));
      return g.build();
    },
  };
}
