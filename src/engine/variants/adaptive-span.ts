/**
 * Learned spans: `P` is the softmax over the last `max_span` keys, and
 *
 *   M_ij = P_ij m(i-j) / (sum_j P_ij m(i-j) + 1e-8),   m(x) = clamp((z·max_span - x) / ramp + 1, 0, 1)
 *
 * Sukhbaatar et al. 2019, arXiv 1905.07799, equations 3 and 4. `z` a head is learned; where it is not given,
 * it is the smallest span that holds `gamma` of the mass, averaged over queries of the document.
 */

import { floats, type FloatTensor } from '../onnx/tensor';
import { cachedByGroup } from './primitives/kept';
import { ranges } from './primitives/keys';
import { type Layer, type Mixer, type ReferenceInputs, variant } from './primitives/mixer';
import { integer, MOST_TOKENS, number, type Params, scale } from './primitives/params';
import { headTensor } from './primitives/ownTensor';
import { planNode } from './primitives/planNode';
import { offsetNumbers } from './primitives/positionTerm';
import { softmaxMixer } from './primitives/selection';
import { Problem } from '../../protocol/problem';

const params = {
  max_span: integer(1024, 1, MOST_TOKENS, 'The longest span, in tokens.'),
  ramp: number(32, 1e-3, MOST_TOKENS, 'Tokens over which a span fades out.'),
  gamma: number(0.95, 0, 1, 'Share of the mass that a span holds, where spans are found from the document.'),
  scale,
};

export const adaptiveSpan = variant({
  id: 'adaptive-span',
  title: 'Adaptive span',
  summary: 'A token sees back as far as its head has learned to, with a soft edge.',
  source: 'arXiv 1905.07799',
  trainingClass: 'TF',
  cost: 'N·span',
  plan: ['spans a head'],
  params,
  tensors: {
    z: {
      shape: '[H]',
      origin: 'fitted',
      standIn: 'the smallest span that holds `gamma` of the mass, averaged over queries',
    },
  },
  examples: [
    { params: { max_span: 40, ramp: 6 } },
    { params: { gamma: 0.6 } },
    {
      params: { max_span: 100, ramp: 10 },
      tensors: ({ heads }) => ({
        z: floats(
          [heads],
          Float32Array.from({ length: heads }, (_, h) => 0.3 * h),
        ),
      }),
    },
  ],
  open,

  reference(inputs, { max_span, ramp, gamma }) {
    const { heads, tokens, tensors } = inputs;
    const m = new Float64Array(heads * tokens * tokens);
    for (let h = 0; h < heads; h++) {
      const span = tensors['z'] ? tensors['z'].data[h]! * max_span : foundSpan(inputs, h, max_span, gamma);
      for (let i = 0; i < tokens; i++) {
        const row = m.subarray((h * tokens + i) * tokens, (h * tokens + i + 1) * tokens);
        softmaxBack(inputs, h, i, max_span).forEach((p, x) => {
          row[i - x] = p * Math.min(1, Math.max(0, (span - x) / ramp + 1));
        });
        const sum = row.reduce((total, item) => total + item, 0) + 1e-8;
        for (let j = 0; j <= i; j++) row[j]! /= sum;
      }
    }
    return m;
  },
});

/** `P` of a query by distance back, by plain loops. */
function softmaxBack({ score }: ReferenceInputs, h: number, i: number, most: number): number[] {
  const scores = Array.from({ length: Math.min(i + 1, most) }, (_, x) => score(h, i, i - x));
  const largest = Math.max(...scores);
  const sum = scores.reduce((total, s) => total + Math.exp(s - largest), 0);
  return scores.map(s => Math.exp(s - largest) / sum);
}

function foundSpan(inputs: ReferenceInputs, h: number, most: number, gamma: number): number {
  const count = Math.min(QUERIES, inputs.tokens);
  const mass = new Float64Array(most);
  for (let t = 0; t < count; t++) {
    const i = Math.floor((t * inputs.tokens) / count);
    softmaxBack(inputs, h, i, most).forEach((p, x) => (mass[x]! += p / count));
  }
  let held = mass[0]!;
  let span = 0;
  while (span < most - 1 && held < gamma) held += mass[++span]!;
  return span;
}

/** Queries, evenly over the document, from which spans are found. */
const QUERIES = 256;

async function open(layer: Layer, { max_span, ramp, gamma, scale }: Params<typeof params>): Promise<Mixer> {
  const { tokens, v } = layer;
  const heads = layer.q.shape[0]!;
  if (layer.position?.factor !== undefined) {
    throw new Problem(
      "The variant 'adaptive-span' already shapes the weights; no other factor fits around it.",
    );
  }
  const windowed = (over: Layer) =>
    softmaxMixer(over, {
      causal: true,
      scale,
      keys: ({ start, end }) => ranges(tokens, [start - max_span + 1, end]),
      rule: { key: `within-${max_span}`, admits: (g, { i, j }) => g.less(g.sub(i, j), max_span) },
      admits: (i, j) => j <= i && i - j < max_span,
      structure: () => [],
    });
  const z = headTensor(layer.tensors, 'z', heads, []);
  const spans = z
    ? Float64Array.from(z.data, item => item * max_span)
    : await foundSpans(windowed(layer), heads, tokens, max_span, gamma);

  const reach = Math.min(max_span, tokens);
  const factor = offsetNumbers(heads, 1 - reach, 0, (head, offset) =>
    Math.min(1, Math.max(0, (spans[head]! + offset) / ramp + 1)),
  );
  const shaped = windowed({ ...layer, v: withOnes(v), position: { ...layer.position, factor } });
  const width = v.shape[2]!;
  /** Tokens back from a query to which the head gives weight. */
  const reachOf = (head: number) => Math.min(reach, Math.max(0, Math.ceil(spans[head]! + ramp)));

  return {
    cost: block => shaped.cost(block),
    // With the spans, where they were found from the document.
    kept: () =>
      cachedByGroup(layer, group => Math.max(...group.map(reachOf))) + (z === undefined ? heads : 0),

    async attend(block) {
      const { y: sums, stats } = await shaped.attend(block);
      // The column of ones holds the sum of the shaped weights.
      const norm = (row: number) => sums[row * (width + 1) + width]! + 1e-8;
      const rows = stats.peak.length;
      const y = Float32Array.from({ length: rows * width }, (_, at) => {
        const row = Math.floor(at / width);
        return sums[row * (width + 1) + (at % width)]! / norm(row);
      });
      const scaled = (x: Float32Array) => x.map((value, row) => value / norm(row));
      return { y, stats: { ...stats, sink: scaled(stats.sink), peak: scaled(stats.peak) } };
    },

    async row(head, query) {
      const { keys, weights } = await shaped.row(head, query);
      const norm = weights.reduce((sum, weight) => sum + weight, 0) + 1e-8;
      return { keys, weights: weights.map(weight => weight / norm) };
    },

    structure: query =>
      query === undefined
        ? []
        : Array.from(spans, (span, head) =>
            planNode('span', `head ${head}: ${Math.round(span + ramp)} tokens`, [
              Math.max(0, query + 1 - Math.min(max_span, Math.ceil(span + ramp))),
              query + 1,
            ]),
          ),
  };
}

/** The furthest distance of each head up to which the mean row holds `gamma`. */
async function foundSpans(
  mixer: ReturnType<typeof softmaxMixer>,
  heads: number,
  tokens: number,
  most: number,
  gamma: number,
): Promise<Float64Array> {
  const count = Math.min(QUERIES, tokens);
  const mass = new Float64Array(heads * most);
  for (let t = 0; t < count; t++) {
    const query = Math.floor((t * tokens) / count);
    const rows = await mixer.rows({ start: query, end: query + 1 });
    for (let head = 0; head < heads; head++) {
      const { keys, weights } = rows(head, query);
      keys.forEach((key, at) => (mass[head * most + query - key]! += weights[at]! / count));
    }
  }
  return Float64Array.from({ length: heads }, (_, head) => {
    let held = mass[head * most]!;
    let span = 0;
    while (span < most - 1 && held < gamma) held += mass[head * most + ++span]!;
    return span;
  });
}

/** A column of ones after the values: `[G, P, E] -> [G, P, E + 1]`. */
function withOnes(v: FloatTensor): FloatTensor {
  const [groups, stride, width] = v.shape as [number, number, number];
  const wider = floats([groups, stride, width + 1]);
  for (let row = 0; row < groups * stride; row++) {
    wider.data.set(v.data.subarray(row * width, (row + 1) * width), row * (width + 1));
    wider.data[row * (width + 1) + width] = 1;
  }
  return wider;
}
