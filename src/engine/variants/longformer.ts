/**
 * Longformer: `i` and `j` see each other when `|i - j| <= window`, or when one of them is global. With
 * causality only `j <= i` remains of it. Where a model brings projections of its own for global tokens, these
 * tokens read all others by them, while the others read global tokens by the projections that all have.
 *
 * Beltagy et al. 2020, arXiv 2004.05150, section 3.1.
 */

import { ranges } from './primitives/keys';
import { cached } from './primitives/kept';
import { type Tensors, variant } from './primitives/mixer';
import { boolean, integer, MOST_TOKENS, scale } from './primitives/params';
import { planNode } from './primitives/planNode';
import { groupedMixer } from './primitives/queryGroups';
import { softmaxReference } from './primitives/selection';
import type { Rule } from './primitives/softmaxRows';
import { ownTensor } from './primitives/ownTensor';

const rule = (window: number): Rule => ({
  key: `longformer/${window}`,
  admits(g, { i, j, label }) {
    const near = g.lessOrEqual(g.unary('Abs', g.sub(i, j)), window);
    const isGlobal = label('global');
    return g.or(near, g.less(0, g.add(isGlobal.i, isGlobal.j)));
  },
});

/** 1 for each global token, `[N]`. */
function globals(tensors: Tensors, tokens: number): Uint8Array {
  const given = ownTensor(tensors, 'global', [tokens]);
  return Uint8Array.from({ length: tokens }, (_, i) => Number((given?.data[i] ?? 0) !== 0));
}

const every = (step: number) => ({
  tensors: ({ tokens }: { tokens: number }) => ({
    global: {
      type: 'float32' as const,
      shape: [tokens],
      data: Float32Array.from({ length: tokens }, (_, i) => Number(i % step === 2)),
    },
  }),
});

export const longformer = variant({
  id: 'longformer',
  title: 'Longformer',
  summary: 'A token sees a window on both sides and the global tokens, which see everything.',
  source: 'arXiv 2004.05150',
  trainingClass: 'TF',
  cost: 'N·w',
  plan: ['window', 'global tokens'],
  params: {
    window: integer(256, 0, MOST_TOKENS, 'Tokens seen on each side of the query.'),
    causal: boolean(false, 'A token sees itself and earlier tokens only.'),
    scale,
  },
  tensors: {
    global: { shape: '[N]', origin: 'set', standIn: 'no token is global' },
  },
  examples: [
    { params: { window: 9, causal: false }, ...every(40) },
    { params: { window: 12, causal: true }, ...every(25) },
    { params: { window: 16, causal: false } },
    { params: { causal: false }, ...every(1000) },
  ],

  open(layer, { window, causal, scale }) {
    const { tokens } = layer;
    const isGlobal = globals(layer.tensors, tokens);
    const globalRuns = Array.from(isGlobal.keys())
      .filter(i => isGlobal[i] === 1)
      .map((i): [number, number] => [i, i + 1]);
    const reach = (start: number, end: number): [number, number] => [
      start - window,
      causal ? end : end + window,
    ];
    const last = tokens - 1;
    const mixer = groupedMixer(layer, {
      causal,
      scale,
      rule: rule(window),
      labels: { global: isGlobal },
      admits: (i, j) => Math.abs(i - j) <= window || isGlobal[i] === 1 || isGlobal[j] === 1,
      groups({ start, end }) {
        const queries = Array.from({ length: end - start }, (_, b) => start + b);
        const limit = causal ? end : tokens;
        const groups = [
          {
            queries: queries.filter(i => isGlobal[i] === 0),
            keys: ranges(limit, ...globalRuns, reach(start, end)),
          },
          {
            queries: queries.filter(i => isGlobal[i] === 1),
            keys: ranges(limit, [0, limit]),
            heads: layer.globals,
          },
        ];
        return groups.filter(group => group.queries.length > 0);
      },
      structure(query) {
        const limit = query !== undefined && causal ? query + 1 : tokens;
        const known = ranges(limit, ...globalRuns);
        const globalNode = known.length > 0 ? [planNode('global', 'global tokens', known)] : [];
        if (query === undefined) return globalNode;
        if (isGlobal[query] === 1)
          return [planNode('everything', 'a global token sees everything', [0, limit])];
        const near = ranges(tokens, reach(query, query + 1));
        return [planNode('window', `window of ${window} a side`, near), ...globalNode];
      },
    });
    const isWhole = !causal || isGlobal[last] === 1;
    const stays = (_: unknown, j: number) => isWhole || last - j <= window || isGlobal[j] === 1;
    return {
      ...mixer,
      kept() {
        const apart = layer.globals && globalRuns.length > 0 ? cached(layer.globals, tokens) : 0;
        return cached(layer, isGlobal.filter(stays).length) + apart;
      },
    };
  },

  reference(inputs, { window, causal }) {
    const isGlobal = (i: number) => (inputs.tensors['global']?.data[i] ?? 0) !== 0;
    return softmaxReference(
      inputs,
      (i, j) => (!causal || j <= i) && (Math.abs(i - j) <= window || isGlobal(i) || isGlobal(j)),
    );
  },
});
