/**
 * Inside another variant's set, the smallest set of keys that holds `gamma` of the mass, renormalised: the
 * keys of a row by falling weight, until their sum reaches `gamma` of the row's.
 *
 * The nucleus of Twilight, Lin et al. 2025, arXiv 2502.02770. Parameters of the inner variant are passed on.
 */

import { listedMixer } from './primitives/listed';
import type { Layer, Mixer, MixerRow, Variant } from './primitives/mixer';
import { number, type ParamSpecs, resolveParams } from './primitives/params';
import { topIndices } from './primitives/topIndices';

const ID = 'adaptive-mass';

/** `variants` gives the whole list, once it stands. */
export function adaptiveMass(variants: () => readonly Variant[]): Variant {
  const inners = () =>
    variants().filter(
      ({ info, distribution }) => info.id !== ID && info.trainingClass === 'TF' && distribution,
    );
  const params: ParamSpecs = {
    inner: {
      type: 'choice',
      default: 'local',
      get choices() {
        return inners().map(({ info }) => info.id);
      },
      help: 'The variant whose set is cut down.',
    },
    gamma: number(0.95, 0, 1, 'Share of a row that the kept keys hold at least.'),
  };

  function resolve(given: Readonly<Record<string, unknown>>) {
    const own = Object.fromEntries(Object.entries(given).filter(([name]) => Object.hasOwn(params, name)));
    const passed = Object.fromEntries(Object.entries(given).filter(([name]) => !Object.hasOwn(params, name)));
    const { inner: id, gamma } = resolveParams(ID, params, own);
    return { inner: inners().find(({ info }) => info.id === id)!, gamma: Number(gamma), passed };
  }

  return {
    info: {
      id: ID,
      title: 'Adaptive mass',
      summary: "Of another variant's keys, a token sees the fewest that hold most of the mass.",
      source: 'arXiv 2502.02770',
      trainingClass: 'TF',
      cost: 'inner',
      plan: ['inner'],
      params,
      tensors: {},
    },
    distribution: true,
    examples: [
      { params: {} },
      { params: { gamma: 0.5, inner: 'dense' } },
      { params: { gamma: 0.8, inner: 'strided', stride: 9 } },
      { params: { gamma: 1, window: 40 } },
    ],

    isPrefixStable(given) {
      const { inner, passed } = resolve(given);
      return inner.isPrefixStable(passed);
    },

    async open(layer, given) {
      const { inner, gamma, passed } = resolve(given);
      return nucleus(layer, await inner.open(layer, passed), gamma);
    },

    reference(inputs, given) {
      const { inner, gamma, passed } = resolve(given);
      const m = inner.reference(inputs, passed);
      const { tokens } = inputs;
      for (let from = 0; from < m.length; from += tokens) {
        const row = m.subarray(from, from + tokens);
        const order = Array.from(row, (_, j) => j).sort((a, b) => row[b]! - row[a]! || a - b);
        const total = order.reduce((sum, j) => sum + row[j]!, 0);
        let held = row[order[0]!]!;
        let kept = 1;
        while (kept < tokens && held < gamma * total) held += row[order[kept++]!]!;
        order.forEach((j, rank) => (row[j] = rank < kept ? row[j]! / held : 0));
      }
      return m;
    },
  };
}

function nucleus(layer: Layer, inner: Mixer, gamma: number): Mixer {
  const mixer = listedMixer(layer, {
    scale: 1,
    length: query => inner.cost({ start: query, end: query + 1 }),
    structure: query => inner.structure(query),
    async lists(block) {
      const length = block.end - block.start;
      const heads = layer.q.shape[0]!;
      const whole = await inner.rows?.(block);
      const rows: MixerRow[] = [];
      for (let at = 0; at < heads * length; at++) {
        const [head, query] = [Math.floor(at / length), block.start + (at % length)];
        rows.push(smallest(whole?.(head, query) ?? (await inner.row(head, query)), gamma));
      }
      const of = (head: number, query: number) => rows[head * length + query - block.start]!;
      return {
        keys: (head, query) => of(head, query).keys,
        // The softmax of the logarithms of weights is the weights over their sum.
        scores: (head, query) => of(head, query).weights.map(Math.log),
      };
    },
  });
  const { memoryAt, kept } = inner;
  return { ...mixer, ...(memoryAt && { memoryAt }), ...(kept && { kept }) };
}

/** The fewest keys that hold `gamma` of the row, at least one; the earlier of equal weights. */
function smallest({ keys, weights }: MixerRow, gamma: number): MixerRow {
  const rising = weights.slice().sort();
  let total = 0;
  for (const weight of rising) total += weight;
  let held = rising.at(-1)!;
  let count = 1;
  while (count < rising.length && held < gamma * total) held += rising[rising.length - ++count]!;
  const kept = topIndices(weights, count);
  return {
    keys: kept.map(at => keys[at]!),
    weights: new Float32Array(kept).map((_, rank) => weights[kept[rank]!]!),
  };
}
