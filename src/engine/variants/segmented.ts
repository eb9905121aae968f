/**
 * Softmax inside each segment, mixed with attention between segments: summaries
 * `s_c = sum_j w_j v_j`, and `A` over the pooled queries and keys of the earlier segments.
 *
 *   M_ij = (1 - gate) P_ij               for j in i's own segment
 *   M_ij = gate · A_{c(i) c(j)} · w_j     for j in another
 *
 * `A` has no row for the first segment, whose rows therefore sum to `1 - gate`. The pooled query of a
 * segment is the mean over all its tokens, later ones included.
 */

import { SPAN_MASS } from '../../protocol/inspection';
import { floats } from '../onnx/tensor';
import { cached } from './primitives/kept';
import { keyIndex, ranges } from './primitives/keys';
import {
  type Block,
  type Layer,
  type Mixer,
  type MixerRow,
  scaleOf,
  takeRows,
  variant,
} from './primitives/mixer';
import { causal, choice, number, type Params, scale, size } from './primitives/params';
import { meanPooling, SAME_SEGMENT, softmaxPooling } from './primitives/poolWeights';
import { mixtureStats, type SegmentAttention } from './primitives/segmentMixture';
import { meanPool, repeatHeads, segmentNodes, segmentsOf } from './primitives/segments';
import { softmaxMixer } from './primitives/selection';
import { segmentSlots } from './primitives/slots';
import { type Rule, softmaxAttend } from './primitives/softmaxRows';
import { segmentedReference } from './segmented.reference';

const params = {
  segment: size(128, ['sentence', 'paragraph'], 'Tokens a segment, or the unit of text that makes one.'),
  pool: choice(
    'mean',
    ['mean', 'softmax', 'attention'],
    'How a segment is summarised: evenly, or by its mean query (under either name).',
  ),
  gate: number(0.5, 0, 1, 'Share of the output that comes from other segments.'),
  causal,
  scale,
};

export type SegmentedParams = Params<typeof params>;

export const segmented = variant({
  id: 'segmented',
  title: 'Segments',
  summary: 'A token sees its own segment, and earlier segments through one summary each.',
  source: 'local softmax with inter-segment summaries',
  trainingClass: 'TF',
  cost: 'N·b + (N/b)²',
  plan: ['segments'],
  distribution: false,
  params,
  examples: [
    { params: { segment: 16 } },
    { params: { segment: 10, pool: 'softmax', gate: 0.3 } },
    { params: { segment: 21, gate: 0.05 } },
    { params: { segment: 16, causal: false } },
    { params: { segment: 'paragraph', pool: 'softmax' } },
    { params: { segment: 1000 } },
  ],
  open,
  reference: segmentedReference,
});

const EARLIER: Rule = { key: 'earlier', admits: (g, { i, j }) => g.less(j, i) };
const OTHER: Rule = { key: 'other', admits: (g, { i, j }) => g.less(0, g.unary('Abs', g.sub(i, j))) };

async function open(
  layer: Layer,
  { segment, pool, gate, causal, scale: given }: SegmentedParams,
): Promise<Mixer> {
  const { executor, tokens, q, v } = layer;
  const [heads, , width] = q.shape as [number, number, number];
  const [groups, , valueWidth] = v.shape as [number, number, number];
  const factor = scaleOf(given, width);
  const segments = segmentsOf(segment, tokens, layer.units);
  const { starts, of, count } = segments;
  const pooledQueries = meanPool(q, segments);
  const pooledKeys = repeatHeads(meanPool(layer.k, segments), heads);
  const { weights, summaries } =
    pool === 'mean'
      ? meanPooling(layer, segments)
      : await softmaxPooling(layer, segments, pooledQueries, factor);

  const own = (share: (query: number) => number) =>
    softmaxMixer(layer, {
      causal,
      scale: given,
      rule: SAME_SEGMENT,
      labels: { segment: of },
      spanMass: share,
      keys: ({ start, end }) =>
        ranges(tokens, [starts[of[start]!]!, causal ? end : starts[of[end - 1]! + 1]!]),
      admits: (i, j) => of[i] === of[j] && (!causal || j <= i),
      structure: () => segmentNodes(segments, typeof segment === 'number' ? 'segment' : segment),
    });

  /** Attention of segments `first … last` over the others. */
  async function between(first: number, last: number): Promise<SegmentAttention> {
    const rows = Array.from({ length: last - first + 1 }, (_, c) => first + c);
    const keys = keyIndex([0, causal ? last + 1 : count]);
    const {
      y,
      stats,
      weights: attention,
    } = await softmaxAttend(
      {
        executor,
        q: floats([heads, 1, rows.length, width], takeRows(pooledQueries, rows).data),
        k: pooledKeys,
        v: summaries,
        scale: factor,
        causal,
        queries: Float32Array.from(rows),
        keys,
        rule: causal ? EARLIER : OTHER,
        mayBeEmpty: true,
      },
      true,
    );
    return { first, last, y, entropy: stats.entropy, attention, stride: keys.rows.length };
  }

  const isAlone = (query: number) => (causal ? of[query] === 0 : count === 1);
  const inside = own(query =>
    isAlone(query) ? SPAN_MASS : Math.min(1, SPAN_MASS / Math.max(1 - gate, 1e-9)),
  );

  async function row(head: number, query: number): Promise<MixerRow> {
    const near = await inside.row(head, query);
    const segment = of[query]!;
    const { attention, stride } = await between(segment, segment);
    const m = new Float32Array(causal ? query + 1 : tokens);
    for (let j = 0; j < m.length; j++) {
      if (of[j] !== segment) m[j] = gate * attention[head * stride + of[j]!]! * weights.weight(head, j);
    }
    near.keys.forEach((key, at) => (m[key] = (1 - gate) * near.weights[at]!));
    return { keys: Int32Array.from(m, (_, j) => j), weights: m };
  }

  return {
    cost: block => inside.cost(block) + (heads * count) / 8,
    structure: query => inside.structure(query),

    kept() {
      const last = of[tokens - 1]!;
      const summary = groups * width + (pool === 'mean' ? groups : heads) * valueWidth;
      if (!causal) return cached(layer, tokens) + count * summary;
      // The own segment, one summary for each before it, and the mean query so far.
      return cached(layer, tokens - starts[last]!) + last * summary + heads * width;
    },

    ...(causal && {
      memoryAt: (_, query) =>
        Promise.resolve({
          kind: 'slots',
          about:
            'Each earlier segment is one summary, which the token reads by its own segment’s pooled query.',
          slots: segmentSlots(segments, query, { name: typeof segment === 'number' ? 'segment' : segment }),
        }),
    }),

    async attend(block: Block) {
      const local = await inside.attend(block);
      const far = await between(of[block.start]!, of[block.end - 1]!);
      const length = block.end - block.start;
      const y = local.y.map((value, at) => {
        const row = Math.floor(at / valueWidth);
        const head = Math.floor(row / length);
        const segmentRow = head * (far.last - far.first + 1) + of[block.start + (row % length)]! - far.first;
        return (1 - gate) * value + gate * far.y[segmentRow * valueWidth + (at % valueWidth)]!;
      });
      // Windows to both sides cut through the own segment: its rows are read whole, and it alone.
      const near = causal ? undefined : await inside.rows(block);
      const parts = { block, heads, gate, causal, segments, weights, far, local: local.stats, near };
      return { y, stats: mixtureStats(parts) };
    },

    row,
  };
}
