/**
 * ProbSparse attention: queries whose scores over a few sampled keys stand out attend densely, the other
 * rows are even: the mean of all values, or with causality the running mean over `j <= i`.
 *
 *   measure_i = max_s s_i - sum_s s_i / N      over factor · ceil(ln N) sampled keys (as published)
 *   measure_i = max_s s_i - mean_s s_i         (the paper's equation)
 *
 * The `factor · ceil(ln N)` queries of largest measure are active. Zhou et al. 2020, Informer,
 * arXiv 2012.07436, equation 4 and algorithm 1. The sample does not look at causality.
 */

import { SINK_TOKENS, SPAN_MASS } from '../../protocol/inspection';
import { Problem } from '../../protocol/problem';
import { floats } from '../onnx/tensor';
import { codeSums } from './primitives/codeSums';
import { headNodes } from './primitives/headNodes';
import { cached } from './primitives/kept';
import { keyIndex, ranges } from './primitives/keys';
import { ofHead } from './primitives/latent';
import {
  type Block,
  type Layer,
  type Mixer,
  type ReferenceInputs,
  scaleOf,
  type Tensors,
  variant,
} from './primitives/mixer';
import { ownTensor } from './primitives/ownTensor';
import { causal, choice, integer, type Params, scale } from './primitives/params';
import { sampledScores } from './primitives/sampledScores';
import { seed, seeded } from './primitives/seeded';
import { softmaxMixer, softmaxReference } from './primitives/selection';
import { softmaxAttend, type SoftmaxResult } from './primitives/softmaxRows';
import { topIndices } from './primitives/topIndices';

const params = {
  factor: integer(5, 1, 4096, 'Active queries, and sampled keys, for every ceil(ln N).'),
  measure: choice('sum-over-n', ['sum-over-n', 'mean'], 'What is taken from the largest sampled score.'),
  seed,
  causal,
  scale,
};

type ProbSparseParams = Params<typeof params>;

export const probsparse = variant({
  id: 'probsparse',
  title: 'ProbSparse',
  summary: 'A few queries see every earlier token; the others take the mean of all of them.',
  source: 'arXiv 2012.07436',
  trainingClass: 'TF',
  cost: 'N·log N',
  plan: ['queries'],
  params,
  tensors: {
    samples: {
      shape: '[N, U]',
      origin: 'random',
      standIn: 'keys sampled for every query, drawn from `seed`',
    },
  },
  examples: [
    { params: { factor: 2, seed: 1 } },
    { params: { factor: 3, measure: 'mean' } },
    { params: { factor: 2, causal: false } },
    {
      params: { factor: 2 },
      tensors: ({ tokens }) => ({
        samples: floats(
          [tokens, 9],
          Float32Array.from({ length: tokens * 9 }, (_, at) => (at * 37) % tokens),
        ),
      }),
    },
    { params: { factor: 100 } },
  ],
  open,
  reference: probsparseReference,
});

async function open(layer: Layer, params: ProbSparseParams): Promise<Mixer> {
  const { q, k, v, tokens, executor } = layer;
  const { causal } = params;
  const [heads, stride, width] = q.shape as [number, number, number];
  const [groups, , valueWidth] = v.shape as [number, number, number];
  const group = (head: number) => Math.floor((head * groups) / heads);
  const count = activeCount(params.factor, tokens);
  const samples = samplesOf(layer.tensors, tokens, params);
  const divisor = params.measure === 'mean' ? samples[0]!.length / tokens : tokens;
  const shared = samples.length === 1;
  const scored = shared ? await sampledScores(executor, q, k, samples[0]!, tokens) : undefined;
  const active: Int32Array[] = [];
  for (let head = 0; head < heads; head++) {
    const { largest, sum } =
      scored ??
      (await sampledScores(executor, ofHead(q, head), ofHead(k, group(head)), samples[head]!, tokens));
    const from = shared ? head * tokens : 0;
    const measures = Float32Array.from(
      { length: tokens },
      (_, i) => largest[from + i]! - sum[from + i]! / divisor,
    );
    active.push(topIndices(measures, count));
  }
  const isActive = active.map(queries => {
    const flags = new Uint8Array(tokens);
    for (const i of queries) flags[i] = 1;
    return flags;
  });
  // One label for all tokens: their sums are the running sums of the values.
  const sums = codeSums(layer, Array<Int32Array>(heads).fill(new Int32Array(tokens)), 1);

  /** Rows of a head's active queries, all at once. */
  const attended: Promise<SoftmaxResult>[] = [];
  function attendActive(head: number): Promise<SoftmaxResult> {
    const queries = active[head]!;
    const rows = floats([1, 1, queries.length, width]);
    queries.forEach((i, b) => {
      const from = (head * stride + i) * width;
      rows.data.set(q.data.subarray(from, from + width), b * width);
    });
    attended[head] ??= softmaxAttend({
      executor,
      q: rows,
      k: ofHead(k, group(head)),
      v: ofHead(v, group(head)),
      scale: scaleOf(params.scale, width),
      causal,
      queries: Float32Array.from(queries),
      keys: keyIndex([0, tokens]),
      position: layer.position && { term: layer.position, heads: [head] },
    });
    return attended[head];
  }

  const whole = softmaxMixer(layer, {
    causal,
    scale: params.scale,
    keys: block => ranges(tokens, [0, causal ? block.end : tokens]),
    admits: (i, j) => !causal || j <= i,
    structure: () => [],
  });

  return {
    cost: ({ start, end }) => (end - start) * (1 + count),
    // With the sum of the values, for queries that take their mean.
    kept: () => cached(layer, tokens) + groups * valueWidth,

    async attend({ start, end }: Block) {
      const length = end - start;
      const y = new Float32Array(heads * length * valueWidth);
      const zeros = () => new Float32Array(heads * length);
      const stats = { entropy: zeros(), span: zeros(), sink: zeros(), peak: zeros() };
      for (let head = 0; head < heads; head++) {
        const found = await attendActive(head);
        const before = causal ? start : tokens;
        const running = Float64Array.from(sums.means(head, before), mean => mean * before);
        for (let b = 0; b < length; b++) {
          const i = start + b;
          const at = head * length + b;
          const seen = causal ? i + 1 : tokens;
          const from = (group(head) * stride + i) * valueWidth;
          for (let e = 0; causal && e < valueWidth; e++) running[e]! += v.data[from + e]!;
          if (isActive[head]![i] === 1) {
            const row = active[head]!.indexOf(i);
            y.set(found.y.subarray(row * valueWidth, (row + 1) * valueWidth), at * valueWidth);
            for (const name of ['entropy', 'span', 'sink', 'peak'] as const)
              stats[name][at] = found.stats[name][row]!;
            continue;
          }
          for (let e = 0; e < valueWidth; e++) y[at * valueWidth + e] = running[e]! / seen;
          stats.entropy[at] = Math.log(seen);
          stats.peak[at] = 1 / seen;
          stats.sink[at] = Math.min(SINK_TOKENS, seen) / seen;
          stats.span[at] = evenSpan(i, seen, causal);
        }
      }
      return { y, stats };
    },

    async row(head, query) {
      if (isActive[head]![query] === 1) return whole.row(head, query);
      const seen = causal ? query + 1 : tokens;
      return {
        keys: Int32Array.from({ length: seen }, (_, j) => j),
        weights: new Float32Array(seen).fill(1 / seen),
      };
    },

    structure: () =>
      headNodes(heads, tokens, 'queries', head => [
        { label: `${active[head]!.length} active queries`, tokens: active[head]! },
        {
          label: `${tokens - active[head]!.length} lazy queries`,
          tokens: Int32Array.from({ length: tokens }, (_, i) => i).filter(i => isActive[head]![i] === 0),
        },
      ]),
  };
}

function activeCount(factor: number, tokens: number): number {
  return Math.min(tokens, factor * Math.max(1, Math.ceil(Math.log(tokens))));
}

/** `[N, U]` for all heads, or for each; the tensor may also be `[U]`, the same for every query. */
function samplesOf(tensors: Tensors, tokens: number, { factor, seed }: ProbSparseParams): Int32Array[] {
  const given = ownTensor(tensors, 'samples', [tokens, 'U'], ['H', tokens, 'U'], ['U']);
  if (given === undefined) {
    const { below } = seeded(seed);
    return [Int32Array.from({ length: tokens * activeCount(factor, tokens) }, () => below(tokens))];
  }
  const wrong = given.data.find(at => !(Number.isInteger(at) && at >= 0 && at < tokens));
  if (wrong === undefined) {
    const numbers = Int32Array.from(given.data);
    const each = given.shape.at(-1)!;
    if (given.shape.length === 1)
      return [Int32Array.from({ length: tokens * each }, (_, at) => numbers[at % each]!)];
    const size = tokens * each;
    return Array.from({ length: numbers.length / size }, (_, h) =>
      numbers.subarray(h * size, (h + 1) * size),
    );
  }
  throw new Problem(
    `The tensor 'samples' holds positions of keys, 0 to ${tokens - 1}, but there is ${wrong} in it.`,
  );
}

/** Tokens of the window that holds a span's share of an even row over `seen` tokens. */
function evenSpan(i: number, seen: number, causal: boolean): number {
  const needed = Math.ceil(SPAN_MASS * seen - 1e-6);
  if (causal) return needed;
  const nearer = Math.min(i, seen - 1 - i);
  return needed <= 2 * nearer + 1 ? Math.ceil((needed - 1) / 2) + 1 : needed - nearer;
}

function probsparseReference(inputs: ReferenceInputs, params: ProbSparseParams): Float64Array {
  const { heads, tokens, score, tensors } = inputs;
  const samples = samplesOf(tensors, tokens, params);
  const many = samples[0]!.length / tokens;
  const m = softmaxReference(inputs, (i, j) => !params.causal || j <= i);
  for (let h = 0; h < heads; h++) {
    const measures = Array.from({ length: tokens }, (_, i) => {
      const own = samples[h % samples.length]!;
      const scores = Array.from(own.subarray(i * many, (i + 1) * many), j => score(h, i, j));
      const sum = scores.reduce((total, s) => total + s, 0);
      return Math.max(...scores) - sum / (params.measure === 'mean' ? many : tokens);
    });
    const order = measures.map((_, i) => i).sort((a, b) => measures[b]! - measures[a]! || a - b);
    const wanted = params.factor * Math.max(1, Math.ceil(Math.log(tokens)));
    for (const i of order.slice(wanted)) {
      const seen = params.causal ? i + 1 : tokens;
      for (let j = 0; j < seen; j++) m[(h * tokens + i) * tokens + j] = 1 / seen;
    }
  }
  return m;
}
