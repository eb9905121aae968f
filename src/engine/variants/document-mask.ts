/**
 * Several documents packed into one sequence: `i` sees `j <= i` of its own document, and no edge crosses
 * from one to another. Costs the sum of the squares of their lengths.
 *
 * Zhai et al. 2022, ByteTransformer, arXiv 2210.03052, section 3.2 (variable-length batches). The tensor
 * `document` numbers the document of every token; without it the paragraphs of the text stand for them.
 */

import { Problem } from '../../protocol/problem';
import { ranges } from './primitives/keys';
import { type Layer, variant } from './primitives/mixer';
import { ownTensor } from './primitives/ownTensor';
import { causal, choice, scale } from './primitives/params';
import { planNode } from './primitives/planNode';
import { softmaxMixer, softmaxReference } from './primitives/selection';
import type { Rule } from './primitives/softmaxRows';

const SAME_DOCUMENT: Rule = {
  key: 'same-document',
  admits(g, { label }) {
    const { i, j } = label('document');
    return g.equal(i, j);
  },
};

/** The document of every token, `[N]`. */
function documentsOf(
  { tensors, units, tokens }: Pick<Layer, 'tensors' | 'units' | 'tokens'>,
  unit: 'sentence' | 'paragraph',
): ArrayLike<number> {
  const given = ownTensor(tensors, 'document', [tokens]);
  if (given !== undefined) return given.data;
  if (units !== undefined) return units(unit);
  throw new Problem(
    `The variant 'document-mask' needs the document of every token, a tensor 'document' [${tokens}], and there is none.`,
  );
}

const lengths = (...sizes: readonly number[]) => ({
  tensors: ({ tokens }: { tokens: number }) => {
    const data = new Float32Array(tokens);
    for (let at = 0, id = 0; at < tokens; at += sizes[id % sizes.length]!, id++) data.fill(id, at);
    return { document: { type: 'float32' as const, shape: [tokens], data } };
  },
});

export const documentMask = variant({
  id: 'document-mask',
  title: 'Packed documents',
  summary: 'A token sees the earlier tokens of its own document, of several packed into one sequence.',
  source: 'arXiv 2210.03052',
  trainingClass: 'TF',
  cost: 'sum n²',
  plan: ['documents'],
  params: {
    unit: choice('paragraph', ['paragraph', 'sentence'], 'What stands for a document where none are given.'),
    causal,
    scale,
  },
  tensors: {
    document: { shape: '[N]', origin: 'set', standIn: 'the paragraphs of the text stand for documents' },
  },
  examples: [
    { params: {}, ...lengths(30, 5, 17) },
    { params: { causal: false }, ...lengths(1, 40) },
    { params: { unit: 'sentence' } },
  ],

  open(layer, { unit, causal, scale }) {
    const { tokens } = layer;
    const of = documentsOf(layer, unit as 'sentence' | 'paragraph');
    const first = new Map<number, number>();
    const last = new Map<number, number>();
    for (let i = 0; i < tokens; i++) {
      const id = of[i]!;
      if (!first.has(id)) first.set(id, i);
      last.set(id, i);
    }
    const extent = (id: number): [number, number] => [first.get(id)!, last.get(id)! + 1];
    return softmaxMixer(layer, {
      causal,
      scale,
      rule: SAME_DOCUMENT,
      labels: { document: of },
      keys({ start, end }) {
        const ids = new Set(Array.from({ length: end - start }, (_, b) => of[start + b]!));
        return ranges(causal ? end : tokens, ...Array.from(ids, extent));
      },
      admits: (i, j) => of[i] === of[j] && (!causal || j <= i),
      // A packed sequence goes on with its last document.
      keptTokens: causal ? Array.from(of).filter(id => id === of[tokens - 1]).length : tokens,
      structure: () =>
        Array.from(first.keys(), (id, at) => planNode('document', `document ${at + 1}`, extent(id))),
    });
  },

  reference(inputs, { unit, causal }) {
    const of = documentsOf(inputs, unit as 'sentence' | 'paragraph');
    return softmaxReference(inputs, (i, j) => of[i] === of[j] && (!causal || j <= i));
  },
});
