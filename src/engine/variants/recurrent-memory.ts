/**
 * Segment recurrence: keys = [cached states of earlier segments ; the query's own segment up to it], under
 * one softmax. A query at `i` in the segment that starts at `s` sees `s - memory <= j <= i`.
 *
 * Dai et al. 2019, Transformer-XL, arXiv 1901.02860, section 3.2, without its position term. The tensors
 * `mem_k` and `mem_v` `[H, mem, D]` stand before the document; rows then have `mem + N` entries.
 */

import { ranges } from './primitives/keys';
import { type Layer, type Mixer, variant } from './primitives/mixer';
import { integer, MOST_TOKENS, type Params, scale } from './primitives/params';
import { planNode } from './primitives/planNode';
import { afterMemory, memoryTensors, remembered } from './primitives/remembered';
import { memoryReference } from './recurrent-memory.reference';
import { softmaxMixer } from './primitives/selection';

const params = {
  segment: integer(0, 0, MOST_TOKENS, 'Tokens a segment; 0: 256, or all after a memory that is given.'),
  memory: integer(0, 0, MOST_TOKENS, 'Tokens cached before a segment; 0: a segment’s, or all of a memory.'),
  scale,
};

const SEGMENT = 256;

export const recurrentMemory = variant({
  id: 'recurrent-memory',
  title: 'Recurrent memory',
  summary: 'A token sees its own segment and the cached states of the segment before it.',
  source: 'arXiv 1901.02860',
  trainingClass: 'TF',
  cost: 'N·(b+mem)',
  plan: ['memory', 'segments'],
  params,
  examples: [
    { params: {}, tensors: sizes => memoryTensors(sizes, 37) },
    { params: { segment: 20, memory: 31 }, tensors: sizes => memoryTensors(sizes, 25) },
    { params: { segment: 24 } },
    { params: { segment: 17, memory: 40, scale: 0.5 } },
  ],
  open,

  reference(inputs, { segment, memory }) {
    const given = inputs.tensors['mem_k']?.shape[1] ?? 0;
    const length = segment || (given > 0 ? inputs.tokens : SEGMENT);
    const cached = memory || (given > 0 ? given : length);
    return memoryReference(inputs, (i, j) => j >= Math.floor(i / length) * length - cached);
  },
});

function open(given: Layer, params_: Params<typeof params>): Mixer {
  const { layer, memory } = remembered(given);
  const segment = params_.segment || (memory > 0 ? given.tokens : SEGMENT);
  const cached = params_.memory || (memory > 0 ? memory : segment);
  const segmentStart = (i: number) => memory + Math.floor((i - memory) / segment) * segment;
  const since = Float32Array.from({ length: layer.tokens }, (_, i) =>
    i < memory ? 0 : Math.max(0, segmentStart(i) - cached),
  );
  const inner = softmaxMixer(layer, {
    causal: true,
    scale: params_.scale,
    rule: { key: 'since', admits: (g, { j, label }) => g.lessOrEqual(label('since').i, j) },
    labels: { since },
    keys: ({ start, end }) => ranges(layer.tokens, [since[start]!, end]),
    admits: (i, j) => j <= i && j >= since[i]!,
    structure(query) {
      if (query === undefined)
        return memory === 0 ? [] : [planNode('memory', `${memory} given keys`, [0, memory])];
      const start = segmentStart(query);
      const end = Math.min(layer.tokens, start + segment);
      return [
        planNode('memory', `${start - since[query]!} cached tokens`, ranges(start, [since[query]!, start])),
        planNode('segment', `segment ${(start - memory) / segment + 1}`, [start, end]),
      ];
    },
  });
  return memory === 0 ? inner : afterMemory(inner, memory);
}
