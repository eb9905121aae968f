/**
 * The selective scan of Mamba: for every channel `c` of the values `u`, with a state of `S` numbers,
 *
 *   h_t = exp(Δ_tc A_c) h_{t-1} + Δ_tc B_t u_tc,   y_tc = C_t · h_t
 *
 * Gu and Dao 2023, arXiv 2312.00752, algorithm 2. Its hidden attention (Ali et al. 2024, arXiv 2403.01590) weighs
 * key `j` by `C_i exp(A_c (sum of Δ_c over j < t <= i)) B_j Δ_jc` in channel `c`. A head of several channels shows the
 * mean of their magnitudes, or the signed weights of one channel.
 *
 * Queries are `C`, keys `B`. `delta` is the tensor `[H, N, E]`, or `[H, N]` where a head's channels are alike, and `A`
 * `[H, E, S]` or `[H, S]`. Without them every step is `step` long and row `s` of a state fades at the rate `s + 1`. A
 * tensor `D` `[H, E]` adds `D u_i` to the outputs and is no part of the rows.
 */

import { floats, type FloatTensor } from '../onnx/tensor';
import { Problem } from '../../protocol/problem';
import { mambaInputs } from './mamba.inputs';
import { mambaReference } from './mamba.reference';
import { hiddenRow } from './primitives/hiddenRow';
import { type ExampleSizes, type Layer, type Mixer, variant } from './primitives/mixer';
import { headTensor } from './primitives/ownTensor';
import { integer, number, type Params } from './primitives/params';
import { planNode } from './primitives/planNode';
import { drawn } from './primitives/seeded';
import { selectiveScan } from './primitives/selectiveScan';
import { skipOf } from './primitives/skip';
import { stateMemory, vectorOf, write } from './primitives/stateMemory';

const params = {
  channel: integer(
    -1,
    -1,
    2 ** 20,
    'Channel whose signed weights rows show; -1 shows the mean magnitude of all.',
  ),
  step: number(0.02, 1e-6, 1e3, 'Length of every token’s step, without a tensor delta.'),
};
export type MambaParams = Params<typeof params>;

export const mamba = variant({
  id: 'mamba',
  title: 'Selective scan (Mamba)',
  summary:
    'A token reads a state for each channel, which every earlier token was added to and which fades at the channel’s own pace; a row is the mean over channels.',
  source: 'arXiv 2312.00752, 2403.01590',
  trainingClass: 'WM',
  cost: 'N·E·S',
  plan: ['half-lives'],
  distribution: false,
  params,
  tensors: {
    delta: { shape: '[H, N, E] or [H, N]', origin: 'set', standIn: 'every step is `step` long' },
    A: { shape: '[H, E, S] or [H, S]', origin: 'set', standIn: '-(s + 1) for row s of a state' },
  },
  prefixStable: () => true,
  standsAlone:
    'A Mamba layer has no one score for a pair of tokens but a weight in every channel, so that no attention can take its place',
  examples: [
    { params: {} },
    { params: { step: 0.3, channel: 0 } },
    { params: {}, tensors: sizes => ({ delta: steps(sizes), A: rates(sizes) }) },
  ],
  inputs: mambaInputs,
  open,
  reference: mambaReference,
});

/** Stands for minus infinity, which times 0 would be no number. */
const LEAST = -1e30;
/** Channels that stand for all in half-lives. */
const SAMPLED_CHANNELS = 64;

function open(layer: Layer, { channel, step }: MambaParams): Mixer {
  const { q, k, v, executor } = layer;
  const [heads, , rows] = q.shape as [number, number, number];
  const width = v.shape[2]!;
  if (channel >= width) {
    throw new Problem(`The parameter 'channel' of 'mamba' is ${channel}; a head here has ${width} channels.`);
  }
  const { rates, stepsAt } = terms(layer, heads, rows, width, step);
  const channels = rates.shape[1]!;
  const scan = selectiveScan(layer, { rates, stepsAt });
  const skip = skipOf(layer);
  const picked = channel >= 0 && channels > 1 ? channel : undefined;

  /** Of the channels that a row is made of, `[X, S]` and `[X]`. */
  const ratesOf = (head: number) => {
    const from = (head * channels + (picked ?? 0)) * rows;
    return rates.data.subarray(from, from + (picked === undefined ? channels : 1) * rows);
  };
  const stepsOf = (head: number, token: number) =>
    picked === undefined ? stepsAt(head, token) : stepsAt(head, token).subarray(picked, picked + 1);

  /** Tokens back from the query in which half of what a row of the state held is lost, `[S]`. */
  function halfLives(head: number, query: number): Float32Array {
    const own = ratesOf(head);
    const count = own.length / rows;
    const some = Math.min(count, SAMPLED_CHANNELS);
    const sample = Int32Array.from({ length: some }, (_, n) => Math.floor((n * count) / some));
    const sums = new Float64Array(some);
    const found = new Float32Array(rows);
    for (let j = query, open = rows; j >= 0 && open > 0; j--) {
      const now = stepsOf(head, j);
      sample.forEach((x, n) => (sums[n]! += now[x]!));
      for (let s = 0; s < rows; s++) {
        if (found[s] !== 0) continue;
        let left = 0;
        sample.forEach((x, n) => (left += Math.exp(own[x * rows + s]! * sums[n]!) / some));
        if (left > 0.5 && j > 0) continue;
        // Before the document's start the decay is taken to go on as it was.
        found[s] = left > 0.5 ? ((query + 1) * -Math.LN2) / Math.log(left) : query - j + 1;
        open -= 1;
      }
    }
    return found;
  }

  return {
    cost: ({ start, end }) => (end - start) * 4 * rows,
    kept: () => heads * rows * width,
    rowCost: Math.max(1, ((picked === undefined ? channels : 1) * rows) / 64),
    attend: async block => ({ y: skip(block, await scan.attend(block)), stats: undefined }),

    async row(head, query) {
      const weights = await hiddenRow({
        executor,
        query,
        asking: vectorOf(q, layer, head, query),
        rates: ratesOf(head),
        key: j => vectorOf(k, layer, head, j),
        steps: j => stepsOf(head, j),
      });
      return { keys: Int32Array.from(weights, (_, j) => j), weights };
    },

    structure(query) {
      if (query === undefined) return [];
      return Array.from({ length: heads }, (_, head) => {
        const lives = halfLives(head, query);
        const longest = Math.max(...lives);
        const range = `${Math.round(Math.min(...lives))} to ${Math.round(longest)}`;
        const start = Math.max(0, query + 1 - Math.round(Math.min(longest, query + 1)));
        return planNode('half-life', `head ${head}: half-lives ${range} tokens`, [start, query + 1]);
      });
    },

    memoryAt(head, query) {
      const beta = (token: number) => {
        const own = stepsOf(head, token);
        return own.reduce((sum, x) => sum + x, 0) / own.length;
      };
      const columns = picked === undefined ? width : 1;
      return Promise.resolve(
        stateMemory(layer, head, scan, {
          about:
            'Every channel has a state of its own, a column here. A token adds its B times the channel’s value, as strongly as its step is long; the longer the step, the more of the column fades.',
          rows,
          tokens: query + 1,
          query: vectorOf(q, layer, head, query),
          key: token => vectorOf(k, layer, head, token),
          beta,
          halfLives: halfLives(head, query),
          values: {
            columns,
            first: picked ?? 0,
            /** A channel's step is its share of the mean step. */
            at(token) {
              const own = stepsOf(head, token);
              const value = vectorOf(v, layer, head, token);
              const mean = beta(token) || 1;
              const first = picked ?? 0;
              return Float32Array.from(
                { length: columns },
                (_, e) => (value[first + e]! * own[own.length === 1 ? 0 : e]!) / mean,
              );
            },
          },
          advance(state, token, key, value) {
            const own = stepsOf(head, token);
            const rate = ratesOf(head);
            const strength = beta(token);
            for (let s = 0; s < rows; s++) {
              for (let e = 0; e < columns; e++) {
                const x = own.length === 1 ? 0 : e;
                state[s * columns + e]! *= Math.exp(rate[x * rows + s]! * own[x]!);
              }
            }
            write(
              state,
              Float64Array.from(key, x => x * strength),
              value,
            );
          },
        }),
      );
    },
  };
}

/** `A [H, X, S]` and `Δ`, with one `X` for both. */
function terms({ tensors, tokens }: Layer, heads: number, rows: number, width: number, step: number) {
  const delta = headTensor(tensors, 'delta', heads, [tokens], [tokens, width]);
  const A = headTensor(tensors, 'A', heads, [rows], [width, rows]);
  const channels = Math.max(delta?.shape[2] ?? 1, A?.shape.length === 3 ? A.shape[1]! : 1);
  const given: FloatTensor =
    A ??
    floats(
      [heads, rows],
      Float32Array.from({ length: heads * rows }, (_, at) => -((at % rows) + 1)),
    );
  const bounded = floats(
    given.shape,
    given.data.map(rate => Math.max(LEAST, rate)),
  );
  const own = delta?.shape[2] ?? 1;
  const even = new Float32Array(channels).fill(step);
  return {
    rates: bounded.shape.length === 3 ? bounded : repeatedRows(bounded, channels),
    stepsAt(head: number, token: number): Float32Array {
      if (delta === undefined) return even;
      const at = (head * tokens + token) * own;
      const found = delta.data.subarray(at, at + own);
      return own === channels ? found : new Float32Array(channels).fill(found[0]!);
    },
  };
}

/** `[H, S] -> [H, X, S]` */
function repeatedRows({ shape, data }: FloatTensor, channels: number): FloatTensor {
  const [heads, rows] = shape as [number, number];
  return floats(
    [heads, channels, rows],
    Float32Array.from(
      { length: heads * channels * rows },
      (_, at) => data[Math.floor(at / rows / channels) * rows + (at % rows)]!,
    ),
  );
}

function steps({ heads, tokens, normal }: ExampleSizes) {
  return drawn([heads, tokens], () => 0.1 * Math.exp(normal()));
}

function rates({ heads, width, normal }: ExampleSizes) {
  return drawn([heads, width], () => -Math.exp(normal()));
}
