/**
 * A compressed prompt: of the keys before `prompt`, each key-value head keeps the first `sinks`, the last
 * `window` and, up to `budget` in all, those with the most attention from the last `probe` queries of the
 * prompt, averaged over its query heads, summed, and average-pooled with width `pool` (zero padded,
 * divisor `pool`). Rows before `prompt` are dense; later ones see the kept keys and every key from
 * `prompt` on.
 *
 * Li et al. 2024, SnapKV, arXiv 2404.14469, section 4. With an even `pool` the centre is the later one of
 * the two middle places, as pooling with a padding of `pool / 2` has it. Forced keys stay beyond `budget`.
 */

import { blockOutput } from './primitives/blockOutput';
import { columnMass } from './primitives/columnMass';
import { positionRanges } from './primitives/headNodes';
import { cached, cachedByGroup } from './primitives/kept';
import { ranges } from './primitives/keys';
import type { Slot, SlotContents } from './primitives/memory';
import { type Block, type Layer, type Mixer, variant } from './primitives/mixer';
import { integer, MOST_TOKENS, type Params, scale } from './primitives/params';
import { planNode } from './primitives/planNode';
import { softmaxMixer } from './primitives/selection';
import { sharedMixer } from './primitives/shared';
import { topIndices } from './primitives/topIndices';
import { snapkvReference } from './snapkv.reference';

const params = {
  prompt: integer(0, 0, MOST_TOKENS, 'Tokens of the prompt; 0 stands for all but the last `probe` tokens.'),
  budget: integer(1024, 1, MOST_TOKENS, 'Prompt keys kept, sinks and window included.'),
  probe: integer(256, 1, MOST_TOKENS, 'Queries at the end of the prompt whose attention is counted.'),
  pool: integer(21, 1, MOST_TOKENS, 'Tokens over which the counted attention is averaged.'),
  sinks: integer(4, 0, MOST_TOKENS, 'Tokens at the start of the document that are always kept.'),
  window: integer(128, 0, MOST_TOKENS, 'Tokens at the end of the prompt that are always kept.'),
  scale,
};

export type SnapkvParams = Params<typeof params>;

export const snapkv = variant({
  id: 'snapkv',
  title: 'SnapKV',
  summary: 'After the prompt, a token sees only those prompt tokens that the end of the prompt attended to.',
  source: 'arXiv 2404.14469',
  trainingClass: 'TF',
  cost: 'prompt² + budget a later token',
  plan: ['kept', 'evicted'],
  params,
  examples: [
    { params: { prompt: 50, budget: 20, probe: 9, pool: 5, sinks: 2, window: 6 } },
    { params: { prompt: 40, budget: 12, probe: 100, pool: 4, sinks: 0, window: 0 } },
    { params: { budget: 8, probe: 20, pool: 1, sinks: 6, window: 6 } },
    { params: {} },
  ],
  open,
  reference: snapkvReference,
});

/** Tokens of the prompt, within the document. */
export function promptLength(
  { prompt, probe }: Pick<SnapkvParams, 'prompt' | 'probe'>,
  tokens: number,
): number {
  return prompt === 0 ? Math.max(0, tokens - probe) : Math.min(prompt, tokens);
}

async function open(layer: Layer, params: SnapkvParams): Promise<Mixer> {
  const { tokens, q, k } = layer;
  const { scale } = params;
  const heads = q.shape[0]!;
  const groups = k.shape[0]!;
  const prompt = promptLength(params, tokens);
  const chosen = await keptKeys(layer, params, prompt);
  const kept = chosen.map(({ keys }) => keys);
  const groupOf = (head: number) => Math.floor((head * groups) / heads);
  const keptOf = (head: number) => kept[groupOf(head)]!;

  const before = softmaxMixer(layer, {
    causal: true,
    scale,
    keys: ({ end }) => ranges(tokens, [0, end]),
    admits: (i, j) => j <= i,
    structure: () => [],
  });
  const after = sharedMixer(layer, {
    causal: true,
    scale,
    runs: block => [block],
    keysOf(head, { end }) {
      const first = keptOf(head);
      const keys = new Int32Array(first.length + end - prompt);
      keys.set(first);
      for (let at = first.length; at < keys.length; at++) keys[at] = prompt + at - first.length;
      return keys;
    },
    structure: () => [],
  });
  const side = (query: number) => (query < prompt ? before : after);
  const parts = ({ start, end }: Block): Block[] =>
    [
      { start, end: Math.min(end, prompt) },
      { start: Math.max(start, prompt), end },
    ].filter(part => part.start < part.end);

  /** Runs of the prompt's tokens up to the query that share a fate, and what came after the prompt. */
  function memoryAt(head: number, query: number): SlotContents {
    const { scores } = chosen[groupOf(head)]!;
    const isKept = new Uint8Array(prompt);
    for (const key of keptOf(head)) isKept[key] = 1;
    const slots: Slot[] = [];
    const seen = Math.min(prompt, query + 1);
    for (let from = 0; from < seen;) {
      let to = from + 1;
      while (to < seen && isKept[to] === isKept[from]) to += 1;
      slots.push({
        label: 'prompt',
        status: isKept[from] === 1 ? 'kept' : 'evicted',
        since: prompt,
        ranges: Int32Array.of(from, to),
        strength: scores.subarray(from, to).reduce((most, score) => Math.max(most, score), 0),
      });
      from = to;
    }
    if (query >= prompt)
      slots.push({ label: 'after the prompt', status: 'open', ranges: Int32Array.of(prompt, query + 1) });
    return {
      kind: 'slots',
      about: `After the ${prompt} tokens of the prompt, a head keeps only those that the end of the prompt attended to.`,
      strength: {
        title: 'Attention',
        help: 'Attention of the end of the prompt on the tokens, as it decides what is kept: the largest of the run',
      },
      slots,
    };
  }

  return {
    memoryAt: (head, query) => Promise.resolve(memoryAt(head, query)),
    kept() {
      if (prompt === tokens) return cached(layer, tokens);
      return cachedByGroup(layer, (_, group) => kept[group]!.length + tokens - prompt);
    },
    cost: block => parts(block).reduce((sum, part) => sum + side(part.start).cost(part), 0),
    async attend(block) {
      const output = blockOutput(block, heads, layer.v.shape[2]!);
      for (const part of parts(block)) output.put(part, await side(part.start).attend(part));
      return output.result;
    },
    row: (head, query) => side(query).row(head, query),
    async rows(block) {
      const found = await Promise.all(parts(block).map(part => side(part.start).rows(part)));
      return (head, query) => found[block.start < prompt && query >= prompt ? 1 : 0]!(head, query);
    },
    structure: () =>
      kept.flatMap((keys, group) => {
        const held = new Set(keys);
        const evicted = Array.from({ length: prompt }, (_, j) => j).filter(j => !held.has(j));
        return [
          planNode('kept', `key-value head ${group}`, positionRanges(keys)),
          planNode('evicted', `key-value head ${group}`, positionRanges(evicted)),
        ];
      }),
  };
}

interface Kept {
  /** Ascending. */
  readonly keys: Int32Array;
  /** `[prompt]`: pooled attention of the probe on each token. */
  readonly scores: Float32Array;
}

/** What every key-value head keeps. */
async function keptKeys(
  layer: Layer,
  { budget, probe, pool, sinks, window, scale }: SnapkvParams,
  prompt: number,
): Promise<Kept[]> {
  const groups = layer.k.shape[0]!;
  if (prompt === 0) {
    return Array.from({ length: groups }, () => ({ keys: new Int32Array(0), scores: new Float32Array(0) }));
  }
  const perGroup = layer.q.shape[0]! / groups;
  const mass = await columnMass(layer, { start: Math.max(0, prompt - probe), end: prompt }, scale);
  return Array.from({ length: groups }, (_, group) => {
    const before = new Float64Array(prompt + 1);
    for (let j = 0; j < prompt; j++) {
      let sum = 0;
      for (let g = 0; g < perGroup; g++) sum += mass[(group * perGroup + g) * prompt + j]!;
      before[j + 1] = before[j]! + sum / perGroup;
    }
    const isForced = (j: number) => j < sinks || j >= prompt - window;
    const scores = Float32Array.from({ length: prompt }, (_, j) => {
      const from = Math.max(0, j - Math.floor(pool / 2));
      const to = Math.min(prompt, j - Math.floor(pool / 2) + pool);
      return (before[to]! - before[from]!) / pool;
    });
    const ranked = scores.map((score, j) => (isForced(j) ? Infinity : score));
    const forced = ranked.reduce((count, score) => count + (score === Infinity ? 1 : 0), 0);
    return { keys: topIndices(ranked, Math.max(budget, forced)), scores };
  });
}
