/**
 * Relative position representations: `s_ij = (q_i . k_j + q_i . a_{clip(j - i)}) * scale`, the same
 * vectors `a` for every head.
 *
 * Shaw et al. 2018, arXiv 1803.02155, equation 4 (the keys' part). `a` has `2 clip + 1` rows, for offsets
 * `-clip … clip`; some code counts the own position in `clip` and has `2 clip - 1`. The middle row is
 * offset 0 in both.
 */

import { Problem } from '../../protocol/problem';
import type { FloatTensor } from '../onnx/tensor';
import { floats } from '../onnx/tensor';
import { modifier } from './modifier';
import type { Tensors } from './primitives/mixer';
import { ownTensor } from './primitives/ownTensor';
import { integer } from './primitives/params';
import { planNode } from './primitives/planNode';
import { drawn, seed, seededNormal } from './primitives/seeded';

const CLIP = 16;

export const biasShaw = modifier({
  id: 'bias-shaw',
  title: 'Relative vectors',
  summary: 'The query also meets a learned vector for each nearby offset; far ones share the last.',
  source: 'arXiv 1803.02155',
  trainingClass: 'SP',
  plan: ['own offsets', 'clipped'],
  params: {
    clip: integer(0, 0, 65536, `Offsets with a vector of their own; 0 takes what tensor a has, or ${CLIP}.`),
    seed,
  },
  tensors: {
    a: {
      shape: '[2 clip + 1, D] or [2 clip - 1, D]',
      origin: 'random',
      standIn: 'normal vectors drawn from `seed`',
    },
  },
  examples: [
    { params: { clip: 5, seed: 1 } },
    {
      params: {},
      tensors: ({ width, normal }) => ({
        a: drawn([21, width], normal),
      }),
    },
    {
      params: { clip: 4, causal: false },
      tensors: ({ width, normal }) => ({
        a: drawn([7, width], normal),
      }),
    },
    { params: { inner: 'local', window: 30, sinks: 3 } },
  ],

  modified(layer, params) {
    const [heads, , width] = layer.q.shape as [number, number, number];
    const a = vectors(layer.tensors, width, params);
    const count = a.shape[0]!;
    const values = floats([heads, count, width]);
    for (let head = 0; head < heads; head++) values.data.set(a.data, head * count * width);
    return { ...layer, position: { products: { first: -(count - 1) / 2, values } } };
  },

  score(inputs, { clip, seed }) {
    const { score, q, tokens, width, scale, tensors } = inputs;
    const a = tensors['a'] ?? seededNormal(seed, [2 * (clip || CLIP) + 1, width]);
    const furthest = (a.data.length / width - 1) / 2;
    return (h, i, j) => {
      const row = Math.max(-furthest, Math.min(furthest, j - i)) + furthest;
      let product = 0;
      for (let d = 0; d < width; d++) {
        product += q[(h * tokens + i) * width + d]! * a.data[row * width + d]!;
      }
      return score(h, i, j) + product * scale;
    };
  },

  structure({ tensors, tokens, q }, params, query) {
    if (query === undefined) return [];
    const far = (vectors(tensors, q.shape[2]!, params).shape[0]! - 1) / 2;
    const end = params.causal ? query + 1 : tokens;
    const [first, last] = [Math.max(0, query - far + 1), Math.min(end, query + far)];
    return [
      planNode('own offsets', `${far} offsets with a vector each`, [first, last]),
      planNode('clipped', `${far} tokens away and more`, [0, first, last, end].filter(isRange)),
    ];
  },
});

/** Keeps the pairs of `[0, first, last, end]` that are not empty. */
function isRange(_: number, at: number, flat: readonly number[]): boolean {
  const pair = at - (at % 2);
  return flat[pair]! < flat[pair + 1]!;
}

/** `[2 m + 1, D]` for offsets `-m … m`. */
function vectors(
  tensors: Tensors,
  width: number,
  { clip, seed }: { clip: number; seed: number },
): FloatTensor {
  const given = tensors['a'];
  if (given === undefined) return seededNormal(seed, [2 * (clip || CLIP) + 1, width]);
  if (clip > 0) {
    ownTensor(tensors, 'a', [2 * clip - 1, width], [2 * clip + 1, width]);
  } else if (given.shape.length !== 2 || given.shape[0]! % 2 === 0 || given.shape[1] !== width) {
    throw new Problem(
      `The tensor 'a' of 'bias-shaw' is [${given.shape.join(', ')}], ` +
        `expected an odd number of rows of width ${width}.`,
    );
  }
  return given;
}
