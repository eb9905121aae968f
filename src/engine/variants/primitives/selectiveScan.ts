/**
 * The selective scan of Mamba as one graph a chunk: every channel has a decay of its own for each row of its state,
 * `h_t = exp(Δ_t A) h_{t-1} + Δ_t B_t u_t`. Within a chunk the states of all tokens are found together, in as many
 * steps as doubling the distance takes: each token first holds its own write and decay, then those of the last two
 * tokens, of the last four … Decays only ever multiply, so that nothing overflows and nothing cancels.
 *
 * Letters as in `scan.ts`; `S` rows of the state, `X` channels, which are the columns of v, or 1 for all of them.
 */

import { floats, type FloatTensor } from '../../onnx/tensor';
import type { Layer } from './mixer';
import { type Cell, type Scan, scan } from './scan';

/** Numbers of a chunk's states in memory, roughly, beyond which chunks are shorter. */
const STATES = 2 ** 19;
const FEWEST = 16;
const MOST = 64;

export interface SelectiveTerms {
  /** `A [H, X, S]` */
  readonly rates: FloatTensor;
  /** `Δ` of every channel at a token, `[X]`. */
  stepsAt(head: number, token: number): Float32Array;
}

export function selectiveScan(layer: Layer, { rates, stepsAt }: SelectiveTerms): Scan {
  const { q, v, tokens } = layer;
  const [heads, , rows] = q.shape as [number, number, number];
  const width = v.shape[2]!;
  const channels = rates.shape[1]!;
  const columns = channels === 1 ? 1 : 'E';
  let chunk = MOST;
  while (chunk > FEWEST && chunk * heads * rows * width > STATES) chunk /= 2;
  const A = transposed(rates);

  const cell: Cell = {
    key: `selective/${columns}`,
    chunk,
    stateShape: [heads, rows, 'E'],
    stateSize: [heads, rows, width],
    inputs: { delta: [heads, chunk, columns], A: [heads, rows, columns] },
    feeds(start) {
      const delta = floats([heads, chunk, channels]);
      for (let at = 0; at < heads * chunk; at++) {
        const token = start + (at % chunk);
        if (token < tokens) delta.data.set(stepsAt(Math.floor(at / chunk), token), at * channels);
      }
      return { delta, A };
    },
    step(g, { q, k, v, state, own }) {
      const delta = own('delta');
      // [H, C, S, X] and [H, C, S, E].
      let decay = g.unary('Exp', g.mul(g.unsqueeze(own('A'), 1), g.unsqueeze(delta, 2)));
      let held = g.mul(g.unsqueeze(k, 3), g.unsqueeze(g.mul(v, delta), 2));
      for (let back = 1; back < chunk; back *= 2) {
        const late = chunk - back;
        const near = g.slice(decay, 1, back, chunk, late);
        const earlier = g.mul(near, g.slice(held, 1, 0, late, late));
        held = g.concat(
          [g.slice(held, 1, 0, back, back), g.add(g.slice(held, 1, back, chunk, late), earlier)],
          1,
        );
        decay = g.concat(
          [g.slice(decay, 1, 0, back, back), g.mul(near, g.slice(decay, 1, 0, late, late))],
          1,
        );
      }
      const states = g.add(held, g.mul(decay, g.unsqueeze(state, 1)));
      const y = g.reduce('ReduceSum', g.mul(states, g.unsqueeze(q, 3)), 2);
      const after = g.reshape(g.slice(states, 1, chunk - 1, chunk, 1), [heads, rows, 'E']);
      return { y, state: after };
    },
  };
  return scan(layer, cell);
}

/** `[H, X, S] -> [H, S, X]` */
function transposed({ shape, data }: FloatTensor): FloatTensor {
  const [heads, channels, rows] = shape as [number, number, number];
  const result = floats([heads, rows, channels]);
  for (let head = 0; head < heads; head++) {
    for (let x = 0; x < channels; x++) {
      for (let s = 0; s < rows; s++) {
        result.data[(head * rows + s) * channels + x] = data[(head * channels + x) * rows + s]!;
      }
    }
  }
  return result;
}
