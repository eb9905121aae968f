/** The graph of the one softmax. Letters as in `softmaxRows`. */

import { GraphBuilder } from '../../onnx/builder';
import type { Program, Value } from '../../onnx/graph';
import type { Dim, FloatTensor } from '../../onnx/tensor';
import { HIDDEN } from './keys';
import { termKey, termValues } from './positionTerm';
import { outputStatistics } from './rowStatisticsGraph';
import { hiddenTiles, isHeld, type RuleTerms, type SoftmaxCall, type Want } from './softmaxCall';

export function softmaxProgram(call: SoftmaxCall, want: Want): Program {
  const [streams, group, , width] = call.q.shape as [number, number, number, number];
  const labels = Object.keys(call.labels ?? {});
  const { causal, rule } = call;
  const isTail = hiddenTiles(call) !== undefined;
  // Where all queries see the same first keys, none is without.
  const mayBeEmpty = call.mayBeEmpty === true && !isTail;
  const term = call.position?.term;
  const held = isHeld(call) ? { k: call.k, v: call.v } : undefined;
  const layout = held && [held.k.shape[0], held.v.shape[2]];
  const parts = ['softmax', want, streams, group, width, causal, isTail, mayBeEmpty, rule?.key, ...labels];
  const key = [...parts, termKey(term), layout].join('/');
  return {
    key,
    build() {
      const g = new GraphBuilder(key);
      const unscaled = g.input('q', 'float32', [streams, 'R', width]);
      const take = held && takenRows(g, streams);
      const keys = take ? take('k', held.k) : g.input('k', 'float32', [streams, 'K', width]);
      const scale = g.input('scale', 'float32', []);
      const i = g.unsqueeze(g.input('i', 'float32', ['B']), 1);
      const positions = g.input('j', 'float32', ['K']);
      const j = g.unsqueeze(positions, 0);
      const last = g.unsqueeze(g.input('last', 'float32', ['B']), 1);
      const labelled = new Map(
        labels.map(name => [
          name,
          {
            i: g.unsqueeze(g.input(`${name}_i`, 'float32', ['B']), 1),
            j: g.unsqueeze(g.input(`${name}_j`, 'float32', ['K']), 0),
          },
        ]),
      );
      const terms: RuleTerms = { i, j, label: name => labelled.get(name)! };
      /** `[B, K] -> [R, K]`; what is the same for every query broadcasts as it is. */
      const forEachHead = (x: Value) => {
        if (x.shape[0] === 1) return x;
        return g.concat(Array<Value>(group).fill(x), 0, 'R');
      };

      const q = g.mul(unscaled, scale);
      const content = g.matMul(q, g.transpose(keys, 0, 2, 1));
      const { added, factor } = termValues(g, term, {
        streams,
        group,
        width,
        q: unscaled,
        content,
        scale,
        i: forEachHead(i),
        j,
      });
      const scores = added === undefined ? content : g.add(content, added);
      let allowed = g.lessOrEqual(isTail ? g.unsqueeze(g.input('tail_j', 'float32', ['M']), 0) : j, last);
      if (rule !== undefined) allowed = g.and(allowed, rule.admits(g, terms));
      // Adding is several times as fast as choosing: only the small mask is chosen.
      const mask = forEachHead(g.where(allowed, 0, HIDDEN));
      const masked = isTail ? addToTail(g, scores, mask) : g.add(scores, mask);
      const softmax = g.softmax(masked);
      const shares = mayBeEmpty ? g.mul(softmax, forEachHead(g.cast(allowed, 'float32'))) : softmax;
      const weights = factor === undefined ? shares : g.mul(shares, factor);
      if (want !== 'outputs') g.output('weights', weights);
      if (want === 'weights') return g.build();
      const values = take ? take('v', held.v) : g.input('v', 'float32', [streams, 'K', 'E']);
      g.output('y', g.matMul(weights, values));
      // The mean score follows from the mean key, without a pass over the scores.
      const meanKey = g.matMul(weights, keys);
      const meanContent = g.reduce('ReduceSum', g.mul(q, meanKey), 2);
      const meanScore =
        added === undefined
          ? meanContent
          : g.add(meanContent, g.reduce('ReduceSum', g.mul(weights, added), 2));
      const spanMass = g.unsqueeze(g.input('spanMass', 'float32', ['R']), 1);
      outputStatistics(g, { weights, masked, meanScore, positions, spanMass, factor, looksBack: causal });
      return g.build();
    },
  };
}

/** Takes the call's rows of whole arrays `[S', P, W]`, as `[S, K, W]`. */
function takenRows(g: GraphBuilder, streams: number): (name: string, whole: FloatTensor) => Value {
  const rows = g.add(g.input('rows', 'int32', ['K']), g.input('firsts', 'int32', [streams, 1]));
  return (name, { shape }) => {
    const [all, , width] = shape as [number, number, number];
    const whole = g.input(name, 'float32', [all, 'P', width]);
    return g.gather(g.reshape(whole, ['all rows', width]), rows, 0);
  };
}

/** Adds `mask [R, M]` to the last scores of every row of `[S, R, K]`, in place where the device can. */
function addToTail(g: GraphBuilder, scores: Value, mask: Value): Value {
  const [streams, rows] = scores.shape as [number, Dim];
  const everyRow = g.input('tail_rows', 'int32', [streams, rows, 1]);
  const at = g.add(everyRow, g.input('tail_at', 'int32', ['M']));
  const row = g.unsqueeze(mask, 0);
  const added = streams === 1 ? row : g.concat(Array<Value>(streams).fill(row), 0);
  const attributes = { axis: 2, reduction: 'add' };
  return g.node('ScatterElements', [scores, at, added], attributes, 'float32', scores.shape);
}
