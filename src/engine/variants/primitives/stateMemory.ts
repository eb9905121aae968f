/**
 * One head's state as a memory: its recurrence by plain loops in float64, which for a single head costs
 * less than the graph's scan of all of them, and leaps to the states that the scan has kept.
 */

import { breather } from './breather';
import type { Erasing, StateContents } from './memory';
import type { Layer } from './mixer';
import type { Scan } from './scan';
import { keptHeads } from './sharedHeads';

export interface HeadState {
  readonly about: string;
  /** `F` */
  readonly rows: number;
  readonly tokens: number;
  readonly query: ArrayLike<number>;
  key(token: number): ArrayLike<number>;
  readonly beta?: (token: number) => number;
  readonly halfLives?: Float32Array;
  readonly erasing?: Erasing;
  /** What tokens write, where it is not the layer's values. */
  readonly values?: HeadValues;
  /** Brings the state `[F, E]` from before a token to after it. */
  advance(state: Float64Array, token: number, key: ArrayLike<number>, value: Float32Array): void;
}

export interface HeadValues {
  /** `E` */
  readonly columns: number;
  /** Where they begin among the columns of the scan's state. */
  readonly first: number;
  /** `[E]` */
  at(token: number): Float32Array;
}

export function stateMemory(layer: Layer, head: number, scan: Scan, state: HeadState): StateContents {
  const { rows, tokens, beta, halfLives = new Float32Array(0), erasing } = state;
  const { columns, first } = state.values ?? { columns: layer.v.shape[2]!, first: 0 };
  const value = (token: number) => state.values?.at(token) ?? vectorOf(layer.v, layer, head, token);

  /** The head's part of a state of the scan, without columns that are not values. */
  async function leap(to: Float64Array, chunks: number): Promise<void> {
    const { data, shape } = await scan.stateAfter(chunks);
    const width = shape[2]!;
    const from = head * rows * width + first;
    for (let f = 0; f < rows; f++) {
      to.set(data.subarray(from + f * width, from + f * width + columns), f * columns);
    }
  }

  return {
    kind: 'state',
    about: state.about,
    rows,
    columns,
    tokens,
    apart: scan.apart,
    query: state.query,
    key: token => state.key(token),
    value,
    halfLives,
    ...(beta && { beta }),
    ...(erasing && { erasing }),

    async trace(after, visit) {
      const now = new Float64Array(rows * columns);
      const breathe = breather();
      let token = 0;
      for (const end of after) {
        const kept = Math.floor(end / scan.apart) * scan.apart;
        // What keys erase is only known where every token is passed.
        if (kept > token && erasing === undefined) {
          await leap(now, kept / scan.chunk);
          token = kept;
        }
        for (; token < end; token++) state.advance(now, token, state.key(token), value(token));
        visit(now);
        await breathe();
      }
    },
  };
}

/** A head's vector of `x [G, P, D]` at a token, over the same memory. */
export function vectorOf(x: Layer['v'], { q }: Pick<Layer, 'q'>, head: number, token: number): Float32Array {
  const { shape, data } = keptHeads(x);
  const [groups, stride, width] = shape as [number, number, number];
  const at = (Math.floor((head * groups) / q.shape[0]!) * stride + token) * width;
  return data.subarray(at, at + width);
}

/** `state += key valueᵀ` */
export function write(state: Float64Array, key: ArrayLike<number>, value: ArrayLike<number>): void {
  const columns = value.length;
  for (let f = 0; f < key.length; f++) {
    const factor = key[f]!;
    const row = f * columns;
    for (let e = 0; e < columns; e++) state[row + e]! += factor * value[e]!;
  }
}

export function dot(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0;
  for (let d = 0; d < a.length; d++) sum += a[d]! * b[d]!;
  return sum;
}

export function length(x: ArrayLike<number>): number {
  return Math.sqrt(dot(x, x));
}
