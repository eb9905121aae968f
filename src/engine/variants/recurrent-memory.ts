/**
 * Segment recurrence: keys = [cached states of earlier segments ; the query's own segment up to it], under
 * one softmax. A query at `i` in the segment that starts at `s` sees `s - memory <= j <= i`.
 *
 * Dai et al. 2019, Transformer-XL, arXiv 1901.02860, section 3.2. The tensors `mem_k` and `mem_v`
 * `[H, mem, D]` stand before the document; rows then have `mem + N` entries, and token `i` is at position
 * `mem + i` for the positions of `bias-xl` (`r` is `[H, mem + N, D]`) or `rope`.
 */

import { cached } from './primitives/kept';
import { ranges } from './primitives/keys';
import type { Slot, SlotContents } from './primitives/memory';
import { type Layer, type Mixer, variant } from './primitives/mixer';
import { choice, integer, MOST_TOKENS, number, type Params, scale } from './primitives/params';
import { planNode } from './primitives/planNode';
import {
  afterMemory,
  memoryTensors,
  remembered,
  rememberedSegments,
  segmentLength,
} from './primitives/remembered';
import { rotaryOf, rotaryPresets } from './primitives/rotaryParams';
import { rotated } from './primitives/rotate';
import { XL_TENSORS, xlPositions } from './primitives/xlPositions';
import { memoryReference, positionedScore } from './recurrent-memory.reference';
import { drawn } from './primitives/seeded';
import { softmaxMixer } from './primitives/selection';

const params = {
  segment: integer(0, 0, MOST_TOKENS, 'Tokens a segment; 0: 256, or all after a memory that is given.'),
  memory: integer(0, 0, MOST_TOKENS, 'Tokens cached before a segment; 0: a segment’s, or all of a memory.'),
  position: choice(
    'none',
    ['none', 'bias-xl', 'rope'],
    'Positions in the scores; those of bias-xl also where its tensors are given.',
  ),
  base: number(10000, 1.0001, 1e12, 'With rope: base of the wavelengths.'),
  scale,
};

export type RecurrentMemoryParams = Params<typeof params>;

export const recurrentMemory = variant({
  id: 'recurrent-memory',
  title: 'Recurrent memory',
  summary: 'A token sees its own segment and the cached states of the segment before it.',
  source: 'arXiv 1901.02860',
  trainingClass: 'TF',
  cost: 'N·(b+mem)',
  plan: ['memory', 'segments'],
  params,
  tensors: {
    mem_k: { shape: '[H, mem, D]', origin: 'set', standIn: 'the memory before the document is empty' },
    mem_v: { shape: '[H, mem, E]', origin: 'set', standIn: 'the memory before the document is empty' },
    u: { shape: '[H, D]', origin: 'set', standIn: 'zero, where positions are those of bias-xl' },
    v_bias: { shape: '[H, D]', origin: 'set', standIn: 'zero, where positions are those of bias-xl' },
    r: {
      shape: '[H, mem + N, D]',
      origin: 'set',
      standIn: 'sinusoids, where positions are those of bias-xl',
    },
  },
  prefixStable: () => true,
  examples: [
    { params: {}, tensors: sizes => memoryTensors(sizes, 37) },
    { params: { segment: 20, memory: 31 }, tensors: sizes => memoryTensors(sizes, 25) },
    { params: { segment: 24 } },
    { params: { segment: 17, memory: 40, scale: 0.5 } },
    {
      params: {},
      tensors: sizes => ({
        ...memoryTensors(sizes, 21),
        u: drawn([sizes.heads, sizes.width], sizes.normal),
        v_bias: drawn([sizes.heads, sizes.width], sizes.normal),
        r: drawn([sizes.heads, 21 + sizes.tokens, sizes.width], sizes.normal),
      }),
    },
    { params: { position: 'rope', segment: 30 }, tensors: sizes => memoryTensors(sizes, 19) },
  ],
  open,

  reference(inputs, params_) {
    const { segment, memory } = params_;
    const given = inputs.tensors['mem_k']?.shape[1] ?? 0;
    const length = segmentLength(segment, given, inputs.tokens);
    const reach = memory || (given > 0 ? given : length);
    return memoryReference(
      inputs,
      (i, j) => j >= Math.floor(i / length) * length - reach,
      positionedScore(inputs, params_),
    );
  },
});

function positioned(layer: Layer, { position, base }: RecurrentMemoryParams): Layer {
  const { q, k, tokens, tensors } = layer;
  if (position === 'rope') {
    const turns = rotaryOf('recurrent-memory', { ...rotaryPresets, base }, q.shape[2]!, tokens);
    return { ...layer, q: rotated(q, turns), k: rotated(k, turns) };
  }
  const hasXl = XL_TENSORS.some(name => tensors[name] !== undefined);
  return position === 'bias-xl' || hasXl ? xlPositions(layer, true) : layer;
}

function open(given: Layer, params_: RecurrentMemoryParams): Mixer {
  const whole = remembered(given);
  const { memory } = whole;
  const layer = positioned(whole.layer, params_);
  const segment = segmentLength(params_.segment, memory, given.tokens);
  const reach = params_.memory || (memory > 0 ? memory : segment);
  const { startOf, indexOf, structure } = rememberedSegments(whole, segment);
  const since = Float32Array.from({ length: layer.tokens }, (_, i) =>
    i < memory ? 0 : Math.max(0, startOf(i) - reach),
  );
  const inner = softmaxMixer(layer, {
    causal: true,
    scale: params_.scale,
    rule: { key: 'since', admits: (g, { j, label }) => g.lessOrEqual(label('since').i, j) },
    labels: { since },
    keys: ({ start, end }) => ranges(layer.tokens, [since[start]!, end]),
    admits: (i, j) => j <= i && j >= since[i]!,
    structure: query =>
      structure(query, start => {
        const oldest = since[start]!;
        return planNode('memory', `${start - oldest} cached tokens`, ranges(start, [oldest, start]));
      }),
  });

  /** The stretch of a segment, or of the given memory, that `from … to` leaves of `start … end`. */
  const part = (start: number, end: number, from: number, to: number) =>
    Int32Array.of(Math.max(start, from), Math.max(start, from, Math.min(end, to)));

  function memoryAt(query: number): SlotContents {
    const oldest = since[query]!;
    const slots: Slot[] = [];
    const own = indexOf(query);
    for (let at = -1; at <= own; at++) {
      if (at < 0 && memory === 0) continue;
      const [first, last] = at < 0 ? [0, memory] : [memory + at * segment, memory + (at + 1) * segment];
      const label = at < 0 ? 'given memory' : `segment ${at + 1}`;
      const age = at < 0 ? {} : { segments: own - at };
      if (at === own) {
        slots.push({ label, status: 'open', ranges: Int32Array.of(first, query + 1), ...age });
        continue;
      }
      const lost = part(first, last, 0, oldest);
      const kept = part(first, last, oldest, last);
      // Its last state leaves with the first segment that starts `reach` or more after it.
      const gone = memory + Math.ceil((lost[1]! + reach - memory) / segment) * segment;
      if (lost[1]! > lost[0]!) slots.push({ label, status: 'evicted', ranges: lost, since: gone, ...age });
      if (kept[1]! > kept[0]!)
        slots.push({ label, status: 'kept', ranges: kept, ...(at >= 0 && { since: last }), ...age });
    }
    return {
      kind: 'slots',
      about: `A segment of ${segment} tokens reads the cached keys and values of the ${reach} tokens before it; older ones are dropped.`,
      slots,
    };
  }

  const mixer: Mixer = {
    ...inner,
    memoryAt: (_, query) => Promise.resolve(memoryAt(query)),
    kept() {
      const oldest = since[layer.tokens - 1]!;
      const own = cached(given, layer.tokens - Math.max(memory, oldest));
      return own + cached(layer, Math.max(0, memory - oldest));
    },
  };
  return memory === 0 ? mixer : afterMemory(mixer, memory);
}
