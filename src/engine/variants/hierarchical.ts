/**
 * Levels token < word < sentence < paragraph: units of a level attend inside their parent by pooled queries
 * and keys. With `A` the attention of level `l`, `c(i)` the unit of a token and `w` the pool weights,
 *
 *   M_ij = sum_l level_weight_l · A_l[c(i), c(j)] · w_l[j]
 *
 * In the causal form units above the token see strictly earlier units, so that no later token is pooled in;
 * a unit that has none adds nothing at its level, and rows may sum to less than 1. Without causality a unit
 * sees itself too. Without a text the levels are of `branch`, `branch²`, `branch³` tokens.
 */

import { Problem } from '../../protocol/problem';
import { hierarchicalReference } from './hierarchical.reference';
import { floats } from '../onnx/tensor';
import { cached } from './primitives/kept';
import { keyIndex, ranges } from './primitives/keys';
import {
  type Block,
  type Layer,
  type Mixer,
  type PlanNode,
  scaleOf,
  takeRows,
  variant,
} from './primitives/mixer';
import { ownTensor } from './primitives/ownTensor';
import { boolean, causal, choice, integer, type Params, scale } from './primitives/params';
import { meanPooling, SAME_SEGMENT, softmaxPooling } from './primitives/poolWeights';
import { meanPool, repeatHeads, type Segments, segmentsOf } from './primitives/segments';
import { softmaxMixer } from './primitives/selection';
import { type Rule, softmaxAttend } from './primitives/softmaxRows';

const params = {
  levels: integer(4, 1, 4, 'Levels, counted from the token up.'),
  text: boolean(true, 'Levels are words, sentences and paragraphs, where there is a text.'),
  branch: integer(8, 2, 4096, 'Units in a parent, where levels are not those of a text.'),
  pool: choice(
    'mean',
    ['mean', 'softmax', 'attention'],
    'How a unit is summarised: evenly, or by its mean query (under either name).',
  ),
  causal,
  scale,
};

export type HierarchicalParams = Params<typeof params>;

export const hierarchical = variant({
  id: 'hierarchical',
  title: 'Hierarchy',
  summary: 'Tokens attend inside words, words inside sentences, sentences inside paragraphs.',
  source: 'sum over levels of pooled attention',
  trainingClass: 'TF',
  cost: '~N·b',
  plan: ['levels'],
  distribution: false,
  params,
  tensors: {
    level_weights: { shape: '[levels]', origin: 'set', standIn: 'every level weighs the same' },
  },
  examples: [
    { params: { text: false, branch: 4 } },
    { params: { text: false, branch: 3, pool: 'softmax', causal: false } },
    {
      params: { levels: 3, pool: 'softmax' },
      tensors: () => ({ level_weights: floats([3], Float32Array.of(0.5, 0.3, 0.2)) }),
    },
    { params: { levels: 1 } },
  ],
  open,
  reference: hierarchicalReference,
});

const KINDS = ['token', 'word', 'sentence', 'paragraph'] as const;

const EARLIER: Rule = {
  key: 'earlier-sibling',
  admits: (g, { i, j, label }) => g.and(g.less(j, i), g.equal(label('parent').i, label('parent').j)),
};
const SIBLING: Rule = {
  key: 'sibling',
  admits: (g, { label }) => g.equal(label('parent').i, label('parent').j),
};

async function open(layer: Layer, params: HierarchicalParams): Promise<Mixer> {
  const { executor, tokens, q, k, v } = layer;
  const { levels, pool, causal } = params;
  const [heads, , width] = q.shape as [number, number, number];
  const [groups, , valueWidth] = v.shape as [number, number, number];
  const factor = scaleOf(params.scale, width);
  const given = ownTensor(layer.tensors, 'level_weights', [levels]);
  const shares = given ? Array.from(given.data) : Array.from({ length: levels }, () => 1 / levels);
  if (shares.some(share => !Number.isFinite(share))) {
    throw new Problem("The tensor 'level_weights' of 'hierarchical' holds a number that is not finite.");
  }
  const tree = treeOf(layer, params);

  const upper = await Promise.all(
    tree.map(async (segments, at) => {
      const queries = meanPool(q, segments);
      const { weights, summaries } =
        pool === 'mean'
          ? meanPooling(layer, segments)
          : await softmaxPooling(layer, segments, queries, factor);
      const above = tree[at + 1];
      const parent = Float32Array.from(
        { length: segments.count },
        (_, c) => above?.of[segments.starts[c]!] ?? 0,
      );
      return {
        segments,
        queries,
        weights,
        summaries,
        parent,
        keys: repeatHeads(meanPool(k, segments), heads),
      };
    }),
  );

  const words = tree[0];
  const near = softmaxMixer(layer, {
    causal,
    scale: params.scale,
    ...(words && { rule: SAME_SEGMENT, labels: { segment: words.of } }),
    keys({ start, end }) {
      const from = words ? words.starts[words.of[start]!]! : 0;
      const to = words ? words.starts[words.of[end - 1]! + 1]! : tokens;
      return ranges(tokens, [from, causal ? end : to]);
    },
    admits: (i, j) => (!words || words.of[i] === words.of[j]) && (!causal || j <= i),
    structure: () => [],
  });

  /** Attention of the units that hold a block's tokens, over their siblings. */
  async function attendLevel(at: number, { start, end }: Block) {
    const { segments, queries, keys, summaries, parent } = upper[at]!;
    const [first, last] = [segments.of[start]!, segments.of[end - 1]!];
    const rows = Array.from({ length: last - first + 1 }, (_, c) => first + c);
    let from = first;
    while (from > 0 && parent[from - 1] === parent[first]) from -= 1;
    let to = last + 1;
    while (!causal && to < segments.count && parent[to] === parent[last]) to += 1;
    const index = keyIndex([from, to]);
    const result = await softmaxAttend(
      {
        executor,
        q: floats([heads, 1, rows.length, width], takeRows(queries, rows).data),
        k: keys,
        v: summaries,
        scale: factor,
        causal,
        queries: Float32Array.from(rows),
        keys: index,
        rule: causal ? EARLIER : SIBLING,
        labels: {
          parent: {
            queries: Float32Array.from(rows, c => parent[c]!),
            keys: Float32Array.from(index.rows, c => parent[c]!),
          },
        },
        mayBeEmpty: true,
      },
      true,
    );
    return { ...result, first, count: rows.length, from, to, stride: index.rows.length };
  }

  function kept(): number {
    const last = tokens - 1;
    const summary = groups * width + (pool === 'mean' ? groups : heads) * valueWidth;
    if (!causal)
      return upper.reduce((sum, { segments }) => sum + segments.count * summary, cached(layer, tokens));
    // A unit that is weighed by its mean query is summarised from its tokens, once it is whole.
    const held = pool === 'mean' ? words : tree.at(-1);
    let numbers = cached(layer, tokens - (held === undefined ? 0 : held.starts[held.of[last]!]!));
    for (const [at, { segments, parent }] of upper.entries()) {
      const own = segments.of[last]!;
      const siblings = parent.subarray(0, own).filter(unit => unit === parent[own]).length;
      const running = pool === 'mean' && at > 0 ? summary : 0;
      numbers += siblings * summary + running + heads * width;
    }
    return numbers;
  }

  return {
    cost: block => near.cost(block) + (block.end - block.start) * levels,
    kept,

    async attend(block) {
      const length = block.end - block.start;
      const { y: local } = await near.attend(block);
      const y = local.map(value => shares[0]! * value);
      for (let at = 0; at < upper.length; at++) {
        const far = await attendLevel(at, block);
        for (let row = 0; row < heads * length; row++) {
          const unit = upper[at]!.segments.of[block.start + (row % length)]! - far.first;
          const from = (Math.floor(row / length) * far.count + unit) * valueWidth;
          for (let e = 0; e < valueWidth; e++) y[row * valueWidth + e]! += shares[at + 1]! * far.y[from + e]!;
        }
      }
      return { y, stats: undefined };
    },

    async row(head, query) {
      const local = await near.row(head, query);
      const m = new Float32Array(causal ? query + 1 : tokens);
      local.keys.forEach((key, at) => (m[key] = shares[0]! * local.weights[at]!));
      for (let at = 0; at < upper.length; at++) {
        const { segments, weights } = upper[at]!;
        const far = await attendLevel(at, { start: query, end: query + 1 });
        for (let c = far.from; c < far.to; c++) {
          const mass = shares[at + 1]! * far.weights[head * far.stride + c - far.from]!;
          if (mass === 0) continue;
          for (let j = segments.starts[c]!; j < segments.starts[c + 1]!; j++)
            m[j]! += mass * weights.weight(head, j);
        }
      }
      const keys = Int32Array.from(m, (_, j) => j).filter(j => m[j] !== 0);
      return { keys, weights: Float32Array.from(keys, j => m[j]!) };
    },

    structure: () => treeNodes(tree),
  };
}

/** Units of every level above the token, smallest first; each lies inside one of the next level. */
function treeOf({ tokens, units }: Layer, { levels, text, branch }: HierarchicalParams): Segments[] {
  const labels = KINDS.slice(1, levels).map((kind, at) =>
    text && units
      ? units(kind as 'word')
      : Int32Array.from({ length: tokens }, (_, i) => Math.floor(i / branch ** (at + 1))),
  );
  return labels.map((_, at) => {
    const nested = new Int32Array(tokens);
    for (let i = 1; i < tokens; i++) {
      const starts = labels.slice(at).some(of => of[i] !== of[i - 1]);
      nested[i] = nested[i - 1]! + (starts ? 1 : 0);
    }
    return segmentsOf('word', tokens, () => nested);
  });
}

function treeNodes(tree: readonly Segments[]): PlanNode[] {
  const nodes: PlanNode[] = [];
  let offset = -1;
  for (let at = tree.length - 1; at >= 0; at--) {
    const { count, starts } = tree[at]!;
    const own = nodes.length;
    for (let c = 0; c < count; c++) {
      const parent = offset < 0 ? -1 : offset + tree[at + 1]!.of[starts[c]!]!;
      const kind = KINDS[at + 1]!;
      nodes.push({ parent, kind, label: `${kind} ${c + 1}`, ranges: starts.slice(c, c + 2) });
    }
    offset = own;
  }
  return nodes;
}
