/**
 * Mixed attention spans: a schedule over the layers, dense in `dense_layers` and a sliding window,
 * `i - window < j <= i`, in the rest. Without causality the window is `|i - j| < window`.
 *
 * Zhang et al. 2023, MASFormer, arXiv 2310.12442, section 3. A count takes the first layers of the model;
 * a case file may instead list layer numbers from 0. A tensor file is layer 0 of 1, unless it says which
 * `layer` of the schedule it is.
 */

import { Problem } from '../../protocol/problem';
import { dense } from './dense';
import { local } from './local';
import { type Variant, variant } from './primitives/mixer';
import { causal, integer, MOST_TOKENS, scale } from './primitives/params';
import { planNode } from './primitives/planNode';
import { softmaxReference } from './primitives/selection';

/** As many layers as any schedule may count. */
const MOST_LAYERS = 2 ** 12;

const counted = variant({
  id: 'mixed-span',
  title: 'Mixed spans',
  summary: 'A few layers are dense; in the others a token sees the last few tokens.',
  source: 'arXiv 2310.12442',
  trainingClass: 'TF',
  cost: 'mixed',
  plan: ['span of the layer'],
  params: {
    dense_layers: integer(
      1,
      0,
      MOST_LAYERS,
      'How many layers are dense, from the first on. A case file may list their numbers, as [0, 5].',
    ),
    window: integer(256, 1, MOST_TOKENS, 'Tokens seen back from the query in the other layers.'),
    causal,
    scale,
  },
  prefixStable: ({ causal }) => causal,
  examples: [
    { params: { dense_layers: 0, window: 20 } },
    { params: { dense_layers: 0, window: 12, causal: false } },
    { params: { dense_layers: '0,3', window: 5 } },
    { params: { dense_layers: [2], window: 33 } },
    { params: {} },
  ],

  async open(layer, { dense_layers, window, causal, scale }) {
    const isDense = layer.index < dense_layers;
    const mixer = isDense
      ? await dense.open(layer, { causal, scale })
      : await local.open(layer, { window, causal, scale });
    const name = `layer ${layer.index} of ${layer.count}`;
    return {
      ...mixer,
      structure(query) {
        if (query === undefined) return [];
        const [start, end] = isDense
          ? [0, causal ? query + 1 : layer.tokens]
          : [Math.max(0, query - window + 1), causal ? query + 1 : Math.min(layer.tokens, query + window)];
        const label = isDense ? `${name}, dense` : `${name}, window of ${window}`;
        return [planNode(isDense ? 'dense' : 'window', label, [start, end])];
      },
    };
  },

  reference: (inputs, { dense_layers, window, causal }) =>
    softmaxReference(inputs, (i, j) => (!causal || j <= i) && (dense_layers > 0 || Math.abs(i - j) < window)),
});

export const mixedSpan: Variant = {
  ...counted,
  open: async (layer, given) => {
    const { layer: index = layer.index, ...rest } = given;
    if (typeof index !== 'number' || !Number.isInteger(index) || index < 0)
      throw new Problem(
        `The 'layer' of 'mixed-span' is a layer number from 0; it is ${JSON.stringify(index)}.`,
      );
    return counted.open({ ...layer, index }, forLayer(rest, index));
  },
  isPrefixStable: given => counted.isPrefixStable(forLayer(given, 0)),
  reference: (inputs, given) => counted.reference(inputs, forLayer(given, 0)),
};

/** A list of layers, as a count that says the same of this layer. */
function forLayer(
  given: Readonly<Record<string, unknown>>,
  layer: number,
): Readonly<Record<string, unknown>> {
  const { dense_layers: value } = given;
  if (typeof value !== 'string' && !Array.isArray(value)) return given;
  const items: readonly unknown[] = typeof value === 'string' ? value.split(',').filter(Boolean) : value;
  const layers = items.map(item => (typeof item === 'string' ? Number(item) : item));
  if (layers.some(item => typeof item !== 'number' || !Number.isInteger(item) || item < 0)) {
    throw new Problem(
      `The parameter 'dense_layers' of 'mixed-span' takes a count or layer numbers from 0, as in 0,5; it is ${JSON.stringify(value)}.`,
    );
  }
  return { ...given, dense_layers: layers.includes(layer) ? MOST_LAYERS : 0 };
}
