/**
 * BigBird over blocks of `block` tokens: a block of queries sees itself and its two neighbours, the first
 * and the last block, which see everything themselves, and `random` blocks drawn for it.
 *
 * Zaheer et al. 2020, arXiv 2007.14062, section 2 and appendix D. `random_blocks` holds block numbers, -1
 * for none: `[blocks, R]`, or of each head, `[H, blocks, R]`; the first and last rows may be left out, as
 * the published code does. Without it they are drawn from `seed` among the blocks not yet seen, the same
 * for all heads, and among the earlier ones where causal.
 */

import type { FloatTensor } from '../onnx/tensor';
import { bigbirdReference } from './bigbird.reference';
import { drawnBlocks, givenBlocks } from './primitives/blockDraws';
import { ranges } from './primitives/keys';
import { type ExampleSizes, variant } from './primitives/mixer';
import { boolean, integer, MOST_TOKENS, type Params, scale } from './primitives/params';
import { planNode } from './primitives/planNode';
import { seed } from './primitives/seeded';
import { runsOf, sharedMixer } from './primitives/shared';

const params = {
  block: integer(64, 1, MOST_TOKENS, 'Tokens of a block.'),
  random: integer(3, 0, 2 ** 16, 'Random blocks that a block sees, where they are not given.'),
  seed,
  causal: boolean(false, 'A token sees itself and earlier tokens only.'),
  scale,
};

export type BigbirdParams = Params<typeof params>;

export const bigbird = variant({
  id: 'bigbird',
  title: 'BigBird',
  summary: 'A token sees the blocks around it, the first and last block, and a few random blocks.',
  source: 'arXiv 2007.14062',
  trainingClass: 'TF',
  cost: 'N',
  plan: ['window', 'global blocks', 'random blocks'],
  params,
  tensors: {
    random_blocks: {
      shape: '[blocks, R] or [H, blocks, R]',
      origin: 'random',
      standIn: 'random blocks of every block of queries, drawn from `seed`',
    },
  },
  examples: [
    { params: { block: 8, random: 2, causal: false } },
    { params: { block: 7, random: 2, causal: true, seed: 5 } },
    { params: { block: 10, causal: false }, tensors: sizes => given(10, sizes) },
    { params: { block: 9, causal: false }, tensors: sizes => given(9, sizes, sizes.heads) },
    { params: { causal: false } },
  ],

  open(layer, { block, random, seed, causal, scale }) {
    const { tokens } = layer;
    const count = Math.ceil(tokens / block);
    const heads = layer.q.shape[0]!;
    const chosen =
      givenBlocks(layer.tensors, { heads, count }) ?? drawnBlocks(count, { random, seed, causal });
    const range = (c: number): [number, number] => [c * block, (c + 1) * block];
    const windowOf = (c: number): [number, number] => [(c - 1) * block, (c + 2) * block];
    const isGlobal = (c: number) => c === 0 || c === count - 1;
    const flat = (head: number, query: number) => {
      const c = Math.floor(query / block);
      if (isGlobal(c)) return [0, tokens];
      const others = [0, count - 1, ...chosen(head, c)].map(range);
      return ranges(tokens, windowOf(c), ...others);
    };
    return sharedMixer(layer, {
      causal,
      scale,
      runs: span => runsOf(block, span),
      keysOf(head, { start, end }) {
        const keys = positions(flat(head, start));
        return causal ? keys.filter(j => j < end) : keys;
      },
      structure(query) {
        const ends = planNode('global', 'first and last block', ranges(tokens, range(0), range(count - 1)));
        if (query === undefined) return [ends];
        const c = Math.floor(query / block);
        if (isGlobal(c)) return [planNode('global', 'a global block sees everything', [0, tokens])];
        const near = planNode('window', `blocks ${c} to ${c + 2}`, ranges(tokens, windowOf(c)));
        const far = planNode('random', 'random blocks', ranges(tokens, ...chosen(0, c).map(range)));
        return [near, ends, ...(far.ranges.length > 0 ? [far] : [])];
      },
    });
  },

  reference: bigbirdReference,
});

/** Two blocks for each middle block, the same for all heads or for each. */
function given(block: number, { tokens, normal }: ExampleSizes, heads?: number) {
  const count = Math.ceil(tokens / block);
  const shape = heads === undefined ? [count, 2] : [heads, count - 2, 2];
  const size = shape.reduce((product, length) => product * length, 1);
  const anyBlock = () => Math.min(count - 1, Math.floor(Math.abs(normal()) * count * 0.4));
  const random: FloatTensor = { type: 'float32', shape, data: Float32Array.from({ length: size }, anyBlock) };
  return { random_blocks: random };
}

function positions(flat: readonly number[]): number[] {
  const keys: number[] = [];
  for (let at = 0; at < flat.length; at += 2) {
    for (let j = flat[at]!; j < flat[at + 1]!; j++) keys.push(j);
  }
  return keys;
}
