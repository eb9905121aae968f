/** What a person is told of a matrix state: its size over time and what lies in it. */

import type { Direction, Overwrite, StateMemory } from '../../protocol/memory';
import { breather } from '../variants/primitives/breather';
import type { StateContents } from '../variants/primitives/memory';
import { effectiveRank, type Flat, type LeftDirection, leftDirections, singularValues } from './spectrum';

type Described = Omit<StateMemory, 'layer' | 'head' | 'token' | 'title' | 'kind' | 'about'>;

interface StateOptions {
  readonly token: number;
  /** Share of the row's mass on the tokens `start … end - 1`. */
  massOf(start: number, end: number): number;
  /** At most so many overwrites. */
  readonly limit: number;
}

const MOST_SAMPLES = 128;
const FEWEST_SAMPLES = 16;
/** Multiplications that the singular values of all samples may take, roughly. */
const SPECTRUM_WORK = 2 ** 26;
/** Multiplications beyond which only states that are known already are sampled. */
const TRACE_WORK = 2 ** 25;
const DIRECTIONS = 4;
const NEAREST = 6;
/** Of the token itself, and of each of the strongest erasers. */
const OWN_OVERWRITES = 6;
const OTHER_OVERWRITES = 2;
const ERASERS = 5;

export async function describeState(state: StateContents, options: StateOptions): Promise<Described> {
  const { rows, columns, tokens } = state;
  const after = sampledCounts(state);
  const norm = new Float32Array(after.length);
  const rank = new Float32Array(after.length);
  const last: Flat = { data: new Float64Array(rows * columns), rows, columns };
  let at = 0;
  await state.trace(after, data => {
    norm[at] = Math.sqrt(squared(data));
    rank[at] = Number.isFinite(norm[at]) ? effectiveRank(singularValues({ data, rows, columns })) : NaN;
    at += 1;
    if (at === after.length) last.data.set(data);
  });
  const { beta } = state;
  const directions = leftDirections(last, DIRECTIONS);
  const near = new Nearest(directions.map(({ vector }) => vector));
  const writes = new Float64Array(tokens);
  const breathe = breather();
  for (let token = 0; token < tokens; token++) {
    const key = state.key(token);
    const length = Math.sqrt(squared(key));
    writes[token] = Math.abs(beta?.(token) ?? 1) * length * Math.sqrt(squared(state.value(token)));
    near.look(token, key, length);
    if (token % 512 === 511) await breathe();
  }
  return {
    rows,
    columns,
    at: after.map(count => count - 1),
    norm,
    rank,
    written: means(after, token => writes[token]!),
    beta: beta && means(after, beta),
    read: Float32Array.from(after, (end, t) => options.massOf(t === 0 ? 0 : after[t - 1]!, end)),
    halfLives: state.halfLives,
    directions: describeDirections(state, last, directions, near.tokens()),
    overwrites: overwritesOf(state, writes, options),
  };
}

/** Counts of tokens after which the state is looked at, ascending; the last is all of them. */
export function sampledCounts({ tokens, rows, columns, apart, erasing }: StateContents): Int32Array {
  const work = Math.max(rows, columns) * Math.min(rows, columns) ** 2;
  const most = Math.min(MOST_SAMPLES, Math.max(FEWEST_SAMPLES, Math.floor(SPECTRUM_WORK / work)));
  let step = Math.ceil(tokens / most);
  const isLong = tokens * rows * columns > TRACE_WORK && erasing === undefined;
  if (isLong) step = Math.ceil(step / apart) * apart;
  const count = Math.ceil(tokens / step);
  return Int32Array.from({ length: count }, (_, t) => Math.min(tokens, (t + 1) * step));
}

/** Means of a number a token over the tokens since the count before. */
function means(after: Int32Array, of: (token: number) => number): Float32Array {
  return Float32Array.from(after, (end, t) => {
    const start = t === 0 ? 0 : after[t - 1]!;
    let sum = 0;
    for (let token = start; token < end; token++) sum += of(token);
    return sum / (end - start);
  });
}

function describeDirections(
  state: StateContents,
  { data, columns }: Flat,
  found: readonly LeftDirection[],
  nearest: readonly Direction['tokens'][],
): Direction[] {
  const energy = squared(data);
  const answer = new Float64Array(columns);
  data.forEach((item, at) => {
    answer[at % columns]! += item * state.query[Math.floor(at / columns)]!;
  });
  const whole = squared(answer);
  return found.map(({ size, vector }, rank) => {
    // The part of S^T q along the direction is its singular value times u.q, along a unit vector.
    const part = (size * product(vector, state.query)) ** 2;
    return {
      energy: size ** 2 / energy,
      read: whole === 0 ? 0 : part / whole,
      tokens: nearest[rank]!,
    };
  });
}

/** For each unit vector, the tokens whose keys have the largest `|cosine|` with it, the earlier of equals. */
class Nearest {
  readonly #vectors: readonly Float64Array[];
  readonly #best: readonly { token: number; cosine: number }[][];

  constructor(vectors: readonly Float64Array[]) {
    this.#vectors = vectors;
    this.#best = vectors.map(() => []);
  }

  look(token: number, key: ArrayLike<number>, length: number): void {
    if (length === 0) return;
    this.#vectors.forEach((vector, rank) => {
      const list = this.#best[rank]!;
      const cosine = product(vector, key) / length;
      const size = Math.abs(cosine);
      if (list.length === NEAREST && size <= Math.abs(list.at(-1)!.cosine)) return;
      const place = list.findIndex(other => Math.abs(other.cosine) < size);
      list.splice(place < 0 ? list.length : place, 0, { token, cosine });
      if (list.length > NEAREST) list.pop();
    });
  }

  /** A singular vector has no sign of its own: the first token's is taken as positive. */
  tokens(): Direction['tokens'][] {
    return this.#best.map(list => {
      const sign = Math.sign(list[0]?.cosine ?? 1);
      return list.map(({ token, cosine }) => ({ token, cosine: cosine * sign }));
    });
  }
}

function overwritesOf(
  { erasing, tokens }: StateContents,
  writes: Float64Array,
  { token, limit }: StateOptions,
): Overwrite[] {
  if (erasing === undefined) return [];
  const { removed } = erasing;
  const others = Array.from({ length: tokens }, (_, at) => at)
    .filter(at => at !== token && removed[at]! > 0)
    .sort((a, b) => removed[b]! - removed[a]! || a - b)
    .slice(0, ERASERS);
  const by = (eraser: number, count: number) =>
    Array.from(erasing.sharesOf(eraser), (share, written): Overwrite => ({
      token: eraser,
      written,
      share,
      amount: share * writes[written]!,
    }))
      .filter(({ amount }) => amount > 0)
      .sort((a, b) => b.amount - a.amount || a.written - b.written)
      .slice(0, count);
  return [...by(token, OWN_OVERWRITES), ...others.flatMap(at => by(at, OTHER_OVERWRITES))].slice(0, limit);
}

function product(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0;
  for (let d = 0; d < a.length; d++) sum += a[d]! * b[d]!;
  return sum;
}

function squared(x: ArrayLike<number>): number {
  return product(x, x);
}
