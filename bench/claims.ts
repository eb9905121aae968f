/**
 * What the catalogue says of each variant's cost, as a number of (query, key) pairs, or of what stands for
 * them, over `n` tokens. The exponent that a slope is held against is the growth of that number over the
 * very lengths that were measured.
 */

import { VARIANTS } from '../src/engine/variants';
import type { ExampleSizes, Tensors, Variant } from '../src/engine/variants/primitives/mixer';
import { drawn } from '../src/engine/variants/primitives/seeded';
import { UNITS } from './randomLayer';

export interface Claim {
  readonly id: string;
  /** Tells several lines of one variant apart. */
  readonly name?: string;
  /** The row of the catalogue, with the parameters of this line put in. */
  readonly cost: string;
  count(n: number): number;
  /** Where the defaults would hide what the row is about. */
  params?(n: number): Readonly<Record<string, unknown>>;
  tensors?(sizes: ExampleSizes): Tensors;
  /** Attention over evenly spaced blocks stands for all of them. */
  readonly sampled?: boolean;
  /** What a reader should know of this line. */
  readonly note?: string;
}

/** What a line of a table and a measurement go by. */
export function claimName({ id, name }: Claim): string {
  return name ?? id;
}

const linear = (n: number) => n;
const quadratic = (n: number) => n * n;
const root = (n: number) => n * Math.sqrt(n);
const logarithmic = (n: number) => n * Math.log2(n);

/** Tokens of a packed document. */
const DOCUMENT = 1024;

const WINDOWED = { inner: 'local' };
const AROUND_LOCAL = 'around `local`; around `dense` it is dense';

const TABLE: readonly Claim[] = [
  { id: 'dense', cost: 'N²', count: quadratic, sampled: true },
  { id: 'local', cost: 'N·256', count: linear },
  {
    id: 'fixed',
    cost: 'N·(128 + N/4)',
    count: n => n * (128 + n / 4),
    sampled: true,
    note: 'by default later blocks see 32 of every 128 tokens: N·√N holds where the block grows with √N',
  },
  {
    id: 'fixed',
    name: 'fixed, block √N',
    cost: 'N·√N',
    count: root,
    params: n => ({ block: Math.round(Math.sqrt(n)), summary: 1 }),
    note: '256 queries share the blocks they lie in, which outweighs √N at these lengths',
  },
  { id: 'blockwise', cost: 'N·128', count: linear },
  {
    id: 'longformer',
    cost: 'N·512',
    count: linear,
    tensors: ({ tokens }) => ({ global: mark(tokens, i => i < 4) }),
    note: 'both directions, 4 global tokens',
  },
  { id: 'bigbird', cost: 'N·8·64', count: linear, note: 'both directions; 2 blocks see everything' },
  { id: 'vertical-slash', cost: 'N·(512 + 512)', count: linear },
  { id: 'segmented', cost: 'N·128 + (N/128)²', count: n => n * 128 + (n / 128) ** 2 },
  {
    id: 'segmented',
    name: 'segmented, both directions',
    cost: 'N·128 + (N/128)²',
    count: n => n * 128 + (n / 128) ** 2,
    params: () => ({ causal: false }),
  },
  { id: 'strided', cost: 'N·(128 + N/128)', count: n => n * (128 + n / 128) },
  {
    id: 'strided',
    name: 'strided, stride √N',
    cost: 'N·√N',
    count: root,
    params: n => ({ stride: Math.round(Math.sqrt(n)) }),
  },
  { id: 'block-topk', cost: 'N·16·64 + (N/64)²', count: n => n * 1024 + (n / 64) ** 2 },
  {
    id: 'quest',
    cost: 'N·(N/16 + 65·16)',
    count: n => n * (n / 16 + 65 * 16),
    note: 'the bound of a page costs a fraction of an attended key',
  },
  {
    id: 'snapkv',
    cost: 'N²',
    count: quadratic,
    sampled: true,
    note: 'the prompt is dense by definition, and by default it is all but the last 256 tokens',
  },
  {
    id: 'topk',
    cost: 'N²',
    count: quadratic,
    sampled: true,
    note: 'to compare a key costs a fraction of attending to one of the 32 chosen',
  },
  {
    id: 'moba',
    cost: 'N·9·64 + N·N/64',
    count: n => n * (9 * 64 + n / 64),
    note: 'the gate of a block costs a fraction of an attended key',
  },
  { id: 'adaptive-mass', cost: 'N·256', count: linear, note: 'inside `local`' },
  {
    id: 'adaptive-span',
    cost: 'N·1,024',
    count: linear,
    tensors: ({ heads }) => ({ z: drawn([heads], () => 0.5) }),
    note: 'spans given, as trained',
  },
  {
    id: 'hierarchical',
    cost: '~N·b + (N/paragraph)²',
    count: n => n * 16 + (n / UNITS.paragraph) ** 2,
    note: 'paragraphs have one parent, the document',
  },
  { id: 'combiner', cost: 'N·√N', count: root },
  { id: 'ring', cost: 'N²', count: quadratic, sampled: true, note: 'N²/4 each of 4 shards' },
  {
    id: 'aaren',
    cost: 'N²',
    count: quadratic,
    sampled: true,
    note: 'without a learned query rows are dense',
  },
  {
    id: 'aaren',
    name: 'aaren, learned query',
    cost: 'N',
    count: linear,
    tensors: ({ heads, width, normal }) => ({ query: drawn([heads, width], normal) }),
  },
  {
    id: 'mixed-span',
    cost: 'N·256',
    count: linear,
    params: () => ({ dense_layers: 0 }),
    note: 'a windowed layer; the others are dense',
  },
  {
    id: 'document-mask',
    cost: 'sum n², here N·1,024',
    count: linear,
    tensors: ({ tokens }) => ({ document: numbered(tokens, DOCUMENT) }),
  },
  {
    id: 'lsh',
    cost: 'N·log N',
    count: logarithmic,
    note: 'N/64 buckets: the definition compares every token with all of them, N²/128 products a round',
  },
  {
    id: 'lsh',
    name: 'lsh, 16 buckets',
    cost: 'N·log N',
    count: logarithmic,
    params: () => ({ buckets: 16 }),
  },
  {
    id: 'routing',
    cost: 'N·√N',
    count: root,
    tensors: ({ heads, tokens, width, normal }) => ({
      centroids: drawn([heads, Math.round(Math.sqrt(tokens)), width], normal),
    }),
    note: 'centroids given, as trained',
  },
  {
    id: 'routing',
    name: 'routing, fitted',
    cost: 'N·√N',
    count: root,
    note: 'k-means looks at 4,096 tokens at most, which outweighs the rest at first',
  },
  {
    id: 'vq',
    cost: 'N·64',
    count: linear,
    tensors: ({ heads, width, normal }) => ({ codebook: drawn([heads, 64, width], normal) }),
    note: 'codebook given, as trained',
  },
  {
    id: 'vq',
    name: 'vq, fitted',
    cost: 'N·64',
    count: linear,
    note: 'k-means looks at 4,096 tokens at most, which outweighs the rest at first',
  },
  { id: 'linformer', cost: 'N·256', count: linear },
  { id: 'nystrom', cost: 'N·64', count: linear },
  { id: 'performer', cost: 'N·m·D', count: linear },
  { id: 'linear', cost: 'N·D²', count: linear },
  { id: 'probsparse', cost: 'N·log N', count: logarithmic },
  { id: 'bias-shaw', cost: 'inner', count: linear, params: () => WINDOWED, note: AROUND_LOCAL },
  { id: 'bias-t5', cost: 'inner', count: linear, params: () => WINDOWED, note: AROUND_LOCAL },
  { id: 'bias-xl', cost: 'inner', count: linear, params: () => WINDOWED, note: AROUND_LOCAL },
  { id: 'bias-alibi', cost: 'inner', count: linear, params: () => WINDOWED, note: AROUND_LOCAL },
  { id: 'rope', cost: 'inner', count: linear, params: () => WINDOWED, note: AROUND_LOCAL },
  { id: 'urpe', cost: 'inner', count: linear, params: () => WINDOWED, note: AROUND_LOCAL },
  { id: 'recurrent-memory', cost: 'N·(256 + 256)', count: linear },
  {
    id: 'memorizing',
    cost: 'N·(256 + 32), search N²/2',
    count: n => n * 288 + n ** 2 / 2,
    sampled: true,
    note: 'the search is exact: every earlier key is compared, at a fraction of the cost of an attended one',
  },
  { id: 'gla', cost: 'N·D²', count: linear },
  { id: 'retention', cost: 'N·D²', count: linear },
  { id: 'delta', cost: 'N·D²', count: linear },
  {
    id: 'memory-caching',
    cost: 'N·(N/256)·D²',
    count: n => n * (1 + n / 512),
    note: 'every cached state is read, in one product that the rest outweighs at first',
  },
  {
    id: 'memory-caching',
    name: 'memory-caching, 4 segments',
    cost: 'N·5·D² + N·(N/256)·D',
    count: n => n * (5 * 32 + n / 512),
    params: () => ({ k: 4 }),
  },
];

/** The table, and for variants that it leaves out what their own cost says. */
export const CLAIMS: readonly Claim[] = [
  ...TABLE,
  ...VARIANTS.filter(({ info }) => TABLE.every(({ id }) => id !== info.id)).map(statedClaim),
];

/** With the tensors of the variant's first example that has some. */
function statedClaim({ info: { id, cost }, examples }: Variant): Claim {
  const tensors = examples.map(example => example.tensors?.bind(example)).find(make => make !== undefined);
  const isQuadratic = cost.startsWith('N²');
  const count = isQuadratic
    ? quadratic
    : cost.includes('√N')
      ? root
      : cost.includes('log N')
        ? logarithmic
        : linear;
  return { id, cost, count, sampled: isQuadratic, ...(tensors && { tensors }) };
}

/** Tokens `i` with `isMarked(i)`, as a tensor of 0 and 1. */
function mark(tokens: number, isMarked: (i: number) => boolean) {
  let i = 0;
  return drawn([tokens], () => Number(isMarked(i++)));
}

/** Each token's place among runs of `length`. */
function numbered(tokens: number, length: number) {
  let i = 0;
  return drawn([tokens], () => Math.floor(i++ / length));
}
