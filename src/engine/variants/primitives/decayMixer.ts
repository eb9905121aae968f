/**
 * A decaying state, `S_t = exp(g_t) S_{t-1} + β_t k_t v_tᵀ`, read as `y_t = scale · S_tᵀ q_t`, so that
 * `M_ij = scale · β_j sum_d q_id k_jd exp(sum of g_td over j < t <= i)`, with write strengths `β` where there are
 * any.
 *
 * Exponents are always sums over the tokens between, never differences of long sums or ratios of
 * exponentials: nothing overflows and nothing cancels.
 *
 * Letters as in `scan.ts`; `W` is 1 where a head has one decay a token, and `D` where each feature has its own.
 */

import { GraphBuilder } from '../../onnx/builder';
import type { Feeds, Program } from '../../onnx/graph';
import { floats } from '../../onnx/tensor';
import { headOf, type Layer, type Mixer, type PlanNode } from './mixer';
import { type Cell, pattern, scan } from './scan';
import { stateMemory, vectorOf, write } from './stateMemory';

export interface Decay {
  /** `W`: 1 or `D` */
  readonly width: number;
  /** The log decay `g` from token `t - 1` to `t`. */
  at(head: number, t: number, d: number): number;
  /** The factor on what a token writes; 1 if absent. */
  strength?(head: number, t: number): number;
}

/** Stands for minus infinity, which times 0 would be no number. */
const LEAST = -1e30;
/** Below it an exponential is 0 in float32. */
const VANISHED = -104;

export function decayMixer(
  layer: Layer,
  decay: Decay,
  scale: number,
  structure: (query: number | undefined) => readonly PlanNode[],
): Mixer {
  const { tokens, q, k, v, executor } = layer;
  const [heads, , width] = q.shape as [number, number, number];
  const chunk = decay.width === 1 ? 64 : 16;
  const decaySize = [heads, chunk, decay.width];
  const factor = floats([], Float32Array.of(scale));
  const gAt = (head: number, t: number, d: number) => Math.max(LEAST, decay.at(head, t, d));

  function feeds(start: number): Feeds {
    const g = floats(decaySize);
    for (let at = 0; at < g.data.length; at++) {
      const row = Math.floor(at / decay.width);
      const t = start + (row % chunk);
      if (t < tokens) g.data[at] = gAt(Math.floor(row / chunk), t, at % decay.width);
    }
    if (decay.strength === undefined) return { g, scale: factor };
    const strengths = floats([heads, chunk, 1]);
    for (let at = 0; at < strengths.data.length; at++) {
      const t = start + (at % chunk);
      if (t < tokens) strengths.data[at] = decay.strength(Math.floor(at / chunk), t);
    }
    return { g, strength: strengths, scale: factor };
  }

  const cell: Cell = {
    key: `decay/${decay.width}${decay.strength ? '/strength' : ''}`,
    chunk,
    stateShape: [heads, width, 'E'],
    stateSize: [heads, width, v.shape[2]!],
    inputs: {
      ...{ g: decaySize, scale: [] },
      ...(decay.strength && { strength: [heads, chunk, 1] }),
    },
    feeds,
    step(g, { q, k: keys, v, state, own }) {
      const query = g.mul(q, own('scale'));
      const k = decay.strength ? g.mul(keys, own('strength')) : keys;
      const keysT = g.transpose(k, 0, 2, 1);
      const log = own('g');
      const after = g.unsqueeze(
        pattern(g, chunk, (i, j) => i > j),
        2,
      );
      // [H, C queries, C keys, W]: the sum of g over the tokens after the key, up to the query.
      const between = g.cumSum(g.mul(g.unsqueeze(log, 2), after), 1);
      const causal = pattern(g, chunk, (i, j) => j <= i);
      const scores =
        decay.width === 1
          ? g.mul(g.matMul(query, keysT), g.unary('Exp', g.reshape(between, [heads, chunk, chunk])))
          : g.reduce(
              'ReduceSum',
              g.mul(g.mul(g.unsqueeze(query, 2), g.unsqueeze(k, 1)), g.unary('Exp', between)),
              3,
            );
      const fromStart = g.cumSum(log, 1);
      const carried = g.matMul(g.mul(query, g.unary('Exp', fromStart)), state);
      const y = g.add(g.matMul(g.mul(scores, causal), v), carried);

      const toEnd = g.reshape(g.slice(between, 1, -1, END, 1), decaySize);
      const whole = g.transpose(g.slice(fromStart, 1, -1, END, 1), 0, 2, 1);
      const written = g.matMul(g.transpose(g.mul(k, g.unary('Exp', toEnd)), 0, 2, 1), v);
      return { y, state: g.add(g.mul(state, g.unary('Exp', whole)), written) };
    },
  };
  const states = scan(layer, cell);

  return {
    cost: ({ start, end }) => (end - start) * (width + chunk),
    kept: () => heads * width * v.shape[2]!,
    structure,
    attend: async block => ({ y: await states.attend(block), stats: undefined }),

    memoryAt: (head, query) =>
      Promise.resolve(
        stateMemory(layer, head, states, {
          about:
            decay.strength === undefined
              ? 'Every token adds its key times its value to one matrix a head, which fades as it goes.'
              : 'Every token adds its key times its value, as strongly as its step is long, to one matrix a head; the longer the step, the more of the matrix fades.',
          rows: width,
          tokens: query + 1,
          query: vectorOf(q, layer, head, query),
          key: token => vectorOf(k, layer, head, token),
          halfLives: halfLivesAt(decay, head, query),
          ...(decay.strength && { beta: token => decay.strength!(head, token) }),
          advance(state, token, key, value) {
            const columns = value.length;
            let left = Math.exp(gAt(head, token, 0));
            for (let f = 0; f < width; f++) {
              if (decay.width > 1) left = Math.exp(gAt(head, token, f));
              for (let at = f * columns; at < (f + 1) * columns; at++) state[at]! *= left;
            }
            const strength = decay.strength?.(head, token) ?? 1;
            write(state, strength === 1 ? key : Float64Array.from(key, x => x * strength), value);
          },
        }),
      ),

    async row(head, query) {
      const since = floats([1, k.shape[1]!, decay.width]);
      since.data.fill(LEAST);
      const sums = new Float64Array(decay.width);
      for (let j = query, most = 0; j >= 0 && most > VANISHED; j--) {
        since.data.set(sums, j * decay.width);
        most = -Infinity;
        for (let d = 0; d < decay.width; d++) {
          sums[d] = Math.max(LEAST, sums[d]! + gAt(head, j, d));
          most = Math.max(most, sums[d]!);
        }
      }
      const { row } = await executor.run(ROW, {
        q: floats([1, 1, width], vectorOf(q, layer, head, query)),
        k: headOf(k, Math.floor((head * k.shape[0]!) / heads)),
        since,
        scale: factor,
      });
      const weights = (row!.data as Float32Array).slice(0, query + 1);
      if (decay.strength !== undefined) {
        for (let j = 0; j <= query; j++) weights[j]! *= decay.strength(head, j);
      }
      return { keys: Int32Array.from(weights, (_, j) => j), weights };
    },
  };
}

/**
 * Tokens back from the query in which half of a write is lost, `[W]`; before the document's start the
 * mean decay up to the query is taken to go on.
 */
function halfLivesAt(decay: Decay, head: number, query: number): Float32Array {
  return Float32Array.from({ length: decay.width }, (_, d) => {
    let sum = 0;
    for (let j = query; j >= 0; j--) {
      const g = decay.at(head, j, d);
      if (sum + g <= -Math.LN2) return query - j + (-Math.LN2 - sum) / g;
      sum += g;
    }
    return sum < 0 ? (-Math.LN2 / sum) * (query + 1) : Infinity;
  });
}

/** A node for every head that decays: the tokens back to where half of a write is left. */
export function halfLives(decay: Decay, heads: number, query: number | undefined): PlanNode[] {
  if (query === undefined) return [];
  return Array.from({ length: heads }, (_, head): PlanNode => {
    const sums = new Float64Array(decay.width);
    let j = query;
    const left = () => sums.reduce((total, sum) => total + Math.exp(sum), 0) / decay.width;
    for (; j > 0; j--) {
      sums.forEach((sum, d) => (sums[d] = sum + decay.at(head, j, d)));
      if (left() < 0.5) break;
    }
    const label = `head ${head}: half-life ${query - j + 1} tokens`;
    return { parent: -1, kind: 'half-life', label, ranges: Int32Array.of(j, query + 1) };
  });
}

/** One row from the definition. */
const ROW: Program = {
  key: 'decayRow',
  build() {
    const g = new GraphBuilder('decayRow');
    const query = g.mul(g.input('q', 'float32', [1, 1, 'D']), g.input('scale', 'float32', []));
    const left = g.unary('Exp', g.input('since', 'float32', [1, 'P', 'W']));
    const keys = g.mul(g.input('k', 'float32', [1, 'P', 'D']), query);
    // A product of unlike named lengths: W is 1 or D.
    const parts = g.node('Mul', [keys, left], {}, 'float32', [1, 'P', 'D']);
    g.output('row', g.reduce('ReduceSum', parts, 2));
    return g.build();
  },
};

/** Past the end of any axis. */
const END = 2 ** 31 - 1;
