/**
 * Memorizing attention: one softmax over the query's own segment up to it and the `k` keys of the memory
 * with the largest `q.k`, found by exact search.
 *
 * Wu et al. 2022, arXiv 2203.08913, sections 3.1 and 3.2; one joint softmax stands for the learned gate.
 * The memory is the tensors `mem_k` and `mem_v` `[H, mem, D]`, and rows have `mem + N` entries; without
 * them it is every token before the segment.
 */

import type { Slot, SlotContents } from './primitives/memory';
import { type Layer, type Mixer, variant } from './primitives/mixer';
import { matchQueries } from './primitives/bestMatches';
import { cached } from './primitives/kept';
import { listedMixer } from './primitives/listed';
import { integer, MOST_TOKENS, type Params, scale } from './primitives/params';
import { planNode } from './primitives/planNode';
import {
  afterMemory,
  memoryTensors,
  remembered,
  rememberedSegments,
  segmentLength,
} from './primitives/remembered';
import { dot, vectorOf } from './primitives/stateMemory';
import { memoryReference } from './recurrent-memory.reference';

const params = {
  segment: integer(0, 0, MOST_TOKENS, 'Tokens a segment; 0: 256, or all after a memory that is given.'),
  k: integer(32, 0, MOST_TOKENS, 'Keys of the memory that a query retrieves.'),
  scale,
};

export const memorizing = variant({
  id: 'memorizing',
  title: 'Memorizing',
  summary: 'A token sees its own segment and the best matching keys of a memory.',
  source: 'arXiv 2203.08913',
  trainingClass: 'TF',
  cost: 'N·(b+k), search N·mem',
  plan: ['memory', 'segments'],
  params,
  tensors: {
    mem_k: { shape: '[H, mem, D]', origin: 'set', standIn: 'the tokens before the segment are the memory' },
    mem_v: { shape: '[H, mem, E]', origin: 'set', standIn: 'the tokens before the segment are the memory' },
  },
  prefixStable: () => true,
  examples: [
    { params: { k: 5 }, tensors: sizes => memoryTensors(sizes, 83) },
    { params: { segment: 20, k: 8 }, tensors: sizes => memoryTensors(sizes, 70) },
    { params: {}, tensors: sizes => memoryTensors(sizes, 9) },
    { params: { segment: 24, k: 6 } },
    { params: { segment: 10, scale: 0.5 } },
  ],
  open,

  reference(inputs, { segment, k }) {
    const memory = inputs.tensors['mem_k']?.shape[1] ?? 0;
    const length = segmentLength(segment, memory, inputs.tokens);
    return memoryReference(inputs, (i, j, scores) => {
      const start = Math.floor(i / length) * length;
      if (j >= start) return true;
      const end = memory > 0 ? memory : start;
      if (j + memory >= end) return false;
      const better = scores.subarray(0, end).filter((score, at) => {
        const own = scores[j + memory]!;
        return score > own || (score === own && at < j + memory);
      });
      return better.length < k;
    });
  },
});

function open(given: Layer, { segment: asked, k, scale }: Params<typeof params>): Mixer {
  const whole = remembered(given);
  const { layer, memory } = whole;
  const { startOf, indexOf, structure } = rememberedSegments(
    whole,
    segmentLength(asked, memory, given.tokens),
  );
  const limit = (i: number) => (memory > 0 ? memory : startOf(i));

  const inner = listedMixer(layer, {
    scale,
    length: query => Math.min(k, limit(query)) + query + 1 - startOf(query),
    async lists(block) {
      const retrieved = await matchQueries(layer, block, { candidates: layer.k, limit, count: k });
      return {
        keys(head, query) {
          const start = startOf(query);
          const far = Int32Array.from(retrieved(head, query)).sort();
          const keys = new Int32Array(far.length + query + 1 - start);
          keys.set(far);
          for (let j = start; j <= query; j++) keys[far.length + j - start] = j;
          return keys;
        },
      };
    },
    structure: query =>
      structure(query, start => {
        const searched = limit(start);
        return planNode('memory', `${searched} keys to search`, searched === 0 ? [] : [0, searched]);
      }),
  });

  async function memoryAt(head: number, query: number): Promise<SlotContents> {
    const block = { start: query, end: query + 1 };
    const retrieved = await matchQueries(layer, block, { candidates: layer.k, limit, count: k });
    const asking = vectorOf(layer.q, layer, head, query);
    const start = startOf(query);
    const age = (key: number) => (key < memory ? {} : { segments: indexOf(query) - indexOf(key) });
    const slots = Array.from(retrieved(head, query), (key): Slot => ({
      label: key < memory ? 'given memory' : `segment ${indexOf(key) + 1}`,
      status: 'retrieved',
      ranges: Int32Array.of(key, key + 1),
      strength: dot(asking, vectorOf(layer.k, layer, head, key)),
      ...age(key),
    }));
    const label = `segment ${indexOf(query) + 1}`;
    slots.push({ label, status: 'open', ranges: Int32Array.of(start, query + 1), segments: 0 });
    return {
      kind: 'slots',
      about: `Of the ${limit(query)} keys in memory, the token retrieved the ${slots.length - 1} with the largest q·k.`,
      strength: { title: 'q·k', help: 'Dot product of the token’s query with the key, before the scale' },
      slots,
    };
  }

  const own = layer.tokens - startOf(layer.tokens - 1);
  const mixer: Mixer = {
    ...inner,
    memoryAt,
    kept: () => (memory > 0 ? cached(layer, memory) + cached(given, own) : cached(given, given.tokens)),
  };
  return memory === 0 ? mixer : afterMemory(mixer, memory);
}
