/**
 * Attention as a recurrence: a prefix scan over `(m, u, w)`, the running maximum of the scores, the sum of
 * their powers and the weighted sum of the values, so that `y_i = w_i / u_i` is a softmax over `j <= i`. The
 * scores are `query_h . k_j * scale` with one learned query a head; without it `q_i` is the query, and the
 * rows are dense ones.
 *
 * Feng et al. 2024, arXiv 2405.13956, section 3.2. Its state enters a chunk as one more key, with the score
 * `m + log u` and the value `w / u`.
 */

import { floats, type FloatTensor } from '../onnx/tensor';
import { dense } from './dense';
import { blockOutput } from './primitives/blockOutput';
import { joined } from './primitives/joined';
import { type Block, type Layer, type Mixer, paddedLength, scaleOf, variant } from './primitives/mixer';
import { headTensor } from './primitives/ownTensor';
import { type Params, scale } from './primitives/params';
import { planNode } from './primitives/planNode';
import { type Piece, pooledRowStats } from './primitives/pooledRow';
import { repeatHeads } from './primitives/segments';
import { softmaxReference } from './primitives/selection';
import { runsOf } from './primitives/shared';
import { sharedAttend } from './primitives/sharedLists';
import { asColumns, eachScores } from './primitives/tokenScores';

const params = { scale };

export const aaren = variant({
  id: 'aaren',
  title: 'Aaren',
  summary: 'Softmax attention run as a recurrence: a state of fixed size holds all earlier tokens.',
  source: 'arXiv 2405.13956',
  trainingClass: 'TF',
  cost: 'N with a learned query, else N²',
  plan: ['state'],
  params,
  tensors: {
    query: {
      shape: '[H, D]',
      origin: 'set',
      standIn: 'every token asks with its own query, which makes the rows dense',
    },
  },
  prefixStable: () => true,
  examples: [
    { params: {} },
    {
      params: { scale: 0.4 },
      tensors: ({ heads, width, normal }) => ({
        query: floats(
          [heads, width],
          Float32Array.from({ length: heads * width }, () => normal()),
        ),
      }),
    },
  ],

  open(layer, params) {
    const [heads, , width] = layer.q.shape as [number, number, number];
    const query = headTensor(layer.tensors, 'query', heads, [width]);
    return query === undefined ? dense.open(layer, params) : scanned(layer, query, params);
  },

  reference(inputs) {
    const { tensors, tokens, width, k, scale, score } = inputs;
    const query = tensors['query']?.data;
    const learned = (h: number, _: number, j: number) => {
      let sum = 0;
      for (let d = 0; d < width; d++) sum += query![h * width + d]! * k[(h * tokens + j) * width + d]!;
      return sum * scale;
    };
    return softmaxReference({ ...inputs, score: query ? learned : score }, (i, j) => j <= i);
  },
});

/** Tokens between kept states. */
const CHUNK = 64;

async function scanned(layer: Layer, query: FloatTensor, given: Params<typeof params>): Promise<Mixer> {
  const { executor, tokens, k, v } = layer;
  const [heads, width] = query.shape as [number, number];
  const factor = scaleOf(given.scale, width);
  const valueWidth = v.shape[2]!;
  const logs = await prefixLogs(layer, query, factor);
  const chunks = Math.ceil(tokens / CHUNK);

  // A last column takes the score of a state, which no key of its own gives: queries hold 1 there.
  const first = paddedLength(chunks);
  const states = floats([heads, first, width + 1]);
  for (let head = 0; head < heads; head++) {
    for (let c = 1; c < chunks; c++)
      states.data[(head * first + c) * (width + 1) + width] =
        logs.sum[head * tokens + c * CHUNK - 1]! / factor;
  }
  const keys = joined(states, widened(repeatHeads(k, heads), 0));
  const values = joined(floats([heads, first, valueWidth]), repeatHeads(v, heads));
  const wide = widened(floats([heads, 1, width], query.data), 1);

  function attendRun({ start, end }: Block) {
    const chunk = Math.floor(start / CHUNK);
    const list = Array.from({ length: end - chunk * CHUNK }, (_, at) => first + chunk * CHUNK + at);
    if (chunk > 0) list.unshift(chunk);
    const length = end - start;
    const q = floats([heads, length, width + 1]);
    for (let row = 0; row < heads * length; row++) {
      const from = Math.floor(row / length) * (width + 1);
      q.data.set(wide.data.subarray(from, from + width + 1), row * (width + 1));
    }
    return sharedAttend(
      {
        executor,
        q,
        k: keys,
        v: values,
        scale: factor,
        causal: true,
        queries: Float32Array.from({ length }, (_, b) => start + b),
        lists: Array.from({ length: heads }, () => list),
        positionOf: entry => (entry < first ? 0 : entry - first),
      },
      true,
    );
  }

  for (let c = 1; c < chunks; c++) {
    const { y } = await attendRun({ start: c * CHUNK - 1, end: c * CHUNK });
    for (let head = 0; head < heads; head++) {
      const to = (head * values.shape[1]! + c) * valueWidth;
      values.data.set(y.subarray(head * valueWidth, (head + 1) * valueWidth), to);
    }
  }

  /** A row is its state's tokens, and the tokens of its chunk. */
  function pieces(head: number, i: number, weights: Float32Array): Piece[] {
    const start = Math.floor(i / CHUNK) * CHUNK;
    const at = head * tokens + start - 1;
    const near = Array.from({ length: i - start + 1 }, (_, t): Piece => {
      const mass = weights[start > 0 ? t + 1 : t]!;
      return { start: start + t, end: start + t + 1, mass, entropy: 0, peak: 1 };
    });
    if (start === 0) return near;
    const before = (j: number) => (j === 0 ? 0 : Math.exp(logs.sum[head * tokens + j - 1]! - logs.sum[at]!));
    const peak = Math.exp(logs.largest[at]! - logs.sum[at]!);
    return [{ start: 0, end: start, mass: weights[0]!, entropy: logs.entropy[at]!, peak, before }, ...near];
  }

  return {
    cost: ({ start, end }) => (end - start) * CHUNK,
    kept: () => heads * (valueWidth + 2),
    async attend(block) {
      const output = blockOutput(block, heads, valueWidth);
      for (const run of runsOf(CHUNK, block)) {
        const { y, weights, length } = await attendRun(run);
        const count = run.end - run.start;
        const stats = pooledRowStats(heads * count, row => {
          const position = run.start + (row % count);
          const entries = weights.subarray(row * length, (row + 1) * length);
          return { query: position, pieces: pieces(Math.floor(row / count), position, entries) };
        });
        output.put(run, { y, stats });
      }
      return output.result;
    },

    async row(head, i) {
      const list = Int32Array.from({ length: i + 1 }, (_, j) => first + j);
      const one = (x: FloatTensor) => {
        const [, stride, size] = x.shape as [number, number, number];
        const from = head * stride * size;
        return floats([1, stride, size], x.data.subarray(from, from + stride * size));
      };
      const { weights } = await sharedAttend(
        {
          executor,
          q: one(wide),
          k: one(keys),
          v: one(values),
          scale: factor,
          causal: true,
          queries: Float32Array.of(i),
          lists: [list],
          positionOf: entry => entry - first,
        },
        true,
      );
      return { keys: list.map(entry => entry - first), weights: weights.slice(0, i + 1) };
    },

    structure: i =>
      i === undefined
        ? []
        : Array.from({ length: heads }, (_, head) => {
            const at = head * tokens + i;
            const m = logs.largest[at]!;
            const label = `head ${head}: m = ${m.toPrecision(4)}, u = ${Math.exp(logs.sum[at]! - m).toPrecision(4)}`;
            return planNode('state', label, [0, i + 1]);
          }),
  };
}

/** The scan without its values, `[H, N]`: `m`, `m + log u`, and the entropy of the row, in nats. */
async function prefixLogs({ executor, tokens, k }: Layer, query: FloatTensor, factor: number) {
  const [heads, width] = query.shape as [number, number];
  const [groups, stride] = k.shape as [number, number];
  const zeros = () => new Float64Array(heads * tokens);
  const logs = { largest: zeros(), sum: zeros(), entropy: zeros() };
  for (let head = 0; head < heads; head++) {
    const from = Math.floor((head * groups) / heads) * stride * width;
    const x = k.data.subarray(from, from + stride * width);
    const columns = asColumns(query.data.slice(head * width, (head + 1) * width), width);
    let [m, u, weighted] = [-Infinity, 0, 0];
    await eachScores(executor, { x, tokens, columns, width }, (start, count, scores) => {
      for (let t = 0; t < count; t++) {
        const s = scores[t]! * factor;
        const next = Math.max(m, s);
        const shrink = Math.exp(m - next);
        const power = Math.exp(s - next);
        u = u * shrink + power;
        weighted = weighted * shrink + power * s;
        m = next;
        const at = head * tokens + start + t;
        logs.largest[at] = m;
        logs.sum[at] = m + Math.log(u);
        logs.entropy[at] = Math.max(0, logs.sum[at] - weighted / u);
      }
    });
  }
  return logs;
}

/** One more column, of `value`. */
function widened(x: FloatTensor, value: number): FloatTensor {
  const [streams, rows, width] = x.shape as [number, number, number];
  const wider = floats([streams, rows, width + 1]);
  for (let row = 0; row < streams * rows; row++) {
    wider.data.set(x.data.subarray(row * width, (row + 1) * width), row * (width + 1));
    wider.data[row * (width + 1) + width] = value;
  }
  return wider;
}
