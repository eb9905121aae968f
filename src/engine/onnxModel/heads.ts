/** Queries, keys and values as graphs hold them, brought to one layout by plain copies. */

import type { FloatTensor } from '../onnx/tensor';

/** `[H, N, D]` */
export interface HeadShape {
  readonly heads: number;
  readonly tokens: number;
  readonly width: number;
}

/** Numbers of every head, `[H, N, D]`. */
export interface Heads extends HeadShape {
  readonly data: Float32Array;
}

/** A tensor that is not what its operator promises; the site is then left out. */
export class Misfit extends Error {
  override readonly name = 'Misfit';
}

/** `[..., N, D]`, with all that stands before as heads. */
export function byHead({ shape, data }: FloatTensor): Heads {
  if (shape.length < 2) throw new Misfit(`is [${shape.join(', ')}]`);
  const [tokens, width] = shape.slice(-2) as [number, number];
  return { heads: tokens * width === 0 ? 0 : data.length / (tokens * width), tokens, width, data };
}

/** `[1, N, ...]` with `H` heads of `D` numbers from `start` on, in every token. */
export function byToken({ shape, data }: FloatTensor, heads: number, width: number, start = 0): Heads {
  const tokens = shape[1] ?? 0;
  const row = tokens === 0 ? 0 : data.length / tokens;
  if (shape[0] !== 1 || start + heads * width > row) throw new Misfit(`is [${shape.join(', ')}]`);
  const into = new Float32Array(heads * tokens * width);
  for (let head = 0; head < heads; head++) {
    for (let token = 0; token < tokens; token++) {
      const from = token * row + start + head * width;
      into.set(data.subarray(from, from + width), (head * tokens + token) * width);
    }
  }
  return { heads, tokens, width, data: into };
}

/** `[1, N, H * D]`, or `[1, H, N, D]`. */
export function projected(tensor: FloatTensor, heads: number): Heads {
  if (tensor.shape.length === 4) return byHead(tensor);
  const width = (tensor.shape[2] ?? 0) / heads;
  if (!Number.isInteger(width)) throw new Misfit(`is [${tensor.shape.join(', ')}] for ${heads} heads`);
  return byToken(tensor, heads, width);
}

/** One of the `P` parts of `[1, N, H, P, D]`. */
export function packed({ shape, data }: FloatTensor, part: number): Heads {
  const [batch, tokens, heads, parts, width] = shape as [number, number, number, number, number];
  if (shape.length !== 5 || batch !== 1) throw new Misfit(`is [${shape.join(', ')}]`);
  const into = new Float32Array(heads * tokens * width);
  for (let head = 0; head < heads; head++) {
    for (let token = 0; token < tokens; token++) {
      const from = ((token * heads + head) * parts + part) * width;
      into.set(data.subarray(from, from + width), (head * tokens + token) * width);
    }
  }
  return { heads, tokens, width, data: into };
}

/** `[H, D, N] -> [H, N, D]` */
export function swapped({ heads, tokens: width, width: tokens, data }: Heads): Heads {
  const into = new Float32Array(data.length);
  for (let head = 0; head < heads; head++) {
    const base = head * tokens * width;
    for (let token = 0; token < tokens; token++) {
      for (let d = 0; d < width; d++) into[base + token * width + d] = data[base + d * tokens + token]!;
    }
  }
  return { heads, tokens, width, data: into };
}

/** With `bias [H * D]`, read from `start` on, added to every token. */
export function shifted(x: Heads, bias: Float32Array | undefined, start: number): Heads {
  if (bias === undefined) return x;
  const { heads, tokens, width } = x;
  const data = x.data.map((value, at) => {
    const head = Math.floor(at / (tokens * width));
    return value + (bias[start + head * width + (at % width)] ?? NaN);
  });
  return { heads, tokens, width, data };
}

export function scaled(x: Heads, factor: number): Heads {
  return factor === 1 ? x : { ...x, data: x.data.map(value => value * factor) };
}

/**
 * The first `R` numbers of every head turned in pairs (arXiv 2104.09864): `(d, d + R / 2)`, or `(2 d, 2 d + 1)`
 * where they are interleaved.
 *
 * @param cos, sin `[positions, R / 2]`; token `t` is at position `t`.
 */
export function rotated(x: Heads, cos: FloatTensor, sin: FloatTensor, interleaved: boolean): Heads {
  const { heads, tokens, width } = x;
  const pairs = cos.shape[1] ?? 0;
  if (2 * pairs > width || cos.data.length < tokens * pairs || sin.data.length < tokens * pairs) {
    throw new Misfit(`has rotations [${cos.shape.join(', ')}] for ${tokens} tokens of width ${width}`);
  }
  const data = x.data.slice();
  for (let row = 0; row < heads * tokens; row++) {
    const token = row % tokens;
    for (let pair = 0; pair < pairs; pair++) {
      const first = row * width + (interleaved ? 2 * pair : pair);
      const second = first + (interleaved ? 1 : pairs);
      const [a, b] = [x.data[first]!, x.data[second]!];
      const [c, s] = [cos.data[token * pairs + pair]!, sin.data[token * pairs + pair]!];
      data[first] = a * c - b * s;
      data[second] = b * c + a * s;
    }
  }
  return { heads, tokens, width, data };
}

/** Keys and values with the heads that are copies of their neighbour counted once, as grouped attention repeats them. */
export function withoutCopies(k: Heads, v: Heads): { readonly k: Heads; readonly v: Heads } {
  const heads = Math.max(k.heads, v.heads);
  for (let run = heads; run > 1; run--) {
    const copies = [k, v].map(x => x.heads / (heads / run));
    if (heads % run !== 0 || copies.some(count => !Number.isInteger(count))) continue;
    if (isRepeated(k, copies[0]!) && isRepeated(v, copies[1]!)) {
      return { k: everyNth(k, copies[0]!), v: everyNth(v, copies[1]!) };
    }
  }
  return { k: repeated(k, heads / k.heads), v: repeated(v, heads / v.heads) };
}

function isRepeated({ heads, tokens, width, data }: Heads, run: number): boolean {
  const size = tokens * width;
  for (let at = 0; at < heads * size; at++) {
    const head = Math.floor(at / size);
    if (head % run !== 0 && data[at] !== data[at - (head % run) * size]) return false;
  }
  return true;
}

function everyNth({ heads, tokens, width, data }: Heads, run: number): Heads {
  const size = tokens * width;
  const kept = new Float32Array((heads / run) * size);
  for (let head = 0; head < heads; head += run) {
    kept.set(data.subarray(head * size, (head + 1) * size), (head / run) * size);
  }
  return { heads: heads / run, tokens, width, data: kept };
}

function repeated(x: Heads, run: number): Heads {
  if (run === 1) return x;
  const { heads, tokens, width, data } = x;
  const size = tokens * width;
  const all = new Float32Array(heads * run * size);
  for (let head = 0; head < heads * run; head++) {
    const from = Math.floor(head / run) * size;
    all.set(data.subarray(from, from + size), head * size);
  }
  return { heads: heads * run, tokens, width, data: all };
}
