/**
 * Linformer: keys and values are projected along the document to `R` slots,
 * `M = softmax(Q (E K)ᵀ · scale) F`, with `E, F [H, R, N]`. It sees both ways.
 *
 * Wang et al. 2020, arXiv 2006.04768, equation 7. Without given projections they are drawn as in its
 * theorem 1, independent normal numbers of variance `1/R`, the same for every head.
 */

import type { FloatTensor } from '../onnx/tensor';
import { latentMixer } from './primitives/latent';
import { type ReferenceInputs, scaleOf, type Tensors, variant } from './primitives/mixer';
import { bidirectional, requireBidirectional } from './primitives/bidirectional';
import { integer, type Params, scale } from './primitives/params';
import { ownTensor } from './primitives/ownTensor';
import { planNode } from './primitives/planNode';
import { drawn, seed, seeded } from './primitives/seeded';
import { repeatHeads } from './primitives/segments';
import { tokenSums } from './primitives/tokenSums';
import { topIndices } from './primitives/topIndices';

const linformerParams = {
  rank: integer(256, 1, 65536, 'Slots that keys and values are projected to; given tensors bring their own.'),
  seed,
  causal: bidirectional,
  scale,
};

export const linformer = variant({
  id: 'linformer',
  title: 'Linformer',
  summary: 'A token sees a few slots, each a learned mixture of all tokens, earlier and later.',
  source: 'arXiv 2006.04768',
  trainingClass: 'SP',
  cost: 'N·rank',
  plan: ['slots'],
  distribution: false,
  params: linformerParams,
  tensors: {
    E: { shape: '[H, R, N]', origin: 'random', standIn: 'normal numbers of variance 1/R drawn from `seed`' },
    F: { shape: '[H, R, N]', origin: 'random', standIn: 'normal numbers of variance 1/R drawn from `seed`' },
  },
  examples: [
    { params: { rank: 24, seed: 3 } },
    {
      params: {},
      tensors: ({ heads, tokens, normal }) => ({
        E: drawn([heads, 12, tokens], () => normal() / Math.sqrt(tokens)),
        F: drawn([heads, 12, tokens], () => normal() / Math.sqrt(12)),
      }),
    },
  ],

  async open(layer, params) {
    requireBidirectional('linformer', params.causal);
    const heads = layer.q.shape[0]!;
    const { E, F } = projections(layer.tensors, heads, layer.tokens, params);
    const slots = E.shape[1]!;
    const { tokens, executor } = layer;
    const mixed = async (x: FloatTensor, by: FloatTensor) =>
      repeatHeads(await tokenSums(executor, by, x), heads);
    const mixer = latentMixer(layer, {
      slots,
      keys: await mixed(layer.k, E),
      values: await mixed(layer.v, F),
      scale: scaleOf(params.scale, layer.q.shape[2]!),
      spread(head, shares) {
        const row = new Float32Array(tokens);
        const from = Math.floor((head * F.shape[0]!) / heads) * slots;
        shares.forEach((share, r) => {
          const weights = F.data.subarray((from + r) * tokens, (from + r + 1) * tokens);
          for (let j = 0; j < tokens; j++) row[j]! += share * weights[j]!;
        });
        return row;
      },
      structure: () =>
        Array.from({ length: slots }, (_, r) =>
          planNode('slot', `slot ${r + 1}`, strongest(F.data.subarray(r * tokens, (r + 1) * tokens))),
        ),
    });
    // Heads of a group share their slots unless projections are a head's own.
    const rows = (x: FloatTensor, by: FloatTensor) => Math.max(x.shape[0]!, by.shape[0]!) * x.shape[2]!;
    return { ...mixer, kept: () => slots * (rows(layer.k, E) + rows(layer.v, F)) };
  },

  reference: linformerReference,
});

/** `E` and `F`, `[H, R, N]` or `[1, R, N]`. One given alone stands for both. */
function projections(
  tensors: Tensors,
  heads: number,
  tokens: number,
  { rank, seed }: Params<typeof linformerParams>,
): { E: FloatTensor; F: FloatTensor } {
  const slots = tensors['E']?.shape.at(-2) ?? tensors['F']?.shape.at(-2) ?? rank;
  const own = (name: string) => ownTensor(tensors, name, [heads, slots, tokens], [1, slots, tokens]);
  const given = own('E') ?? own('F');
  if (given !== undefined) {
    return { E: given, F: own('F') ?? given };
  }
  const projection = (stream: number) => {
    const { normal } = seeded(seed, stream);
    return drawn([1, rank, tokens], () => normal() / Math.sqrt(rank));
  };
  return { E: projection(0), F: projection(1) };
}

/** How many tokens of a slot the plan names. */
const NAMED = 16;

/** The positions of the largest numbers by size, as ranges. */
function strongest(weights: Float32Array): number[] {
  const best = topIndices(weights.map(Math.abs), NAMED);
  return Array.from(best).flatMap(j => [j, j + 1]);
}

/** By plain loops over the slots. */
function linformerReference(inputs: ReferenceInputs, params: Params<typeof linformerParams>): Float64Array {
  const { heads, tokens, width, q, k, scale, tensors } = inputs;
  const { E, F } = projections(tensors, heads, tokens, params);
  const slots = E.shape[1]!;
  const entry = (x: FloatTensor, h: number, r: number, j: number) =>
    x.data[((x.shape[0] === 1 ? 0 : h) * slots + r) * tokens + j]!;
  const m = new Float64Array(heads * tokens * tokens);
  for (let h = 0; h < heads; h++) {
    const keys = new Float64Array(slots * width);
    for (let r = 0; r < slots; r++)
      for (let j = 0; j < tokens; j++)
        for (let d = 0; d < width; d++)
          keys[r * width + d]! += entry(E, h, r, j) * k[(h * tokens + j) * width + d]!;
    for (let i = 0; i < tokens; i++) {
      const at = h * tokens + i;
      const powers = Array.from({ length: slots }, (_, r) => {
        let sum = 0;
        for (let d = 0; d < width; d++) sum += q[at * width + d]! * keys[r * width + d]!;
        return Math.exp(sum * scale);
      });
      const total = powers.reduce((sum, power) => sum + power, 0);
      for (let j = 0; j < tokens; j++)
        for (let r = 0; r < slots; r++) m[at * tokens + j]! += (powers[r]! / total) * entry(F, h, r, j);
    }
  }
  return m;
}
